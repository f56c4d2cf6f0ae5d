"""Devices that are there and cannot be used yet: assemblies and the handover wait for them (R7)."""

from initpy.scenario.acts import Deed
from initpy.simulation.oracle.case import SLACK, Case
from initpy.simulation.oracle.story import FOREVER, Device

# docs/boot.md: so long assemblies wait for such a device. It may stay so for ever.
UNREADY_SECONDS = 20.0
CHECK_SECONDS = 30.0  # of the check of a header, after which it holds nothing any more


def missing_relatives(case: Case, device: Device, order: int) -> bool:
    """Whether its disk, if it is a partition, or one of its own partitions is not known yet.

    A partition may be a part of a raw member; a disk's superblock may be that of a partition.
    """
    names = device.properties.get("partitions", "").split()
    if device.properties.get("DEVTYPE") == "partition":
        names += device.slaves
    return any(case.story.latest(name, order) is None for name in names)


def looked_at_since(case: Case, device: Device, order: int) -> float:
    """Since when the device could not be used at a step; for ever if it could, or is unknown."""
    begun = case.story.engines[case.engine_at(order)]
    since = FOREVER
    for time, step in _changes(case, device, order):
        now = case.story.latest(device.name, step)
        if now is None or (now.ready and not missing_relatives(case, now, step)):
            since = FOREVER
        else:
            since = min(since, max(time, begun))
    return since


def _changes(case: Case, device: Device, order: int) -> list[tuple[float, int]]:
    """The times and steps at which the device or one of its relatives changed."""
    names = (device.name, *device.slaves, *device.properties.get("partitions", "").split())
    states = (each for name in names for each in case.story.devices.get(name, ()))
    return sorted((time, step) for time, step, _ in states if step <= order)


def being_looked_at(case: Case, device: Device, order: int) -> bool:
    """Whether it cannot be used, and that has not lasted as long as it is waited for."""
    since = looked_at_since(case, device, order)
    return since != FOREVER and case.entries[order].time < since + UNREADY_SECONDS - SLACK


def unsure_prompts(case: Case) -> set[str]:
    """The volumes whose prompt was up for long although their disk may not answer.

    Or whose detached header has gone: what is typed is kept until it is back, and nothing waits.
    What is typed is tried once the header is read: the prompt holds nothing where that takes
    longer. Whether it was read before the disk fell silent is not for the oracle.
    """
    silent = case.expected.silent_disks
    pulled = {each.argument for each in case.expected.scenario.faults if each.deed is Deed.UNPLUG}
    headers = {
        layer.on[0] for layer in case.expected.scenario.layers
        if layer.header and pulled & case.expected.cone(layer.header.partition(":")[0])
    }  # fmt: skip
    return headers | {
        locked
        for prompt, locked in (case.questions() if silent else ())
        if min(prompt.end, case.ended) > prompt.start + CHECK_SECONDS
        and (not locked or silent & case.expected.cone(locked))
    }
