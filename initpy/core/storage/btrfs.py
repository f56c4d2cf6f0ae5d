"""Devices that make up one file system together (btrfs), and whether all of them have come.

The kernel knows when its last device has come, and udev asks it at that
device's event; those before it get no event of their own. So whenever one of
them changes, the others are looked at, too.
"""

from initpy.core.devices.graph import Device
from initpy.core.machine.context import State

# udev's answer of the kernel (63-initpy-btrfs.rules), and what the device's own superblock says.
READY, FILE_SYSTEM = "ID_BTRFS_READY", "ID_FS_UUID"
DEVICES, NUMBER = "btrfs/num_devices", "btrfs/devid"
COMPLETE = "INITPY_COMPLETE"  # another device of the same file system has been the last to come


def refresh(state: State, name: str) -> list[str]:
    """Bring up to date what is known of this device's file system; devices with new marks."""
    device = state.devices.get(name)
    known = device.properties if device is not None else {}
    group = known.get(FILE_SYSTEM) if READY in known else None
    before = state.group_of.pop(name, None)
    if before is not None and before != group:
        state.groups[before].discard(name)
    if group is None:
        return []
    state.group_of[name] = group
    members = state.groups.setdefault(group, set())
    members.add(name)
    complete = any(_ready(state, each) for each in members)
    changed = []
    for each in sorted(members):
        mark = "yes" if complete and not _ready(state, each) else None
        member = state.devices.get(each)
        if member is not None and member.properties.get(COMPLETE) != mark:
            state.devices.mark(each, COMPLETE, mark)
            changed.append(each)
    return changed


def _ready(state: State, name: str) -> bool:
    device = state.devices.get(name)
    return device is not None and device.properties.get(READY) == "1"


def lacks(state: State, device: Device) -> str:
    """Which devices of its file system are missing, in words."""
    members = state.groups.get(device.properties.get(FILE_SYSTEM, ""), set())
    present = [each for name in members if (each := state.devices.get(name)) is not None]
    total = device.properties.get(DEVICES, "")
    if not total.isdecimal():
        return "lacks devices"
    there = {each.properties.get(NUMBER, "") for each in present}
    # They are numbered from 1; where devices were exchanged numbers may be left out.
    absent = [str(each) for each in range(1, int(total) + 1) if str(each) not in there]
    text = f"has {len(present)} of {total} devices"
    right = len(absent) == int(total) - len(present)
    return f"{text}, devid {', '.join(absent)} missing" if right else text
