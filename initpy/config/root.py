"""The parameters that name the root and /usr, and say how they are mounted."""

from collections.abc import Mapping

from initpy.config.commandline import Parameter
from initpy.config.devicespec import EXPECTED, parse_device, parse_root
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import ExtraMount, ImageFile, RootMount

# Of a root in a file; nothing else makes loop devices here.
LOOP = DeviceSpec(Naming.PATH, "/dev/loop0")
ROOT_EXPECTED = f"{EXPECTED}, MAJOR:MINOR or gpt-auto"


def device(parameter: Parameter) -> DeviceSpec:
    """root="""
    found = parse_root(parameter.text(ROOT_EXPECTED))
    if found is None:
        raise parameter.error(ROOT_EXPECTED)
    return found


def usr(given: Mapping[str, Parameter], root: DeviceSpec) -> ExtraMount | None:
    """mount.usr=, mount.usrfstype=, mount.usrflags=; None when fstab is to tell.

    With a type or flags but no device it is the root's: systemd-fstab-generator(8).
    """
    if not given:
        return None
    source, named = root, given.get("mount.usr")
    if named is not None:
        found = parse_device(named.value or "")
        if found is None:
            raise named.error(EXPECTED)
        source = found
    types = [each for each in _list(given.get("mount.usrfstype")) if each != "auto"]
    return ExtraMount("/usr", source, tuple(types), _list(given.get("mount.usrflags")))


def image(
    given: Mapping[str, Parameter], host: DeviceSpec, mount: RootMount
) -> tuple[ImageFile, RootMount]:
    """loop=, loopfstype=, loopflags= of Ubuntu: the root is a file on the file system of root=.

    rootfstype= and rootflags= are for that file system, ro and rw for both.
    """
    path = given["loop"].value or ""
    if not path.startswith("/") or ".." in path.split("/"):
        raise given["loop"].error("the absolute path of a file on the file system of root=")
    types = tuple(each for each in _list(given.get("loopfstype")) if each != "auto")
    inner = RootMount(types, _list(given.get("loopflags")), mount.writable)
    return ImageFile(host, path, mount), inner


def _list(parameter: Parameter | None) -> tuple[str, ...]:
    text = parameter.value if parameter is not None else None
    return tuple(filter(None, (text or "").split(",")))
