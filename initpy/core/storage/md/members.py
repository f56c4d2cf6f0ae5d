"""Members of arrays: which array a device is a member of, and what mdadm has said of it."""

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, Stimulus
from initpy.core.machine.rules import publish
from initpy.core.state.context import Context
from initpy.core.storage.md import firmware
from initpy.core.storage.md.facts import LAYER, lies_idle
from initpy.core.storage.md.state import own

LATE_MEMBER = "INITPY_LATE_MEMBER"  # a member that came after the kernel had refused the start
# What mdadm says where a member that is in the array already has another superblock than the
# member that it is to take in, or has none that can be read any more (Incremental() in
# Incremental.c, 5b).
MISMATCH = "metadata mismatch"
STARTS = (Strategy.DEGRADED_START, Strategy.REASSEMBLE)


def lacks(context: Context, array: str, name: str) -> bool:
    """True when the device is a member of the array by its superblock, and not yet in it."""
    device, whole = context.devices.get(name), context.devices.get(array)
    if device is None or whole is None or name in whole.slaves or not lies_idle(whole):
        return False
    if array == name:
        return False
    if firmware.is_volume(whole) or firmware.is_container(whole):
        return False  # mdadm adds the disk to the container, and the kernel takes it at any time
    known = device.properties
    return known.get("ID_FS_USAGE") == "raid" and known.get("ID_FS_UUID") in uuids(context, whole)


def is_offer(instance: Instance) -> bool:
    """True for a job that offers a member to mdadm."""
    return "MD_FOREIGN" in instance.definition.publishes


def offers(context: Context, member: Device) -> list[Instance]:
    """The jobs that offer the member to mdadm."""
    return [each for each in context.machine.on(member.name) if is_offer(each)]


def uuids(context: Context, array: Device) -> set[str | None]:
    """What the superblocks of the members that are in the array say of which array they are."""
    return {each.properties.get("ID_FS_UUID") for each in context.devices.slaves(array.name)}


def running_without(context: Context, member: Device) -> Device | None:
    """The array that the device is a member of by its superblock, and that runs without it."""
    uuid = member.properties.get("ID_FS_UUID")
    for each in context.devices if uuid else ():
        running = each.properties.get("md/array_state", "inactive") not in ("inactive", "clear")
        if not running or member.name in each.slaves or member.name == each.name:
            continue
        if uuid in uuids(context, each):
            return each
    return None


def judge(context: Context, instance: Instance, event: JobEnded) -> JobEnded:
    """A command of md's has failed: note what mdadm has said of the member, and what is to be done.

    mdadm may have said of which array a member is; the start that came then has failed.
    """
    if instance.definition.layer is not LAYER or event.status < 0:
        return event
    publish(context, instance, event.output)
    member = context.device(instance)
    if member is None or not is_offer(instance):
        return event
    event = _too_late(context, instance, event, member)
    own(context).note_mismatch(instance, MISMATCH in event.error)
    return event


def _too_late(context: Context, instance: Instance, event: JobEnded, member: Device) -> JobEnded:
    """Say what to do about a member whose array was started without it.

    It would be refused again (Incremental() in Incremental.c): it is not offered until the array
    is gone.
    """
    array = running_without(context, member)
    if array is None:
        return event
    instance.failures = instance.definition.tries - 1
    why = (
        f"{array.node} runs without it; once the system is up,"
        f" `mdadm --manage {array.node} --add {member.node}` takes it in again"
    )
    return event._replace(error=why)


def disputed(context: Context, array: Device) -> list[Device]:
    """The members that mdadm refuses for good, because of a member that is in the array."""
    md, known, found = own(context), uuids(context, array), []
    for each in [context.machine[key] for key in sorted(md.mismatched)]:
        device = context.device(each)
        if device is None or each.failures < each.definition.tries:
            continue
        if md.is_mismatched(each) and _may_be_of(known, device):
            found.append(device)
    return found


def disputing(context: Context, member: Device) -> list[Device]:
    """The arrays that the member is not put into for that reason."""
    if not any(own(context).is_mismatched(each) for each in offers(context, member)):
        return []
    return [each for each in context.devices if lies_idle(each)]


def _may_be_of(known: set[str | None], member: Device) -> bool:
    """Whether the member is of the array whose members say this; a dead member says nothing."""
    return None in known or member.properties.get("ID_FS_UUID") in known


def array_gone(context: Context, array: Device) -> None:
    """Members that came too late for the array are offered again: it may be made anew."""
    known = uuids(context, array)
    for each in context.machine.all_failed():
        device = context.device(each)
        if device is None or not is_offer(each):
            continue
        if _may_be_of(known, device):
            each.failures = 0
            context.machine.move(each, Stimulus.RETRY, f"{array.name} is gone")


def refused_without(context: Context, instance: Instance) -> str | None:
    """The array that must be stopped before this instance's subject can join it."""
    name = instance.subject
    if name is None or instance.definition.layer is not LAYER:
        return None
    refused = sorted(own(context).start_refused)
    return next((each for each in refused if lacks(context, each, name)), None)


def being_started(context: Context, instance: Instance) -> bool:
    """True while another job starts, or stops, the array that this instance is about."""
    others = context.machine.on(instance.subject)
    return any(each.busy and each.strategy in STARTS for each in others)
