"""Several paths to one disk that no multipath joins: the boot uses one of them.

Two portals of a target, or two adapters, show a disk as often as there are ways to it. With
multipath the paths are reserved for its map (61-initpy-multipath.rules). Without it, each path
looks like a disk of its own with the same content: LVM refuses a group that it sees twice, and the
user would be asked for one passphrase twice.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import MAPPING_NAME, Device
from initpy.core.devices.marks import SAME
from initpy.core.jobs.technology import Technology
from initpy.core.state.context import Context

# udev's names for what the disk says of itself (VPD page 0x83): the same on all paths.
NAMES = ("ID_WWN_WITH_EXTENSION", "ID_WWN")
# Cheap disks share a name that should be unique. So the content has to be the same, too: a member
# of an array or a btrfs has a UUID of its own (UUID_SUB).
CONTENT = (
    "DEVTYPE", "size", "ID_PART_TABLE_UUID", "ID_PART_ENTRY_UUID", "ID_FS_TYPE", "ID_FS_UUID",
    "ID_FS_UUID_SUB",
)  # fmt: skip
IDENTIFYING = ("ID_PART_TABLE_UUID", "ID_PART_ENTRY_UUID", "ID_FS_UUID")
PATH = "DM_MULTIPATH_DEVICE_PATH"  # multipath(8) reserves it
Identity = tuple[str, ...]


class Duplicates:
    """The owner of what is known of the paths: which devices are the same disk."""

    def __init__(self) -> None:
        self._same: dict[Identity, list[str]] = {}  # in the order of their appearance
        self._identity_of: dict[str, Identity] = {}
        self._told: set[str] = set()
        self.left: set[str] = set()  # those that are left alone

    def take(self, name: str, identity: Identity | None) -> Iterable[Identity]:
        """The device is this disk now, or none with a name; the disks whose paths have changed."""
        before = self._identity_of.get(name)
        if before == identity:
            return ()
        if before is not None:
            self._same[before].remove(name)
            del self._identity_of[name]
        if identity is not None:
            self._identity_of[name] = identity
            self._same.setdefault(identity, []).append(name)
        return filter(None, (before, identity))

    def paths(self, identity: Identity) -> list[str]:
        """The devices that are this disk."""
        return self._same.get(identity, [])

    def disk_of(self, name: str) -> Identity | None:
        """The disk that a device is, None if that is not known."""
        return self._identity_of.get(name)

    def tell(self, name: str) -> bool:
        """True if the user has not been told of this path yet."""
        news = name not in self._told
        self._told.add(name)
        return news


def technology() -> Technology:
    """The hooks."""
    return Technology("paths", changed=_changed, gone=_gone, condition=_condition)


def hidden(context: Context) -> list[str]:
    """The nodes of paths that are left alone, which LVM must not see among all devices."""
    left = (context.devices.get(name) for name in sorted(context.technologies.own(Duplicates).left))
    return [each.node for each in left if each is not None]


def _identity(device: Device | None) -> Identity | None:
    """What is the same on all paths to a disk; None for a device that can be told from no other."""
    known = device.properties if device is not None else {}
    name = next((known[each] for each in NAMES if each in known), "")
    if device is None or not name or known.get(PATH) == "1" or MAPPING_NAME in known:
        return None
    if not any(each in known for each in IDENTIFYING):
        return None
    return (name, *(known.get(each, "") for each in CONTENT))


def _changed(context: Context, name: str) -> Iterable[str]:
    device, duplicates = context.devices.get(name), context.technologies.own(Duplicates)
    marked = _look(context, name, _identity(device))
    # What stands on a path already is told of after it when an engine starts again.
    for lower in device.slaves if device is not None else ():
        if (disk := duplicates.disk_of(lower)) is not None:
            marked += _choose(context, disk)
    return marked


def _gone(context: Context, device: Device | None, name: str) -> Iterable[str]:
    return _look(context, name, None)


def _look(context: Context, name: str, identity: Identity | None) -> list[str]:
    """Choose the path to each disk anew; the devices whose marks have changed."""
    duplicates, marked = context.technologies.own(Duplicates), list[str]()
    if identity is None:
        marked += _mark(context, name, None)
    for each in duplicates.take(name, identity):
        marked += _choose(context, each)
    return marked


def _choose(context: Context, disk: Identity) -> list[str]:
    paths, marked = context.technologies.own(Duplicates).paths(disk), list[str]()
    used = min(paths, key=lambda path: _rank(context, path), default="")
    for path in paths:
        marked += _mark(context, path, used if path != used else None)
    return marked


def _rank(context: Context, name: str) -> tuple[bool, bool]:
    """What stands on it already counts first, then whether its disk is used: the lowest is best."""
    device = context.devices.get(name)
    above = context.devices.holders(name)
    in_use = any(each.properties.get("DEVTYPE") != "partition" for each in above)
    below = context.devices.slaves(name)
    left = device is None or any(SAME in each.properties for each in below)
    return not in_use, left


def _mark(context: Context, name: str, used: str | None) -> list[str]:
    device, duplicates = context.devices.get(name), context.technologies.own(Duplicates)
    if used is None:
        duplicates.left.discard(name)
    else:
        duplicates.left.add(name)
    if device is None or device.properties.get(SAME) == used:
        return []
    context.devices.mark(name, SAME, used)
    is_disk = device.properties.get("DEVTYPE") == "disk"
    if used is not None and is_disk and duplicates.tell(name):
        context.report(
            f"{name} is another path to the disk {used}: without multipath {used} alone is used"
        )
    return [name]


def _condition(device: Device) -> tuple[str, str]:
    """What the tree says of a path that is left alone."""
    used = device.properties.get(SAME)
    return ("not used", f"another path to the disk {used}, without multipath") if used else ("", "")
