"""Looks into incomplete arrays of other hosts, read-only, when nothing else can lead to root (R9).

A look starts an array with `readonly` in md/array_state: the kernel then writes nothing to its
members, not even a superblock, and refuses every write from above (md_submit_bio, md_update_sb in
drivers/md/md.c). Jobs that say how they act on such a device (`looking`) then show what is on it:
further arrays, volume groups, an encrypted volume. What root= or the name of a volume asks for is
found, or nothing is left to be read; either way all is taken down again. An array with root on it
then starts without its missing members as this host's would.

    no finding --> due --> looked into --> found: not foreign any more, starts at once
                                       +-> nothing: left alone
                                       +-> a part: looked into again, together with other parts
"""

from initpy.core.devices.graph import Device
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.settings import Degraded
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, gone, is_due, left, wait_afresh
from initpy.core.storage.md import facts, foreign
from initpy.core.storage.md.look_begin import begin, ended
from initpy.core.storage.md.look_order import first_due, joins, not_needed, parts_to_join
from initpy.core.storage.md.start_degraded import advice, being_stopped
from initpy.core.storage.md.state import Look, own

# Arrays of this host, volume groups, and groups that root= does not name come before (R9).
RANK = 3
# After what might have led to root: a look that begins too soon is given up, and costs nothing.
GRACE_SECONDS = 1.0


def handler() -> Handler:
    """The handler of looks."""
    return Handler(step, ended, _left, _gone, advice=advice)


def step(context: Context, instance: Instance) -> None:
    """An incomplete array of another host: look into it once nothing else can lead to root."""
    device = context.device(instance)
    if device is None:
        return
    members = context.devices.slaves(device.name)
    known = foreign.finding(context, members)
    if not members:
        instance.reason = "has no member yet"
    elif why := being_stopped(context, instance, device):
        instance.reason = f"is being stopped, so that {why}"
    elif context.looks.covers(context.devices, device.name):
        instance.reason = "stands on an array that is looked into"
    elif known is not None and not known.part:
        context.machine.move(instance, Stimulus.NOT_WANTED, known.words)
        return
    elif known is None:
        _wait(context, instance, device, members)
        return
    else:
        instance.reason = known.words
        _join(context, instance)
        return
    wait_afresh(context, instance)


def _wait(
    context: Context, instance: Instance, device: Device, members: tuple[Device, ...]
) -> None:
    """Its own time passes first, then all that may lead to root has its turn."""
    settings = context.settings
    policy = settings.md_degraded is Degraded.NO
    plan = Plan(
        settings.md_timeout,
        f"{facts.has(device, members)}, of another host",
        device.name,
        rank=RANK,
        kind=DeadlineKind.LAST_RESORT,
        forbidden="rd.md.degraded=no: members are missing" if policy else "",
        grace=GRACE_SECONDS,
    )
    instance.reason = f"{plan.has}; looked into, read-only, if nothing else leads to root"
    if not is_due(context, instance, plan):
        return
    if why := not_needed(context):
        instance.reason = f"{plan.has}; {why}"
    elif context.looks.on:
        instance.reason = f"{plan.has}; waits until another array was looked into"
    elif (first := first_due(context)) is not instance:
        context.machine.touch(first)
        instance.reason = f"{plan.has}; {first.subject} is looked into first"
    else:
        begin(context, instance, Look())


def _join(context: Context, instance: Instance) -> None:
    """Look once more into all that held parts, together, when none is left to be looked into."""
    if context.looks.on or not_needed(context) or not (parts := parts_to_join(context)):
        return
    if parts[0] is not instance:
        context.machine.touch(parts[0])
        return
    own(context).joined = joins(context, parts)
    begin(context, instance, Look(joint=True))


def _left(context: Context, instance: Instance) -> None:
    """The array is not to be looked into now: others may be next."""
    left(context, instance)
    context.machine.touch_all(context.machine.pending(Strategy.LOOK))


def _gone(context: Context, instance: Instance) -> None:
    gone(context, instance, f"{instance.subject} is gone")
    if instance.state is JobState.RUNNING and instance.succeeded:
        # Its command has ended: the array was stopped on purpose.
        context.machine.move(instance, Stimulus.RETRY, f"{instance.subject} was stopped")
    own(context).forget(instance.subject or "")
