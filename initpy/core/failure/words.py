"""What there is to say of a device: its condition, and what is on it."""

from collections.abc import Iterator

from initpy.core.devices.graph import SET, Device
from initpy.core.devices.names import Naming
from initpy.core.devices.suggestions import names


def condition(device: Device, held: bool) -> tuple[str, str]:
    """A word for what the device is like, and why."""
    known = device.properties
    if known.get("DM_SUSPENDED") == "1" or known.get("dm/suspended") == "1":
        return "suspended", ""
    if not device.ready:
        return "not ready", "incomplete, or udev has not finished with it"
    if held:
        return "in use", ""
    if known.get("ID_FS_USAGE") == "crypto":
        return "locked", ""
    return "ready", ""


def may_be_damaged(device: Device) -> bool:
    """True for a device on which udev sees nothing, or a part of an array."""
    kind, table = (device.properties.get(key) for key in ("ID_FS_TYPE", "ID_PART_TABLE_TYPE"))
    return kind == "linux_raid_member" or (kind is None and table is None)


def _table(kind: str | None, whole: bool) -> str:
    """What there is to say of a partition table; `whole`: no partition stands on the device.

    udev (libblkid) takes a GPT's backup where the first copy is damaged; the kernel does so
    only when it is told to (`gpt` in admin-guide/kernel-parameters.rst).
    """
    if kind is None:
        return "no known content"
    if kind == "PMBR":
        return "gpt partition table, damaged in both copies"
    if kind == "gpt" and whole:
        return (
            "gpt partition table, but the kernel has made no partitions of it: if its first copy "
            "is damaged, the word gpt on the kernel command line has the backup used"
        )
    return f"{kind} partition table"


def found_out(device: Device) -> Iterator[str]:
    """What jobs have found out about a set, in the words of their job file."""
    for key, value in sorted(device.properties.items()):
        if key.isupper() and key != "DEVNAME" and not key.startswith(("ID_", "INITPY_")):
            yield f"{key} {value}"


def content(device: Device, whole: bool) -> Iterator[str]:
    """What is on the device, in the words that root= understands."""
    known = device.properties
    if device.kind is SET:
        yield from found_out(device)
        return
    kind = known.get("ID_FS_TYPE")
    usable = not device.is_layer
    yield kind or _table(known.get("ID_PART_TABLE_TYPE"), whole)
    for each in names(device):
        if usable or each.naming in (Naming.PARTUUID, Naming.PARTLABEL):
            yield str(each)
        else:
            yield f"{each.naming.value} {each.value}"
    if model := known.get("ID_MODEL"):
        yield model.replace("_", " ").strip()
