"""What is known of an md array, in words: from its attributes and its members.

The kernel reads the superblocks at the first try to start an array. Before, only
the number of members that are there is known, unless mdadm was asked
(`MD_LEVEL`, `MD_DEVICES`).
"""

from collections.abc import Iterable

from initpy.core.devices.graph import Device, partitions
from initpy.core.events import JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Layer, Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus

LAYER = Layer.MD
# How many members each level can lose; None: it depends on which.
SPARE = {"raid0": 0, "linear": 0, "raid4": 1, "raid5": 1, "raid6": 2, "raid10": None}
NEWCOMER = "INITPY_NEWCOMER"  # a member that came after the kernel had refused the start
PARITY = ("raid4", "raid5", "raid6")
# What mdadm says where a member that is in the array already has another superblock than the one
# that it is to take in, or has none that can be read any more (Incremental() in Incremental.c, 5b).
MISMATCH = "metadata mismatch"


def partition_instead(state: State, instance: Instance) -> str | None:
    """The partition that is what the disk only seems to be; "" while not all are known yet.

    A superblock at the end of a disk may be left over from before the disk had
    partitions, or be that of the last partition. An array that people named is
    not doubted.
    """
    wanted, disk = instance.definition.yields, state.device(instance)
    if wanted is None or disk is None or state.settings.layer(LAYER).named:
        return None
    seen = partitions(state.devices, disk)
    found = next((each.name for each in seen if wanted.accepts(each.properties)), None)
    if found is None and set(disk.properties.get("partitions", "").split()) - {
        each.name for each in seen
    }:
        return ""
    return found


def is_stuck(array: Device) -> bool:
    """True for an array that has members and does not run."""
    return array.properties.get("md/array_state") == "inactive" and bool(array.slaves)


def lacks(state: State, array: str, name: str) -> bool:
    """True when the device is a member of the array by its superblock, and not yet in it."""
    device, whole = state.devices.get(name), state.devices.get(array)
    if device is None or whole is None or name in whole.slaves or not is_stuck(whole):
        return False
    known = device.properties
    return known.get("ID_FS_USAGE") == "raid" and known.get("ID_FS_UUID") in uuids(state, whole)


def _offered(instance: Instance) -> bool:
    """True for a job that offers a member to mdadm."""
    return "MD_FOREIGN" in instance.definition.publishes


def offers(state: State, member: Device) -> list[Instance]:
    """The jobs that offer the member to mdadm."""
    return [each for each in state.by_subject.get(member.name, ()) if _offered(each)]


def uuids(state: State, array: Device) -> set[str | None]:
    """What the superblocks of the members that are in the array say of which array they are."""
    return {each.properties.get("ID_FS_UUID") for each in state.devices.slaves(array.name)}


def running_without(state: State, member: Device) -> Device | None:
    """The array that the device is a member of by its superblock, and that runs without it."""
    uuid = member.properties.get("ID_FS_UUID")
    for each in state.devices if uuid else ():
        running = each.properties.get("md/array_state", "inactive") not in ("inactive", "clear")
        if not running or member.name in each.slaves:
            continue
        if uuid in uuids(state, each):
            return each
    return None


def too_late(state: State, instance: Instance, event: JobEnded) -> JobEnded:
    """mdadm has refused a member; what to do about one whose array was started without it.

    It would be refused again (Incremental() in Incremental.c): it is not offered until the array
    is gone.
    """
    member = state.device(instance)
    if member is None or not _offered(instance):
        return event
    array = running_without(state, member)
    if array is None:
        return event
    instance.failures = instance.definition.tries - 1
    why = (
        f"{array.node} runs without it; once the system is up,"
        f" `mdadm --manage {array.node} --add {member.node}` takes it in again"
    )
    return event._replace(error=why)


def disputed(state: State, array: Device) -> list[Device]:
    """The members that mdadm would not put beside those that are in the array, try as it might."""
    known, found = uuids(state, array), []
    for each in (state.instances[key] for key in sorted(state.gave_up)):
        device = state.device(each)
        if device is None or not _offered(each) or each.failures < each.definition.tries:
            continue
        if MISMATCH in each.reason and _may_be_of(known, device):
            found.append(device)
    return found


def disputing(state: State, member: Device) -> list[Device]:
    """The arrays that the member is not put into for that reason."""
    if not any(MISMATCH in each.reason for each in offers(state, member)):
        return []
    return [each for each in state.devices if is_stuck(each)]


def _may_be_of(known: set[str | None], member: Device) -> bool:
    """Whether the member is of the array whose members say this; one that is dead says nothing."""
    return None in known or member.properties.get("ID_FS_UUID") in known


def array_gone(state: State, array: Device) -> None:
    """Members that came too late for the array are offered again: it may be made anew."""
    known = uuids(state, array)
    for each in tuple(state.instances.values()):
        device = state.device(each)
        if each.state is not JobState.FAILED or device is None or not _offered(each):
            continue
        if _may_be_of(known, device):
            each.failures = 0
            state.move(each, Stimulus.RETRY, f"{array.name} is gone")


def stuck_array(state: State, instance: Instance) -> str | None:
    """The array that must be stopped before this instance's subject can join it."""
    name = instance.subject
    if name is None or instance.definition.layer is not LAYER:
        return None
    return next((each for each in sorted(state.stuck) if lacks(state, each, name)), None)


def being_started(state: State, instance: Instance) -> bool:
    """True while another job starts, or stops, the array that this instance is about."""
    others = state.by_subject.get(instance.subject or "", ())
    starts = (Strategy.DEGRADED_START, Strategy.OFFER_AGAIN)
    return any(each.busy and each.definition.strategy in starts for each in others)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def level(array: Device) -> str:
    """`raid5`, say; empty while nobody has read it."""
    return array.properties.get("md/level") or array.properties.get("MD_LEVEL", "")


def total(array: Device) -> int | None:
    """How many members the array has when it is complete, None while nobody has read it."""
    known = array.properties
    return _number(known.get("md/raid_disks", "")) or _number(known.get("MD_DEVICES", ""))


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


def _too_late_for(state: State, array: Device) -> list[str]:
    """The members that came after the array was started, and were refused."""
    known = uuids(state, array)
    return sorted(
        each.name
        for each in state.devices
        if each.properties.get("ID_FS_UUID") in known
        and each.name not in array.slaves
        and any(job.state is JobState.FAILED for job in offers(state, each))
    )


def line(state: State, array: Device) -> str:
    """One line for the real system: `md127 level=raid1 members=1/2 late=vdb uuid=… name=…`."""
    whole, lost = total(array) or 0, missing(array)
    words = [array.name, f"level={level(array)}", f"members={whole - lost}/{whole}"]
    if empty := missing_slots(array):
        words.append("missing=" + ",".join(map(str, empty)))
    if late := _too_late_for(state, array):
        words.append("late=" + ",".join(late))
    for key, name in (("MD_UUID", "uuid"), ("MD_NAME", "name")):
        if key in array.properties:
            words.append(f"{name}={array.properties[key]}")
    return " ".join(words)
