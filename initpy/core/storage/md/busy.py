"""Whether a command of ours is at work on an array or its members."""

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import REEXAMINE
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context
from initpy.core.storage.md.facts import LAYER

# mdadm that adds a member takes so long at most, unless a disk does not answer.
ADDING_SECONDS = 10.0


def at_work(context: Context, array: Device) -> bool:
    """True while a command works on the array or a member, or its effect is to show."""
    return any(
        job.busy and job.definition.layer is LAYER
        for each in (array.name, *array.slaves)
        for job in context.machine.on(each)
    )


def busy(context: Context, array: Device) -> bool:
    """True while a command is at work on the array, a member, or a device that is to be one."""
    members = {_superblock(each) for each in context.devices.slaves(array.name)} - {None}
    for job in context.machine.running():
        if job.definition.layer is not LAYER or job.subject is None:
            continue
        device = context.device(job)
        if job.subject == array.name or job.subject in array.slaves:
            return True
        if device is not None and _superblock(device) in members:
            return True
    return False


def _superblock(device: Device) -> tuple[str, str] | None:
    """What tells of which array a device is: its UUID, or only the kind (disks of Intel's)."""
    known = device.properties
    kind = known.get("ID_FS_TYPE", "")
    return (kind, known.get("ID_FS_UUID", "")) if kind else None


def may_create(instance: Instance) -> bool:
    """True for a job by which mdadm may create an array, and chooses a name for it."""
    success = instance.definition.success
    creates = bool(success.holder or success.device) or examines(instance)
    return instance.definition.layer is LAYER and creates


def examines(instance: Instance) -> bool:
    """True for a job that has mdadm examine a container once more."""
    return any(key == REEXAMINE for key, _ in instance.definition.match.patterns)


def stops(instance: Instance) -> bool:
    """True for a job that stops an array."""
    return instance.definition.layer is LAYER and instance.definition.takes_down


def being_stopped(context: Context) -> str:
    """The array that a command of ours is stopping, or is about to after a look, "" if none.

    The kernel lets go of the array and of its members after it is clear (mddev_unlock in its md.c).
    mdadm would find a member busy, or create an array of the same name, which the kernel refuses:
    /proc/mdstat does not have an array that is clear, so that mdadm takes its name for free.
    """
    machine, looks = context.machine, context.looks
    for each, _ in machine.letting_go():
        if stops(each):
            return each.subject or ""
    for each in machine.pending(Strategy.TAKE_DOWN) if looks.on else ():  # has a limit: Timer.LOOK
        if stops(each) and each.subject is not None and each.subject not in looks.left:
            return each.subject
    return ""


def being_created(context: Context, stop: Instance) -> str:
    """The job by which mdadm may be creating an array, "" if none; `stop` is looked at again."""
    for each in context.machine.working():
        due = each.since + ADDING_SECONDS
        if may_create(each) and due > context.now:
            context.machine.timers.start(Timer.RETRY, stop.key, due)
            return each.key
    return ""
