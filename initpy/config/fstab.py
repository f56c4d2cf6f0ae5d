"""The root's own /etc/fstab: what of it is to be mounted before the real system starts.

That is /usr, and what is marked x-initrd.mount (systemd.mount(5)); see fstab(5) for the six fields.
The real system cannot start without /usr: `nofail` and `noauto` do not count there. Some entries
have no device: memory, folders of the root (bind, overlay), a file on it (loop). An image's
builder also asks for the swap devices.
"""

import re
from collections.abc import Container, Iterable, Iterator

from initpy.config.devicespec import EXPECTED, OF_MOUNT, parse_device, simple_path
from initpy.config.errors import InputError
from initpy.config.secretfields import url
from initpy.config.textlines import fields as fields_of
from initpy.config.textlines import lines, unescaped
from initpy.config.timespan import limit_of
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import ExtraMount, OtherCheck
from initpy.core.tuples import NamedTuple

PATH = "/etc/fstab"
MARK = "x-initrd.mount"
USR = "/usr"
# Not waited for by the real system either; of an option and its opposite the last one counts.
NOT_HERE = {"noauto": "auto", "nofail": "fail"}
IN_MEMORY = ("tmpfs", "ramfs")
BIND = ("bind", "rbind")
OVERLAY = "overlay"
# Options of an overlay that are paths (Documentation/filesystems/overlayfs.rst).
OF_FOLDERS = ("lowerdir", "upperdir", "workdir")
NEEDED = "x-systemd.requires-mounts-for"


class RootMount(NamedTuple):
    """A mount below the root without a device; paths are as the real system sees them."""

    kind: str  # one of IN_MEMORY, "bind", "rbind", "overlay", "loop"
    target: str
    source: str  # a folder or file of the root; "" for memory and overlays
    types: tuple[str, ...]
    options: tuple[str, ...]


class _Line(NamedTuple):
    number: int
    source: str
    target: str
    types: tuple[str, ...]
    options: tuple[str, ...]
    checked: bool
    repeated: bool  # a line before has the same place

    def error(self, value: str, expected: str) -> InputError:
        return InputError(f"{PATH} of the root: line {self.number}: {self.target}", value, expected)

    def excluded(self) -> str:
        """Return what is expected instead of an entry that is not mounted here; "" if it is."""
        if self.target in MOVED or self.target.startswith(tuple(f"{each}/" for each in MOVED)):
            return "a place outside /dev, /proc, /sys and /run, which come from the initramfs"
        if left := [each for each in self.options if each.startswith(OF_MOUNT)]:
            return f"{EXPECTED}, without {left[0].partition('=')[0]}=; not mounted here"
        kind = self.types[0].partition(".")[0] if self.types else ""
        return f"{EXPECTED}; not mounted here" if kind in SHARES else ""

    def not_here(self) -> str:
        """Return the option by which the real system does not wait for this mount, or ""."""
        names = [each.partition("=")[0] for each in self.options]
        for option, opposite in NOT_HERE.items():
            if [each for each in names if each in (option, opposite)][-1:] == [option]:
                return option
        return ""

    def without_device(self) -> str:
        """The kind of a mount that has no device; "" for another one."""
        kind = self.types[0] if self.types else ""
        bound = next((each for each in self.options if each in BIND), "")
        if bound or kind in (*IN_MEMORY, OVERLAY):
            return bound or kind
        in_file = self.source.startswith("/") and not self.source.startswith(("/dev/", "//"))
        return "loop" if in_file else ""


# The real system gets these places as they are in the initramfs: a mount there would be hidden.
MOVED = ("/dev", "/proc", "/sys", "/run")
SHARES = ("nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "glusterfs", "fuse", "autofs")


# A file system that is mounted by hand or by its first user is checked then.
LATER = ("noauto", "x-systemd.automount", "_netdev")


def parse_fstab(
    text: str, listed: Container[str] = ()
) -> tuple[tuple[ExtraMount, ...], tuple[InputError, ...]]:
    """What is wanted before the handover, and what is wanted but cannot be understood.

    `listed`: types whose sources are no devices but names of what a job lists.
    """
    wanted: list[ExtraMount] = []
    problems: list[InputError] = []
    for line in _wanted(text):
        left = "" if line.target == USR else line.not_here()
        device = parse_device(line.source)
        if device is None and any(each in listed for each in line.types):
            shows = ((("DEVNAME", line.source),),)
            device = DeviceSpec(Naming.LISTED, line.source, shows=shows)
        if line.repeated:
            expected = "a place that no line before has; the first line counts"
            problems.append(line.error(url(line.source), expected))
        elif left:
            expected = "no such option, to mount it here; it is left to the real system"
            problems.append(line.error(left, expected))
        elif expected := line.excluded():
            if device is not None or not line.target.startswith(MOVED):  # not a line as for /proc
                problems.append(line.error(url(line.source), expected))
        elif line.without_device():
            continue
        elif device is None:
            problems.append(line.error(url(line.source), f"{EXPECTED}; not mounted here"))
        else:
            parts = (line.target, device, line.types, line.options, line.checked)
            wanted.append(ExtraMount(*parts, limit_of(line.options)))
    return tuple(wanted), tuple(problems)


def parse_root_mounts(text: str) -> tuple[RootMount, ...]:
    """What is wanted before the handover and has no device, in the order in which to mount it."""
    found: list[RootMount] = []
    for line in _wanted(text):
        kind = line.without_device()
        left = line.target != USR and line.not_here()
        if kind and not (left or line.excluded() or line.repeated):
            source = line.source if kind in (*BIND, "loop") else ""
            found.append(RootMount(kind, line.target, source, line.types, line.options))
    return tuple(_ordered(sorted(found, key=lambda each: each.target.count("/"))))


def _ordered(left: list[RootMount]) -> Iterator[RootMount]:
    """Yield each mount after those with what it needs; fstab's order does not tell (systemd)."""
    while left:
        free = (one for one in left if not any(_needs(one, x) for x in left if x is not one))
        chosen = next(free, left[0])  # in a circle, none is
        left.remove(chosen)
        yield chosen


def _needs(mount: RootMount, other: RootMount) -> bool:
    """True if another mount is above its place, or has its source or a folder of its options."""
    paths = [mount.source]
    for option in mount.options:
        key, _, value = option.partition("=")
        if mount.kind == OVERLAY and key.rstrip("+") in OF_FOLDERS:
            paths += value.split(":")
        elif key == NEEDED:
            paths.append(value)
    above = mount.target.startswith(f"{other.target}/")
    places = [f"{simple_path(each)}/" for each in paths if each]
    return above or any(each.startswith(f"{other.target}/") for each in places)


def _wanted(text: str) -> Iterator[_Line]:
    taken: set[str] = set()
    for number, line in enumerate(lines(text), 1):
        fields = fields_of(line)
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        source, target = unescaped(fields[0]), simple_path(unescaped(fields[1]))
        options = tuple(map(unescaped, fields[3].split(","))) if len(fields) > 3 else ()
        swap = fields[2:3] == ["swap"] or not fields[1].startswith("/")
        if target == "/" or swap or not (target == USR or _marked(options)):
            continue
        kinds = fields[2].split(",") if len(fields) > 2 else []
        types = tuple(each for each in kinds if each not in ("", "auto"))
        parts = (number, source, target, types, options)
        yield _Line(*parts, checked=_asks_check(fields), repeated=target in taken)
        taken.add(target)


def _marked(options: Iterable[str]) -> bool:
    return any(each.partition("=")[0] == MARK for each in options)


def _asks_check(fields: list[str]) -> bool:
    """Return whether the sixth field is a number but 0, as getmntent(3) scans the last two."""
    given = len(fields) > 5 and re.fullmatch("[+-]?[0-9]+", fields[4])
    return bool(given and re.match("[+-]?0*[1-9]", fields[5]))


def parse_swaps(text: str) -> tuple[DeviceSpec, ...]:
    """The swap devices of a system's fstab that it uses by itself; swap files are left out."""
    found = []
    for line in lines(text):
        fields = fields_of(line)
        if len(fields) < 3 or fields[0].startswith("#") or fields[2] != "swap":
            continue
        options = fields[3].split(",") if len(fields) > 3 else []
        device = parse_device(unescaped(fields[0]))
        if device is not None and "noauto" not in options:
            found.append(device)
    return tuple(found)


def parse_checks(text: str) -> tuple[OtherCheck, ...]:
    """What the real system checks before it mounts it: the sixth field is not 0.

    Not what the initramfs mounts, and what is mounted later, if ever. A name that initpy does
    not know is the real system's matter.
    """
    found: list[OtherCheck] = []
    for fields in _checked(text):
        device = parse_device(unescaped(fields[0]))
        if device is not None:
            found.append(OtherCheck(simple_path(unescaped(fields[1])), device))
    return tuple(found)


def checked_lines(text: str) -> str:
    """Return an fstab of just these lines, without their options, for an image."""
    kept = (f"{each[0]} {each[1]} {each[2]} defaults 0 {each[5]}" for each in _checked(text))
    return "".join(f"{line}\n" for line in kept)


def _checked(text: str) -> Iterator[list[str]]:
    for line in lines(text):
        fields = fields_of(line)
        if not _asks_check(fields) or fields[0].startswith("#"):
            continue
        options = fields[3].split(",")
        later = any(each.startswith(LATER) for each in options)
        ours = simple_path(fields[1]) in ("/", USR) or _marked(options)
        if fields[1].startswith("/") and not later and not ours:
            yield fields
