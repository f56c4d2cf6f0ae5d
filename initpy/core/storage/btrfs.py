"""File systems over several devices (btrfs): whether all have come, and the mount without some.

The kernel knows when the last device has come, and udev asks it at that
device's event; the devices before it get no event of their own. So whenever a
device changes, the others of its file system are looked at, too. The kernel counts devices that
are only looked into (R9) as well: nothing is mounted with one of those.

The kernel mounts a file system without its missing devices only when it is
told to (`degraded`): the user must have said so in rootflags=; then the missing
devices get the time that the missing members of an array get (R7).
"""

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import LOOK
from initpy.core.goals import mounts
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.machine import rules
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, is_due, left, starting

# udev's answer of the kernel (64-initpy-btrfs.rules), and what the device's own superblock says.
READY, FILE_SYSTEM = "ID_BTRFS_READY", "ID_FS_UUID"
DEVICES, NUMBER = "btrfs/num_devices", "btrfs/devid"
COMPLETE = "INITPY_COMPLETE"  # another device of the same file system has been the last to come
FLAG = "degraded"
MOUNTS = (Strategy.MOUNT_ROOT, Strategy.MOUNT_DEGRADED, Strategy.MOUNT_HOST, Strategy.MOUNT_EXTRA)


@dataclass(slots=True)
class Btrfs:
    """Which devices make up which file system."""

    _members: dict[str, set[str]] = field(default_factory=dict)  # UUID -> devices
    _totals: dict[str, int] = field(default_factory=dict)  # UUID -> how many devices it has
    _file_system_of: dict[str, str] = field(default_factory=dict)

    def file_system(self, name: str) -> str | None:
        """The UUID of the file system that the device was of last."""
        return self._file_system_of.get(name)

    def take(self, name: str, uuid: str | None) -> None:
        """The device is of this file system now, or of none."""
        before = self._file_system_of.pop(name, None)
        if before is not None and before != uuid:
            self._members[before].discard(name)
        if uuid is not None:
            self._file_system_of[name] = uuid
            self._members.setdefault(uuid, set()).add(name)

    def note_total(self, uuid: str, total: str) -> None:
        """A superblock says how many devices the file system has."""
        if total.isdecimal():
            self._totals[uuid] = int(total)

    def total(self, uuid: str) -> int | None:
        """How many devices it has, if a superblock was read."""
        return self._totals.get(uuid)

    def members(self, uuid: str) -> list[str]:
        """The devices of this file system that are there."""
        return sorted(self._members.get(uuid, ()))


def technology() -> Technology:
    """The hooks of btrfs."""
    return Technology(
        "btrfs",
        changed=changed,
        blocks=_blocks,
        part_of=_part_of,
        may_lack_parts=may_lack_devices,
    )


def handler() -> Handler:
    """The handler of mounts without missing devices."""
    return Handler(step, rules.ended, left)


def changed(context: Context, name: str) -> list[str]:
    """Bring up to date what is known of this device's file system; devices with new marks."""
    btrfs, device = context.technologies.own(Btrfs), context.devices.get(name)
    known = device.properties if device is not None else {}
    uuid = known.get(FILE_SYSTEM) if READY in known else None
    before = btrfs.file_system(name)
    btrfs.take(name, uuid)
    # A mount of the others may wait until this one is not looked into any more.
    looked = context.looks.on or context.looks.left
    marked = btrfs.members(before) if looked and before is not None else []
    if uuid is None:
        return marked
    btrfs.note_total(uuid, known.get(DEVICES, ""))
    members = btrfs.members(uuid)
    complete = any(_ready(context, each) for each in members)
    for each in members:
        mark = "yes" if complete and not _ready(context, each) else None
        member = context.devices.get(each)
        if member is not None and member.properties.get(COMPLETE) != mark:
            context.devices.mark(each, COMPLETE, mark)
            marked.append(each)
    return marked


def _ready(context: Context, name: str) -> bool:
    device = context.devices.get(name)
    return device is not None and device.properties.get(READY) == "1"


def _part_of(context: Context, device: Device) -> str:
    """Of a file system that lacks devices.

    udev says so, unless the kernel remembers a device that is gone, or one is only looked into.
    """
    if device.properties.get(READY) == "0":
        return lacks(context, device)
    return _looked_into(context, device) or _remembered(context, device)


def _looked_into(context: Context, device: Device) -> str:
    """That it needs a device which is only looked into, or which may show there; in words."""
    uuid = device.properties.get(FILE_SYSTEM)
    looks = context.looks.on or context.looks.left
    if not looks or uuid is None or READY not in device.properties or LOOK in device.properties:
        return ""
    btrfs = context.technologies.own(Btrfs)
    there = [context.devices.get(each) for each in btrfs.members(uuid)]
    looked = [each.node for each in there if each is not None and LOOK in each.properties]
    total = btrfs.total(uuid)
    if (total is None and not looked) or (total is not None and len(there) - len(looked) >= total):
        return ""
    if looked:
        return f"needs {', '.join(looked)}, which is looked into"
    return "lacks devices, which may be on what is looked into"


def _remembered(context: Context, device: Device) -> str:
    """Which devices are missing that the kernel has seen before; it cannot mount without them."""
    btrfs, uuid = context.technologies.own(Btrfs), device.properties.get(FILE_SYSTEM, "")
    total = btrfs.total(uuid) if READY in device.properties else None
    return lacks(context, device) if total is not None and len(btrfs.members(uuid)) < total else ""


def _blocks(context: Context, instance: Instance) -> str:
    device = context.device(instance) if instance.strategy in MOUNTS else None
    return _looked_into(context, device) if device is not None else ""


def may_lack_devices(context: Context, device: Device) -> bool:
    """True if the user allows the file system to be mounted without the devices that it lacks."""
    return device.properties.get(READY) == "0" and FLAG in context.settings.mount.flags


def lacks(context: Context, device: Device) -> str:
    """Which devices of its file system are missing, in words."""
    members = context.technologies.own(Btrfs).members(device.properties.get(FILE_SYSTEM, ""))
    present = [each for name in members if (each := context.devices.get(name)) is not None]
    total = context.technologies.own(Btrfs).total(device.properties.get(FILE_SYSTEM, ""))
    if total is None:
        return "lacks devices"
    there = {each.properties.get(NUMBER, "") for each in present}
    # They are numbered from 1; where devices were exchanged numbers may be left out.
    absent = [str(each) for each in range(1, total + 1) if str(each) not in there]
    text = f"has {len(present)} of {total} devices"
    right = len(absent) == total - len(present) and "" not in there
    return f"{text}, devid {', '.join(absent)} missing" if right else text


def step(context: Context, instance: Instance) -> None:
    """Some devices of root are there: wait for the others, then mount it without."""
    device = context.device(instance)
    if device is None:
        return
    missing = lacks(context, device)
    if not may_lack_devices(context, device):
        instance.reason = f"{missing}; to boot without, add rootflags={FLAG}"
        return
    plan = Plan(context.settings.md_timeout, missing, device.name, again=True)
    if not is_due(context, instance, plan):
        instance.reason = f"{missing}; waits for the others"
        return
    if mounts.may_mount(context, instance):
        starting(context, instance)
        context.report(f"{device.name}: mounting it degraded: {missing}")
        mounts.step(context, instance)
