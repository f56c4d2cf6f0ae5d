"""Partitions that are named by their place among others: gpt-auto, `PARTUUID=…/PARTNROFF=n`.

The Discoverable Partitions Specification gives the types; every partition that comes or goes may
change what such a name means.
"""

from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context

TYPE, DISK, NUMBER = "ID_PART_ENTRY_TYPE", "ID_PART_ENTRY_DISK", "ID_PART_ENTRY_NUMBER"
PARTITION_UUID = "ID_PART_ENTRY_UUID"

# Attributes of a GPT partition in the specification.
NO_AUTO, READ_ONLY = 1 << 63, 1 << 60
# Without the firmware's word on which disk was booted, another disk may show a root partition
# too, and which comes first must not decide: the only candidate waits so long.
ALONE_SECONDS = 3.0


def indexed(root: DeviceSpec | None) -> tuple[str, ...]:
    """The properties by which the devices that a name may mean are looked up."""
    return (TYPE, DISK, PARTITION_UUID) if root is not None and root.relative else ()


def meant(context: Context, root: DeviceSpec) -> set[str]:
    """The devices that a name by place means now."""
    return _auto(context) if root.naming is Naming.GPT_AUTO else _offset(context, root)


def concerns(device: Device | None) -> bool:
    """True for a device that may change what such a name means: a partition, what is on one."""
    if device is None:
        return False
    known = device.properties
    return bool(device.slaves) or TYPE in known or DISK in known or PARTITION_UUID in known


def read_only(device: Device) -> bool:
    """True when the partition's attributes say so; root= by other means takes no notice of them."""
    return bool(_attributes(device) & READ_ONLY)


def _offset(context: Context, root: DeviceSpec) -> set[str]:
    """The kernel's PARTNROFF: so many partitions after the one of that UUID."""
    found = set()
    for name in context.devices.having(PARTITION_UUID, root.value):
        base = context.devices.get(name)
        if base is None:
            continue
        number = str(_number(base) + root.offset)
        for each in context.devices.having(DISK, base.properties.get(DISK, "")):
            device = context.devices.get(each)
            if device and device.properties.get(NUMBER) == number and not device.is_layer:
                found.add(each)
    return found


def _auto(context: Context) -> set[str]:
    """gpt-auto: the first partition of the root's type on the disk that was booted."""
    disks = candidates(context)
    if len(disks) != 1:
        return set()
    (partition,) = (min(found, key=_number) for found in disks.values())
    if context.settings.boot_partition is None and not context.goals.sole_candidate:
        timers = context.machine.timers
        if not timers.armed(Timer.ALONE, ""):
            timers.start(Timer.ALONE, "", context.now + ALONE_SECONDS)
        return set()
    if partition.properties.get("ID_FS_USAGE") == "crypto":
        above = context.devices.upon(partition.name)
        crypt = [each for each in above if each.properties.get("DM_UUID", "").startswith("CRYPT-")]
        return {each.name for each in crypt if not each.is_layer}
    return set() if partition.is_layer else {partition.name}


def candidates(context: Context) -> dict[str, list[Device]]:
    """The partitions of the root's type, by disk: only the booted one if it is known."""
    root, booted = context.settings.root, context.settings.boot_partition
    found: dict[str, list[Device]] = {}
    if root is None or root.naming is not Naming.GPT_AUTO:
        return found
    for name in sorted(context.devices.having(TYPE, root.value)):
        device = context.devices.get(name)
        if device is not None and not _attributes(device) & NO_AUTO:
            found.setdefault(device.properties.get(DISK, ""), []).append(device)
    if booted is not None:
        on = {
            device.properties.get(DISK, "")
            for name in context.devices.having(PARTITION_UUID, booted)
            if (device := context.devices.get(name)) is not None
        }
        found = {disk: parts for disk, parts in found.items() if disk in on}
    return found


def _number(device: Device) -> int:
    text = device.properties.get(NUMBER, "")
    return int(text) if text.isdecimal() else 0


def _attributes(device: Device) -> int:
    try:
        return int(device.properties.get("ID_PART_ENTRY_FLAGS", "0"), 16)
    except ValueError:
        return 0
