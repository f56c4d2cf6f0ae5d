"""Whether a command of ours is at work on an array or its members."""

from initpy.core.devices.graph import Device
from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.storage.md.facts import LAYER
from initpy.core.storage.md.members import uuids

STOPPED = {"md/array_state": "clear"}


def at_work(context: Context, array: Device) -> bool:
    """True while a command works on the array or a member, or its effect is to show."""
    return any(
        job.busy and job.definition.layer is LAYER
        for each in (array.name, *array.slaves)
        for job in context.machine.on(each)
    )


def busy(context: Context, array: Device) -> bool:
    """True while a command is at work on the array, a member, or a device that is to be one."""
    members = uuids(context, array)
    for job in context.machine.running():
        if job.definition.layer is not LAYER or job.subject is None:
            continue
        device = context.device(job)
        if job.subject == array.name or (
            device is not None and device.properties.get("ID_FS_UUID") in members
        ):
            return True
    return False


def stops(instance: Instance) -> bool:
    """True for a job that stops an array."""
    success = instance.definition.success.subject
    return success is not None and success.accepts(STOPPED)


def being_stopped(context: Context) -> str:
    """The array that a command of ours is stopping, "" if none.

    The kernel lets go of the members after the array is clear (mddev_unlock in its md.c): mdadm
    would find them busy until the command ends.
    """
    return next((each.subject or "" for each in context.machine.working() if stops(each)), "")
