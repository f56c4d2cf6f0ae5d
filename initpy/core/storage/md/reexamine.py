"""Containers of firmware RAID that mdadm was not done with: it examines them once more (R5).

mdadm adds a disk to its container, and creates and starts the volumes then. If it dies in between,
the disk is in the container, and in no volume: nothing else would start what is complete by now.
`mdadm --incremental CONTAINER` does the second part again (Incremental_container in Incremental.c),
and leaves volumes alone that have all disks already.
"""

from collections.abc import Iterator

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import REEXAMINE
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine.rules import EFFECT_SECONDS
from initpy.core.state.context import Context
from initpy.core.storage.md import firmware
from initpy.core.storage.md.busy import busy, examines
from initpy.core.storage.md.facts import LAYER
from initpy.core.storage.md.members import is_offer
from initpy.core.storage.md.state import own

YES = "yes"


def look(context: Context, name: str) -> list[str]:
    """A disk, container or volume has changed: mark the containers that mdadm was not done with."""
    return [each for each in _containers(context, name) if _mark(context, each)]


def ended(context: Context, instance: Instance) -> list[str]:
    """The same when a command has ended: it may be the examination, or what that waited for."""
    box = context.device(instance)
    if box is not None and examines(instance):
        again = instance.state is JobState.FAILED and instance.expected
        if again:
            return []
        context.devices.mark(box.name, REEXAMINE, None)
        return [box.name, *(each.name for each in firmware.volumes(context, box))]
    names = [*own(context).unheard_boxes, *_containers(context, instance.subject or "")]
    return [each for each in names if _mark(context, each)]


def awaited(context: Context, array: Device) -> bool:
    """True for a container or volume that may be complete once mdadm has examined it again."""
    box: Device | None = array
    if firmware.is_volume(array):
        box = context.devices.get(firmware.container_name(array))
    return box is not None and REEXAMINE in box.properties


def _containers(context: Context, name: str) -> Iterator[str]:
    device = context.devices.get(name)
    if device is None:
        return
    if firmware.is_container(device):
        yield name
    elif firmware.is_volume(device):
        yield firmware.container_name(device)
    elif device.properties.get("ID_FS_TYPE") in firmware.MEMBERS:
        above = context.devices.holders(name)
        yield from (each.name for each in above if firmware.is_container(each))


def _mark(context: Context, name: str) -> bool:
    """Have mdadm examine the container if it has not said all of its disks; True if so."""
    box, md = context.devices.get(name), own(context)
    md.unheard_boxes.discard(name)
    if box is None:
        return False
    if REEXAMINE in box.properties:
        return _unmark(context, box)
    examined = md.examined.get(name, frozenset())
    disks = context.devices.slaves(name)
    if context.looks.on or len(disks) < len(box.slaves) or not _unheard(context, box, examined):
        return False
    if busy(context, box):
        md.unheard_boxes.add(name)
        return False
    md.examined[name] = box.slaves
    for job in filter(examines, context.machine.on(name)):
        job.succeeded = False  # with the disks that there were then
    context.devices.mark(name, REEXAMINE, YES)
    return True


def _unmark(context: Context, box: Device) -> bool:
    """Take the mark away if a volume that was told of later has the disk; True if so."""
    at_work = any(job.busy for job in context.machine.on(box.name) if examines(job))
    if at_work or _unheard(context, box, frozenset()):
        return False
    own(context).examined.pop(box.name, None)
    context.devices.mark(box.name, REEXAMINE, None)
    return True


def _unheard(context: Context, box: Device, examined: frozenset[str]) -> bool:
    """True if mdadm has not come to its end with a disk that it has added.

    Of what an engine before this one has begun nothing is known but that a disk is in no volume.
    """
    if not context.settings.layer(LAYER).enabled:
        return False
    young = context.now < context.current.began + EFFECT_SECONDS
    used = {disk for each in firmware.volumes(context, box) for disk in each.slaves}
    for name in sorted(box.slaves - examined):
        jobs = context.machine.on(name)
        offered = [each for each in jobs if is_offer(each)]
        if any(each.succeeded or each.published for each in offered):
            continue
        if any(each.run for each in offered) or (young and offered and name not in used):
            return True
    return False
