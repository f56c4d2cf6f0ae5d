"""File systems over several devices (btrfs): whether all have come, and the mount without some.

The kernel knows when the last device has come, and udev asks it at that
device's event; the devices before it get no event of their own. So whenever a
device changes, the others of its file system are looked at, too.

The kernel mounts a file system without its missing devices only when it is
told to (`degraded`): the user must have said so in rootflags=; then the missing
devices get the time that the missing members of an array get (R7).
"""

from dataclasses import dataclass, field

from initpy.core.devices.graph import Device
from initpy.core.goals import mounts
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.machine import rules
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, is_due, left, starting

# udev's answer of the kernel (64-initpy-btrfs.rules), and what the device's own superblock says.
READY, FILE_SYSTEM = "ID_BTRFS_READY", "ID_FS_UUID"
DEVICES, NUMBER = "btrfs/num_devices", "btrfs/devid"
COMPLETE = "INITPY_COMPLETE"  # another device of the same file system has been the last to come
FLAG = "degraded"


@dataclass(slots=True)
class Btrfs:
    """Which devices make up which file system."""

    _members: dict[str, set[str]] = field(default_factory=dict)  # UUID -> devices
    _file_system_of: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, uuid: str | None) -> None:
        """The device is of this file system now, or of none."""
        before = self._file_system_of.pop(name, None)
        if before is not None and before != uuid:
            self._members[before].discard(name)
        if uuid is not None:
            self._file_system_of[name] = uuid
            self._members.setdefault(uuid, set()).add(name)

    def members(self, uuid: str) -> list[str]:
        """The devices of this file system that are there."""
        return sorted(self._members.get(uuid, ()))


def technology() -> Technology:
    """The hooks of btrfs."""
    return Technology("btrfs", changed=changed, part_of=_part_of, may_lack_parts=may_lack_devices)


def handler() -> Handler:
    """The handler of mounts without missing devices."""
    return Handler(step, rules.ended, left)


def changed(context: Context, name: str) -> list[str]:
    """Bring up to date what is known of this device's file system; devices with new marks."""
    btrfs, device = context.technologies.own(Btrfs), context.devices.get(name)
    known = device.properties if device is not None else {}
    uuid = known.get(FILE_SYSTEM) if READY in known else None
    btrfs.take(name, uuid)
    if uuid is None:
        return []
    members = btrfs.members(uuid)
    complete = any(_ready(context, each) for each in members)
    marked = []
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
    """Of a file system that lacks devices, which is why udev does not call this one ready."""
    return lacks(context, device) if device.properties.get(READY) == "0" else ""


def may_lack_devices(context: Context, device: Device) -> bool:
    """True if the user allows the file system to be mounted without the devices that it lacks."""
    return device.properties.get(READY) == "0" and FLAG in context.settings.mount.flags


def lacks(context: Context, device: Device) -> str:
    """Which devices of its file system are missing, in words."""
    members = context.technologies.own(Btrfs).members(device.properties.get(FILE_SYSTEM, ""))
    present = [each for name in members if (each := context.devices.get(name)) is not None]
    total = device.properties.get(DEVICES, "")
    if not total.isdecimal():
        return "lacks devices"
    there = {each.properties.get(NUMBER, "") for each in present}
    # They are numbered from 1; where devices were exchanged numbers may be left out.
    absent = [str(each) for each in range(1, int(total) + 1) if str(each) not in there]
    text = f"has {len(present)} of {total} devices"
    right = len(absent) == int(total) - len(present)
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
