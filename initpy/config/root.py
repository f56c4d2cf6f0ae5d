"""The parameters that name the root and /usr, and say how they are mounted."""

import re
from collections.abc import Mapping, Sequence

from initpy.config.commandline import FALSE, Parameter
from initpy.config.declared import parse_form
from initpy.config.devicespec import EXPECTED, OF_MOUNT, SEVERAL, parse_device, parse_root
from initpy.config.errors import InputError
from initpy.core.devices.names import DeviceSpec, Naming, RootForm, with_needs
from initpy.core.settings import ExtraMount, ImageFile, RootMount

# Of a root in a file; nothing else makes loop devices here.
LOOP = DeviceSpec(Naming.PATH, "/dev/loop0")
LIVE = ("live", "liveiso", "livenet", "http", "https", "ftp", "tftp", "torrent")
ROOT_EXPECTED = f"{EXPECTED}, MAJOR:MINOR or gpt-auto"


NOT_REACHED = "another root: {} is not supported; NFS, iSCSI, NBD and NVMe over TCP are"
AOE = "/dev/etherd/"  # of the kernel's driver; a job file of the user may bring the link up


def unreached(parameter: Parameter) -> InputError | None:
    """Return what is to be said of a device that no job file of initpy connects."""
    beside = (parameter.value or "").startswith(AOE)
    return parameter.error(NOT_REACHED.format("AoE")) if beside else None


def device(parameter: Parameter, forms: tuple[RootForm, ...] = ()) -> DeviceSpec:
    """root=, also in the forms that job files declare."""
    text = parameter.text(ROOT_EXPECTED)
    found = parse_root(text)
    if found is None:
        found = parse_form(text, forms)
    elif forms:
        found = with_needs(found, forms)
    if found is None:
        declared = "".join(f", {each}" for form in forms for each in form.forms)
        lacks = "" if forms and text.lower().startswith("zfs") else _why(text)
        raise parameter.error(lacks or ROOT_EXPECTED + declared)
    return found


def _why(text: str) -> str:
    """Return what is to be said of words for a root that others understand; "" for no such."""
    word = text.partition(":")[0].partition("=")[0]
    if word in LIVE:
        return (
            "a disk or a share: live images and roots that are fetched are not supported, "
            "boot them with their own initramfs"
        )
    systemds = ("fstab", "tmpfs", "bind", "dissect", "dissect-force", "none")
    if word in systemds or text in FALSE:
        return f"a device: root={word} is of systemd's initramfs"
    if re.fullmatch("(ubi|mtd)[0-9]*|ubifs|overlay", word):
        return f"another root: one on {word} is not supported"
    if SEVERAL in text:
        return "one device: a file system of bcachefs on several is not supported"
    if text.startswith("//"):
        return NOT_REACHED.format("CIFS")
    if word in ("aoe", "fcoe", "fcp", "srp", "ceph", "gluster", "glusterfs"):
        return NOT_REACHED.format(word)
    if word.lower() == "zfs":
        return "a device: the image has no ZFS (jobs/extra/zfs.toml)"
    server, path, _ = text.partition(":/")
    if path and ":" in server and re.fullmatch("[0-9a-fA-F:.]+", server):
        return "an IPv6 server in brackets, as in [fd00::1]:/DIRECTORY"
    path = text.strip("'\"“”")
    quoted = parse_root(path)
    if quoted is None and re.fullmatch(r"(sd|vd|xvd|hd|nvme|mmcblk|md|dm-)[a-z0-9]+", path):
        quoted = parse_device(f"/dev/{path}")
    return f"root={quoted}" if quoted is not None else ""


# An option's value in quotes, which systemd takes away and no file system does.
QUOTED = r'^([^"]+=)"([^"]*)"$'
# Options that may stand in one list several times: btrfs(5), and the commas of a cifs password.
REPEATED = ("device", "")


def joined(given: Sequence[Parameter]) -> tuple[tuple[str, ...], InputError | None]:
    """The options of rootflags= or mount.usrflags=, and a note if there are several lists.

    They are joined as in systemd's fstab-generator; of an option in several lists the last counts.
    """
    options: list[str] = []
    for parameter in given:
        new = [re.sub(QUOTED, r"\1\2", each) for each in (parameter.value or "").split(",")]
        names = {each.partition("=")[0] for each in new}.difference(REPEATED)
        options = [each for each in options if each.partition("=")[0] not in names] + new
    if len(given) < 2:
        return tuple(options), None
    joined_to = "it once; all count, joined, and of an option in several lists the last"
    return tuple(options), given[-1].error(joined_to)


def check_flags(parameter: Parameter) -> None:
    """Raise an error for options of mount(8) by which root would be another folder, say."""
    for each in (parameter.value or "").split(","):
        if each.startswith(OF_MOUNT):
            beginnings = ", ".join(OF_MOUNT)
            raise parameter.refusal(f"options without {beginnings}, which are not supported")


def without(given: Sequence[Parameter], taken: Sequence[str]) -> list[Parameter]:
    """Return lists of options without those that count elsewhere."""
    kept = []
    for each in given:
        options = [option for option in (each.value or "").split(",") if option not in taken]
        if options:
            kept.append(each._replace(value=",".join(options)))
    return kept


def writable(mount: RootMount, asked: bool | None) -> RootMount:
    """Root's mount with `ro` or `rw` of the command line, else of rootflags=, else as it is.

    As in systemd's fstab-generator, ro and rw among rootflags= do not count beside those.
    """
    words = [each for each in mount.flags if each in ("ro", "rw")]
    flags = tuple(each for each in mount.flags if each not in ("ro", "rw"))
    found = words[-1] == "rw" if words else mount.writable
    return mount._replace(flags=flags, writable=found if asked is None else asked)


def usr(
    given: Mapping[str, Parameter], root: DeviceSpec, mount: RootMount, asked: bool | None
) -> ExtraMount | None:
    """mount.usr=, mount.usrfstype=, mount.usrflags=; None when fstab is to tell.

    What of the three is not there is as for root. Without ro and rw in the options the command
    line's counts (`asked`), and else ro: systemd's fstab-generator.
    """
    if not given:
        return None
    source, named = root, given.get("mount.usr")
    if named is not None:
        found = parse_device(named.value or "")
        if found is None:
            # Without /usr the real system is not started: not what was asked for, and half of it.
            wrong = named.error if (named.value or "").lower() in FALSE else named.refusal
            raise wrong(EXPECTED)
        source = found
    types, flags = mount.types, mount.flags
    if (kind := given.get("mount.usrfstype")) is not None:
        types = tuple(each for each in _list(kind) if each != "auto")
    if (options := given.get("mount.usrflags")) is not None:
        flags = _list(options)
    if not {"ro", "rw"} & {*flags}:
        flags = (*flags, "rw" if asked else "ro")
    return ExtraMount("/usr", source, types, flags)


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
