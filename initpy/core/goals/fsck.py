"""Checking a file system before it is mounted (R19): fsck(8) says what the exit statuses mean.

Imported only when there is one to check.
"""

from initpy.core.actions import Record
from initpy.core.events import JobEnded, Progressed
from initpy.core.failure import outcome as failing
from initpy.core.goals.naming import CHECK
from initpy.core.machine.context import SYSROOT, State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.machine.rules import complaint, fail, start
from initpy.core.machine.rules import ended as ended_well

# Exit statuses of fsck(8); they may be added up. 8 and more: the check could not be made.
CORRECTED, REBOOT, UNCORRECTED = 1, 2, 4
NOT_THERE = 127  # as a shell says it
# Time to read why, and to call it off. Nothing outlives a restart that could tell how often this
# was so: a machine that restarts each time is stopped here, or with fsck.mode=skip.
REBOOT_SECONDS = 10.0
TELL_SECONDS = 5.0  # between two lines on how far it is
# A check has no time limit, since nobody knows how long a file system takes. One on a disk that
# does not answer takes for ever: after so long without progress people are told what they can do.
STANDSTILL_SECONDS = 20.0
# The marks that the units and scripts of a real system look for; /run/initramfs is the folder
# that dracut and initramfs-tools share with it.
FOLDER = "/run/initramfs"
STAMPS = {SYSROOT: "fsck-root", f"{SYSROOT}/usr": "fsck-usr"}


def step(state: State, instance: Instance) -> None:
    """The device is there: check its file system, unless another one has its turn."""
    device = state.device(instance)
    if device is None:
        return
    place = device.properties.get(CHECK, "")
    if place in state.mounted:
        state.move(instance, Stimulus.NOT_WANTED, f"{place} is mounted already")
    elif (other := _before(state, instance, place)) is not None:
        instance.reason = f"{other} has the same name and goes first"
    else:
        command = state.command(instance, {"{how}": state.settings.check or ()})
        start(state, instance, command, watched=True)


def _before(state: State, instance: Instance, place: str) -> str | None:
    """Another device for the same place that is checked or mounted: a copy is not written to."""
    for others in state.instances.values():
        if others is instance or others.definition.strategy is not Strategy.CHECK:
            continue
        device = state.device(others)
        if device is None or device.properties.get(CHECK) != place:
            continue
        if others.busy or (others.succeeded and _to_be_mounted(state, device.name)):
            return device.node
    return None


def _to_be_mounted(state: State, name: str) -> bool:
    """True unless its mount was tried in vain."""
    mounts = (Strategy.MOUNT_ROOT, Strategy.MOUNT_FURTHER)
    return any(
        each.definition.strategy in mounts and (each.expected or each.state is JobState.WAITING)
        for each in state.by_subject.get(name, ())
    )


def ended(state: State, instance: Instance, event: JobEnded) -> None:
    """What the check found; the mount goes on unless errors are left or a restart is due."""
    device, status = state.device(instance), event.status
    node = device.node if device is not None else str(instance.subject)
    if status == NOT_THERE:
        state.report(f"{node} is not checked: {event.error}", detail=True)
    elif status < 0 or (status >= 2 * UNCORRECTED and not status & (REBOOT | UNCORRECTED)):
        again = instance.failures + 1 < instance.definition.tries
        if again:
            fail(state, instance, Stimulus.ENDED_BADLY, complaint(event))
            return
        state.report(f"{node} could not be checked, it is mounted as it is: {complaint(event)}")
    elif status & (REBOOT | UNCORRECTED):
        _not_good(state, instance, node, event)
        return
    elif status & CORRECTED:
        state.report(f"{node}: its file system had errors, which are corrected")
    if status in (0, CORRECTED) and device is not None:
        stamp = STAMPS.get(device.properties.get(CHECK, ""))
        if stamp is not None:
            state.act(Record(stamp, "", FOLDER))
    ended_well(state, instance, event._replace(status=0))
    state.touch_all(state.by_subject.get(instance.subject or "", ()))


def _not_good(state: State, instance: Instance, node: str, event: JobEnded) -> None:
    instance.failures = instance.definition.tries - 1  # a second try would find the same
    if event.status & UNCORRECTED:
        for line in event.output.splitlines()[-3:]:
            state.report(line)
        reason = f"errors are left that are not repaired without a person (status {event.status})"
        fail(state, instance, Stimulus.ENDED_BADLY, reason)
    else:
        reason = f"the check of {node} has repaired it and asks for a restart"
        fail(state, instance, Stimulus.ENDED_BADLY, "asks for a restart")
        failing.restart(state, f"{reason}; fsck.mode=skip leaves it out", REBOOT_SECONDS)


def standstill(state: State, instance: Instance) -> str:
    """How long a check has not got on, and how to go on without it; empty while it gets on."""
    if instance.state is not JobState.RUNNING:
        return ""
    _, moved = state.progress.get(instance.key, (0.0, 0.0))
    seconds = state.now - max(instance.since, moved)
    if seconds < STANDSTILL_SECONDS:
        return ""
    return (
        f"no progress for {seconds:.0f} s, and no time limit: Ctrl-Alt-Del restarts the machine, "
        "fsck.mode=skip leaves the check out"
    )


def progressed(state: State, event: Progressed) -> None:
    """Tell how far a check is, now and then; the tree and the notices have it always."""
    instance = state.instances.get(event.job)
    if instance is None or instance.run != event.run or instance.state is not JobState.RUNNING:
        return
    instance.reason = f"{state.describe(instance)}, {event.share:.0%} done"
    share, _ = state.progress.get(instance.key, (0.0, 0.0))
    if event.share != share:
        state.progress[instance.key] = event.share, state.now
    if state.now >= max(state.progress_told, instance.since) + TELL_SECONDS:
        state.progress_told = state.now
        state.report(instance.reason, detail=True)
