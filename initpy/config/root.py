"""The parameters that name the root, /usr, and where the root's changes go."""

from collections.abc import Mapping

from initpy.config.commandline import Parameter
from initpy.config.devicespec import EXPECTED, parse_device, parse_root
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import ExtraMount, ImageFile, Overlay, RootMount

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


def overlay(parameter: Parameter) -> Overlay | None:
    """rd.overlay= of dracut: a flag, or the device that changes go to."""
    if (source := parse_device(parameter.value or "")) is not None:
        return Overlay(parameter.key, source)
    return Overlay(parameter.key) if parameter.flag() else None


def overlayroot(parameter: Parameter) -> Overlay | None:
    """overlayroot= of Ubuntu; what may follow `tmpfs:` is about mounts of its own."""
    kind = (parameter.value or "").partition(":")[0]
    if kind not in ("tmpfs", "disabled", ""):
        raise parameter.error("tmpfs or disabled (for a device there is rd.overlay=)")
    return Overlay(parameter.key) if kind == "tmpfs" else None


def volatile(parameter: Parameter) -> Overlay | None:
    """systemd.volatile=: an initramfs does `overlay`, the real systemd does `state`."""
    if parameter.value == "overlay":
        return Overlay(parameter.key)
    if parameter.value not in ("no", "0", "false", "off", "state"):
        raise parameter.error("overlay, state or no (a root in memory is not supported)")
    return None
