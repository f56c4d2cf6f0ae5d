"""Resuming a hibernated system (R20): before anything is checked, mounted or repaired.

The hibernated system has the file systems mounted, with changes in its memory. Whoever mounts them
before it is resumed, and be it read-only, replays their journals, and destroys them. So whatever
writes (`Manner.writes`) waits until the kernel has looked at the device that resume= names, or
until that is ruled out. A device that never comes costs a root that is there some seconds.
"""

from collections.abc import Iterator

from initpy.core.actions import Record
from initpy.core.actions import Resume as Act
from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.goals.handover import is_kept
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import READY, Instance, Stimulus
from initpy.core.machine import rules
from initpy.core.machine.rules import begin
from initpy.core.settings import Resume
from initpy.core.state.context import Context
from initpy.core.state.deadlines import RESUME, Deadline
from initpy.core.state.goals import RESUME_OVER

# libblkid's type of swap that holds a hibernated system (libblkid/src/superblocks/swap.c).
HIBERNATED = "swsuspend"
SWAP = "swap"


def handler() -> Handler:
    """The handler of the device that resume= names."""
    return Handler(_step, _ended, landed=_landed)


def _step(context: Context, instance: Instance) -> None:
    """The device is there: have the kernel look, unless it says that there is nothing."""
    device, wanted = context.device(instance), context.settings.resume
    if device is None or wanted is None:
        return
    if not context.goals.resuming:
        context.machine.move(instance, Stimulus.NOT_WANTED, "it is too late to resume")
        return
    if why := _nothing_on(device, wanted):
        context.machine.move(instance, Stimulus.NOT_WANTED, why)
        rule_out(context, why, detail=True)
        return
    known = device.properties
    number = f"{known.get('MAJOR')}:{known.get('MINOR')}"
    if known.get("ID_FS_TYPE") == HIBERNATED:
        context.report(f"resuming the hibernated system on {device.node} ({wanted.by})")
    begin(context, instance)
    context.current.act(Act(instance.key, instance.run, number, wanted.offset))


def _nothing_on(device: Device, wanted: Resume) -> str:
    """Why there is no hibernated system on the device; "" if only the kernel can tell."""
    kind = device.properties.get("ID_FS_TYPE", "")
    if wanted.offset or kind == HIBERNATED:
        return ""
    if kind == SWAP:
        return f"no hibernated system is on {device.node}"
    shown = f"holds {kind}" if kind else "is empty"
    return f"{device.node}, which {wanted.by} names, is no swap: it {shown}"


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """The kernel has come back: there was nothing, or it does not take what is there."""
    device, wanted = context.device(instance), context.settings.resume
    node = device.node if device is not None else str(instance.subject)
    whole = wanted is not None and not wanted.offset
    if event.status:
        why = f"the hibernated system on {node} is not resumed: {event.error}"
    elif whole:
        why = f"the kernel has refused the hibernated system on {node}: `dmesg` says why"
    else:
        why = f"no hibernated system is in the swap file on {node}"
    rules.ended(context, instance, event._replace(status=0))  # whatever it said: it is settled
    rule_out(context, f"{why}; the boot goes on", detail=not (whole or event.status))


def _landed(context: Context, instance: Instance, _: JobEnded) -> None:
    """The device has gone while the kernel looked at it, and now the kernel has come back."""
    rule_out(context, f"no hibernated system is resumed: {instance.subject} is gone")


def wait(context: Context) -> None:
    """Begin to count once nothing but this keeps root from being mounted.

    A named volume that is still locked may hold the hibernated system: the user is waited for. So
    is the kernel, however long it looks: it may resume the system even after we have given up.
    """
    wanted, deadlines = context.settings.resume, context.deadlines
    if wanted is None or wanted.seconds is None or not context.goals.resuming:
        return
    busy = context.machine.at_work(Strategy.RESUME) or is_kept(context)
    waits = any(_blocked(context)) and not busy
    if not waits:
        deadlines.drop(RESUME)
    elif deadlines.get(RESUME) is None:
        context.report(
            f"root is there, but a hibernated system may be on {wanted.source} ({wanted.by}): "
            f"waits up to {wanted.seconds:.0f} s for it"
        )
        grace = min(context.settings.grace, wanted.seconds)
        deadlines.begin(Deadline(RESUME, wanted.seconds, grace, kind=DeadlineKind.RESUME))


def _blocked(context: Context) -> Iterator[Instance]:
    for strategy, manner in context.handlers.manners.of.items():
        if manner.writes and not manner.beside:
            yield from (each for each in context.machine.pending(strategy) if each.state is READY)


def give_up(context: Context) -> None:
    """The device has not come in time."""
    if (wanted := context.settings.resume) is not None:
        why = f"no hibernated system is resumed: {wanted.source} has not turned up"
        rule_out(context, f"{why} ({wanted.by}; `noresume` leaves the wait out)")


def rule_out(context: Context, why: str, detail: bool = False) -> None:
    """Nothing is resumed any more: what has waited goes on, and a later engine knows it (R5)."""
    if not context.goals.resuming:
        return
    context.goals.rule_out_resume()
    context.deadlines.drop(RESUME)
    context.report(why, detail=detail)
    context.current.act(Record(RESUME_OVER, f"{why}\n"))
    for strategy, manner in context.handlers.manners.of.items():
        if manner.writes or strategy is Strategy.RESUME:
            context.machine.touch_all(context.machine.pending(strategy))
