"""Monitors of containers: mdmon(8), which writes the metadata of volumes of firmware RAID.

mdadm starts a volume read-only, and a monitor for its container unless one runs. The monitor makes
the volume writable. From then on the kernel awaits the monitor with each first write
(md_write_start in drivers/md/md.c), and with each member that fails. A monitor may die: mdmon 4.2
calls get_bad_blocks() of DDF, which has none, if its second thread finds a volume on its first
pass, before it has waited for anything (read_and_act() in monitor.c; mended in mdadm 4.3). mdadm
does not start it again, nor does anything else in an initramfs.

The runtime tells of a container which process is its monitor, as long as that lives.
"""

from collections.abc import Iterable, Iterator

from initpy.core.actions import LookAgain
from initpy.core.devices.graph import Device, partitions
from initpy.core.devices.marks import LOOK, MONITOR
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.jobs.timers import Timer
from initpy.core.machine import rules
from initpy.core.state.context import Context
from initpy.core.storage.md import firmware
from initpy.core.storage.md.busy import busy
from initpy.core.storage.md.facts import LAYER
from initpy.core.storage.md.state import own

PROCESS = "monitor"  # of a container: the number of its monitor's process, as the runtime tells it
GONE, AWAITED = "gone", "awaited"
# Volumes of other levels have no metadata that changes (manage_new() in mdadm's managemon.c).
LEVELS = ("raid1", "raid4", "raid5", "raid6", "raid10")
# One that dies so often dies of what it finds, not by chance.
TIMES = 5
# News of a container may come later than of its volumes: so long the handover waits for it.
UNTOLD_SECONDS = 20.0


def handler() -> Handler:
    """The handler of starts of monitors."""
    return Handler(rules.run_now, _ended)


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """mdmon has ended, and the monitor that it leaves runs, or has died already."""
    box = context.device(instance)
    if event.status == 0 and (box is None or PROCESS not in box.properties):
        event = event._replace(status=1, error="the monitor has died at once")
    rules.ended(context, instance, event)


def mark(context: Context, name: str) -> list[str]:
    """Mark the containers that this device may concern, and their volumes; those changed."""
    device = context.devices.get(name)
    if device is None:  # a volume may have been stopped
        return [each for box in tuple(own(context).unmonitored) for each in _mark(context, box)]
    if firmware.is_container(device):
        return _mark(context, name)
    members = context.devices.slaves(name) if firmware.is_volume(device) else (device,)
    box = firmware.container(context, members)
    if box is None and firmware.is_volume(device):
        return _untold(context, device)
    return _mark(context, box.name) if box is not None else []


def _untold(context: Context, volume: Device) -> list[str]:
    """Mark a read-only volume whose container was not told of: it may have no monitor."""
    waits = _needs_monitor(volume) and _is_read_only(volume)
    if not _set(context, volume, AWAITED if waits else None):
        return []
    return [volume.name, *(each.name for each in partitions(context.devices, volume.name))]


def ended(context: Context, name: str) -> list[str]:
    """Mark what the end of a command on this device may concern.

    Disks of Intel and DDF containers do not tell of which container they are: see `busy`.
    """
    unsure = tuple(own(context).unsure_monitors)
    return mark(context, name) + [each for box in unsure for each in _mark(context, box)]


def _mark(context: Context, name: str) -> list[str]:
    box, unmonitored = context.devices.get(name), own(context).unmonitored
    if box is None:
        unmonitored.discard(name)
        own(context).unsure_monitors.discard(name)
        return []
    volumes = firmware.volumes(context, box)
    lacking = PROCESS not in box.properties and any(map(_needs_monitor, volumes))
    # mdadm may be about to start one.
    at_work = lacking and (busy(context, box) or any(_is_started(context, v) for v in volumes))
    (own(context).unsure_monitors.add if at_work else own(context).unsure_monitors.discard)(name)
    if not lacking:
        unmonitored.discard(name)
    elif not at_work and name not in unmonitored:
        unmonitored.add(name)
        _report(context, box, volumes)
    tried = name in unmonitored and own(context).monitors_lost[name] <= TIMES
    changed = [name] if _set(context, box, GONE if tried else None) else []
    # One that runs makes its volumes writable in a moment: what is read-only until then is neither
    # checked nor mounted, or it would be mounted without its check.
    runs = PROCESS in box.properties
    awaited = runs or at_work or (tried and not _given_up(context, name))
    for each in volumes:
        changed += _forget_read_only(context, each)
        waits = awaited and _needs_monitor(each) and _is_read_only(each)
        if _set(context, each, AWAITED if waits else None):
            # What a partition is ready for hangs on its disk, too (DeviceGraph.grounded).
            changed += [each.name, *(p.name for p in partitions(context.devices, each.name))]
    return changed


def _forget_read_only(context: Context, volume: Device) -> list[str]:
    """Forget that partitions were read-only while their volume was: no event says that it is over.

    The kernel tells of the volume alone (set_disk_ro() in its genhd.c).
    """
    if volume.properties.get("md/array_state") in ("readonly", "inactive", "clear"):
        return []
    parts = partitions(context.devices, volume.name)
    found = [each.name for each in parts if each.properties.get("ro") == "1"]
    for name in found:
        context.devices.mark(name, "ro", None)
    return found


def _is_started(context: Context, volume: Device) -> bool:
    """True while an mdadm of ours is at work on the volume."""
    return any(
        each.state is JobState.RUNNING and each.definition.layer is LAYER
        for each in context.machine.on(volume.name)
    )


def _set(context: Context, device: Device, value: str | None) -> bool:
    if device.properties.get(MONITOR) == value:
        return False
    context.devices.mark(device.name, MONITOR, value)
    return True


def _needs_monitor(volume: Device) -> bool:
    """True for a volume that runs, unless it is only looked into."""
    known = volume.properties
    runs = known.get("md/array_state", "inactive") not in ("inactive", "clear")
    return runs and known.get("md/level") in LEVELS and LOOK not in known


def _is_read_only(volume: Device) -> bool:
    """True for a volume that no monitor has made writable yet.

    With a dash in its metadata's version it is to stay so (read_and_act() in mdmon's monitor.c).
    """
    known = volume.properties
    stays = known.get(firmware.VERSION, "").startswith(firmware.STAYS_READ_ONLY)
    return known.get("md/array_state") == "readonly" and not stays


def _report(context: Context, box: Device, volumes: Iterable[Device]) -> None:
    """Say that the container lost its monitor, and what is done about it."""
    lost = own(context).monitors_lost
    lost[box.name] = times = lost.get(box.name, 0) + 1
    names = ", ".join(each.name for each in volumes)
    if times <= TIMES:
        context.report(f"{box.name}: its monitor (mdmon) does not run; it is started again")
        return
    what = f"it is not started again, and {names} cannot be written to"
    context.report(f"{box.name}: its monitor (mdmon) has ended {times} times; {what}")


def _starts(context: Context, name: str) -> Iterator[Instance]:
    """The jobs that start the monitor of this container."""
    jobs = context.machine.on(name)
    return (each for each in jobs if each.strategy is Strategy.START_MONITOR)


def _given_up(context: Context, name: str) -> bool:
    """True if the monitor of this container could not be started, or must not be."""
    return any(
        each.state is JobState.SKIPPED or (each.state is JobState.FAILED and not each.expected)
        for each in _starts(context, name)
    )


def keeps(context: Context) -> bool:
    """True while a monitor is to be started that root needs.

    An mdadm that hangs on the container may still start one: only its end tells.
    """
    if any(_is_below_root(context, name) for name in own(context).unsure_monitors):
        return True
    return _await_container(context) or any(
        (each.expected or each.state is JobState.WAITING) and _is_below_root(context, name)
        for name in own(context).unmonitored
        for each in _starts(context, name)
    )


def _is_below_root(context: Context, container: str) -> bool:
    """True if something mounted stands on the disks of the container."""
    disks = [each.name for each in context.devices.slaves(container)]
    return any(context.devices.stands_on(top, disk) for top in _mounted(context) for disk in disks)


def _mounted(context: Context) -> list[str]:
    """The devices of what is mounted."""
    mounted = map(context.devices.mounted_from, context.goals.mounted.values())
    return [each.name for each in mounted if each is not None]


def _await_container(context: Context) -> bool:
    """True while the container of a volume below root is to be told of; have it looked for."""
    goals, timers = context.goals, context.machine.timers
    if not goals.complete or not (untold := _untold_below_root(context)):
        return False
    name = untold[0]
    if context.now >= (due := goals.reached_at + UNTOLD_SECONDS):
        return False
    if not timers.armed(Timer.HAND_OVER, name):
        timers.start(Timer.HAND_OVER, name, due)
        context.current.act(LookAgain())
    return True


def report_untold(context: Context) -> None:
    """Say at the handover of which containers below root nothing is known."""
    for name in _untold_below_root(context):
        context.report(f"{name}: was not told of: its monitor (mdmon) may not run")


def _untold_below_root(context: Context) -> list[str]:
    """The containers that udev has not told of, though a volume of theirs is below root."""
    tops = _mounted(context)
    return sorted(
        name
        for volume in context.devices
        if firmware.is_volume(volume) and _needs_monitor(volume)
        if context.devices.get(name := firmware.container_name(volume)) is None
        if any(context.devices.stands_on(top, volume.name) for top in tops)
    )
