"""What is known of an md array, in words: from its attributes and its members.

The kernel reads the superblocks at the first try to start an array. Before, only
the number of members that are there is known, unless mdadm was asked
(`MD_LEVEL`, `MD_DEVICES`).
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.layer import Layer
from initpy.core.state.looks import is_over

LAYER = Layer.MD
# How many members each level can lose; None: it depends on which.
SPARE = {"raid0": 0, "linear": 0, "raid4": 1, "raid5": 1, "raid6": 2, "raid10": None}
PARITY = ("raid4", "raid5", "raid6")


def lies_idle(array: Device) -> bool:
    """True for an array that has members and does not run."""
    return array.properties.get("md/array_state") == "inactive" and bool(array.slaves)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def level(array: Device) -> str:
    """`raid5`, say; empty while it has not been read."""
    return array.properties.get("md/level") or array.properties.get("MD_LEVEL", "")


def total(array: Device) -> int | None:
    """How many members the array has when it is complete, None while it has not been read."""
    known = array.properties
    return _number(known.get("md/raid_disks", "")) or _number(known.get("MD_DEVICES", ""))


def updated(array: Device) -> int:
    """When a member was last written to, in seconds; 0 while that has not been read."""
    return _number(array.properties.get("MD_UPDATE_TIME", "")) or 0


def counted(array: Device, members: Iterable[Device]) -> str:
    """`with 1 of 2 members (raid1)`, as far as it is known."""
    present, whole, kind = len(tuple(members)), total(array), level(array)
    count = f"{present} of {whole} members" if whole else f"{present} member(s)"
    return f"with {count}" + (f" ({kind})" if kind else "")


def has(array: Device, members: tuple[Device, ...]) -> str:
    """`has 1 of 2 members (raid1): vda`."""
    names = ", ".join(each.name for each in members)
    return f"has {counted(array, members).removeprefix('with ')}: {names}"


def slots(array: Device) -> dict[int, str]:
    """Slot number -> member, once the kernel has read the superblocks."""
    pairs = (each.rpartition(":") for each in array.properties.get("md/slots", "").split())
    return {int(slot): name for name, _, slot in pairs if slot.isdecimal()}


def missing_slots(array: Device) -> tuple[int, ...]:
    """The numbers of the empty slots; empty while they are not known."""
    taken, whole = slots(array), total(array)
    return tuple(each for each in range(whole or 0) if each not in taken) if taken else ()


def refusal(array: Device, members: tuple[Device, ...]) -> str:
    """Why the kernel would not start the array, from what it has read; empty if not clear."""
    whole, kind = total(array), level(array)
    if whole is None or not kind:
        return ""
    taken = slots(array)
    present = len(taken) or len(members)
    empty = ", ".join(map(str, missing_slots(array)))
    gone = f"missing: number {empty} (counted from 0)" if empty else "members are missing"
    allowed = SPARE.get(kind, whole - 1)
    if allowed is not None and whole - present > allowed:
        return f"{kind} needs {whole - allowed} of its {whole} members, {present} there; {gone}"
    if not taken:
        return ""  # the start came to nothing before the kernel has read anything
    if kind in PARITY and array.properties.get("md/resync_start", "none") != "none":
        return (
            f"{kind} with {present} of {whole} members was being written to when it was last"
            " stopped (dirty), so that its data may be damaged; to start it all the same boot"
            f" with md_mod.start_dirty_degraded=1, and check what is on it; {gone}"
        )
    if kind == "raid10" and present < whole:
        return f"raid10 lacks both copies of some of its data, {present} of {whole} there; {gone}"
    return ""


def missing(array: Device) -> int:
    """How many members a running array lacks."""
    return _number(array.properties.get("md/degraded", "")) or 0


def name_of(device: Device) -> str:
    """The name that the user gave an array; its members know it, too, and are not called so."""
    known = device.properties
    if not device.name.startswith("md"):
        return ""
    return known.get("MD_DEVNAME") or known.get("MD_NAME", "")


def tells_no_host(members: Iterable[Device]) -> bool:
    """True for an array whose name has no host in it: it is this machine's (R9).

    Metadata 1.x has HOST:NAME, unless that was too long or HOMEHOST <none> (write_init_super1 in
    super1.c); mdadm trusts such a name only with HOMEHOST <ignore>.
    """
    known = [each.properties for each in members if each.properties.get("ID_FS_LABEL")]
    return bool(known) and all(
        each.get("ID_FS_VERSION", "").startswith("1.") and ":" not in each["ID_FS_LABEL"]
        for each in known
    )


def condition(device: Device) -> tuple[str, str]:
    """A word for an array that does not run or must not be used, and what a running array lacks."""
    word = "incomplete" if device.properties.get("md/array_state") in ("inactive", "clear") else ""
    if not word and is_over(device):  # and cannot be stopped
        word = "of another host; looked into, read-only"
    lost, whole = missing(device), device.properties.get("md/raid_disks", "?")
    return word, f"{lost} of its {whole} members missing" if lost else ""
