"""Firmware RAID that could not start is started with a disk that came later (R7).

An array of its own takes no member once the kernel has refused its start: it is stopped, and mdadm
gets all members again (`start_degraded.changed`). Firmware RAID needs none of that: mdadm adds the
disk to the container, and the kernel takes it into a volume at any time, as external metadata is
not its matter (new_dev_store in drivers/md/md.c). But nothing starts the volume then.
"""

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import JobState, Stimulus
from initpy.core.state.context import Context
from initpy.core.storage.md import facts, firmware
from initpy.core.storage.md.state import own

# What mdadm says of an Intel container whose volumes all lack too many disks.
NOT_STARTED, TOO_FEW = "MD_STARTED=no", "too few disks are there for any of its volumes"
STARTS = (Strategy.DEGRADED_START, Strategy.LOOK)


def refusal(context: Context, device: Device | None, event: JobEnded) -> str:
    """Why mdadm has started nothing, although it exits with status 0; "" if it has.

    It starts no volume that lacks too many disks, and creates none in an Intel container
    (Incremental_container in Incremental.c, container_enough in super-intel.c).
    """
    if event.status or device is None:
        return ""
    if NOT_STARTED in event.output:
        return TOO_FEW
    if firmware.is_volume(device) and facts.lies_idle(device):
        return facts.refusal(device, context.devices.slaves(device.name))
    return ""


def note_start(context: Context, device: Device) -> None:
    """A container or volume starts with the disks that it has."""
    if firmware.is_container(device) or firmware.is_volume(device):
        own(context).started_with[device.name] = device.slaves


def changed(context: Context, name: str) -> None:
    """Let a start that failed have its time again if there are more disks than it had."""
    started_with = own(context).started_with
    if name not in started_with:
        return
    device = context.devices.get(name)
    if device is None or not facts.lies_idle(device):
        del started_with[name]
    elif device.slaves > started_with[name]:
        for each in context.machine.on(name):
            if each.strategy in STARTS and each.state is JobState.FAILED:
                each.failures = 0
                context.machine.move(each, Stimulus.RETRY, "a disk has come")
