"""Starts an incomplete array without its missing members after its own deadline (R7, R8).

An array of another host is looked into first (`look`).
"""

from collections.abc import Iterator

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.explanation import Advice
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import GRACE_SECONDS
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine.rules import ended as ended_as_usual
from initpy.core.machine.rules import start
from initpy.core.people.confirmations import answered
from initpy.core.settings import Degraded
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.storage.assembly import (
    Plan,
    gone,
    is_due,
    left,
    starting,
    wait_afresh,
)
from initpy.core.storage.md import (
    busy,
    facts,
    firmware,
    foreign,
    later_disks,
    reassemble,
    reexamine,
)
from initpy.core.storage.md.members import LATE_MEMBER, lacks
from initpy.core.storage.md.state import own

REJOIN_SECONDS = 1.0


def handler() -> Handler:
    """The handler of starts without missing members."""
    return Handler(step, ended, left, _gone, answered=answered, advice=advice)


def step(context: Context, instance: Instance) -> None:
    """An array has members but has not started: wait for the rest, then start without."""
    device = context.device(instance)
    if device is None or context.assemblies.is_confirming(instance):
        return
    members = context.devices.slaves(device.name)
    if not members:
        # mdadm has made the array but not yet given it its first member.
        instance.reason = "has no member yet"
        wait_afresh(context, instance)
        return
    if why := being_stopped(context, instance, device):
        instance.reason = f"is being stopped, so that {why}"
        wait_afresh(context, instance)
        return
    plan = _plan(context, instance, device, members)
    instance.reason = f"{plan.has}; waits for the others"
    if not is_due(context, instance, plan):
        return
    if busy.may_create(instance) and (array := busy.being_stopped(context)):
        instance.reason = f"{plan.has}; waits until {array} is stopped"
        return
    if reexamine.awaited(context, device):
        instance.reason = f"{plan.has}; waits until mdadm has examined its container once more"
        return
    starting(context, instance)
    later_disks.note_start(context, device)
    context.report(f"{device.name}: starting degraded, {facts.counted(device, members)}")
    start(context, instance)


def _plan(
    context: Context, instance: Instance, device: Device, members: tuple[Device, ...]
) -> Plan:
    """The rules for the array.

    A start that failed is tried again at once, its time is over; but not while something that has
    turned up meanwhile holds it. The time of an array that was looked into has passed before: it
    starts once all the members are there again that it had then.
    """
    settings, known = context.settings, foreign.finding(context, members)
    looked_into = known is not None and known.root and len(members) >= known.members
    name = deadline_name(instance)
    if looked_into and (deadline := context.deadlines.get(name)) and deadline.duration:
        context.deadlines.drop(name)  # all its members are there again that were there before
    return Plan(
        0.0 if instance.failures or looked_into else settings.md_timeout,
        facts.has(device, members),
        device.name,
        forbidden=_forbidden(context, device, members),
        confirm=settings.md_degraded is Degraded.ASK,
        # Its members were free for a moment: all that there are come at once.
        grace=REJOIN_SECONDS if looked_into else GRACE_SECONDS,
    )


def being_stopped(context: Context, instance: Instance, device: Device) -> str:
    """What for, while another command is at work on the array or about to be."""
    others = context.machine.on(instance.subject)
    if LATE_MEMBER in device.properties and any(
        each.expected and each.strategy is Strategy.RUN for each in others
    ):
        return "a member can join it"
    if any(each.strategy is Strategy.TAKE_DOWN and each.busy for each in others):
        return "it is as it was before the look into it"
    if reassemble.MARK in device.properties and reassemble.to_be_stopped(context, device):
        return "mdadm says whose it is"
    return ""


def _forbidden(context: Context, device: Device, members: tuple[Device, ...]) -> str:
    """Why the array must not be started without its missing members; empty when it may.

    Arrays of another host are looked into instead.
    """
    if context.settings.md_degraded is Degraded.NO:
        return "rd.md.degraded=no: members are missing"
    if foreign.is_foreign(context, device, members):
        return "belongs to another host"
    return ""


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """mdadm has ended; when the kernel refused the start, the array's own facts tell why."""
    device = context.device(instance)
    # A job may wait to stop the array.
    context.machine.touch_all(context.machine.pending(Strategy.RUN))
    if why := later_disks.refusal(context, device, event):
        event = event._replace(status=1, error=why)
        instance.failures = instance.definition.tries - 1  # the same would be said again
    elif event.status and device is not None:
        own(context).start_refused.add(device.name)
        if why := facts.refusal(device, context.devices.slaves(device.name)):
            event = event._replace(error=why)
            instance.failures = instance.definition.tries - 1  # the same would be said again
    ended_as_usual(context, instance, event)


def _gone(context: Context, instance: Instance) -> None:
    gone(context, instance, f"{instance.subject} is gone")
    own(context).forget(instance.subject or "")


def changed(context: Context, name: str) -> list[str]:
    """Mark the arrays that this member must join but cannot, and return them.

    An array whose start the kernel has refused takes no member any more
    (md_add_new_disk in drivers/md/md.c): it is stopped, and all of them are
    offered to mdadm again. Whatever happens to such an array may let members go on.
    """
    later_disks.changed(context, name)
    refused = own(context).start_refused
    if not refused and not _refused_before(context, name):
        return []
    device, marked = context.devices.get(name), []
    if name in refused:
        if device is None or not facts.lies_idle(device):
            refused.discard(name)
        elif LATE_MEMBER not in device.properties:
            # A member may have come first: while the start ran, or before an engine that is new.
            known = (each.name for each in context.devices)
            waiting = next((each for each in known if lacks(context, name, each)), None)
            if waiting is not None:
                context.devices.publish(name, {LATE_MEMBER: waiting})
                marked.append(name)
        context.machine.touch_all(context.machine.pending(Strategy.RUN))
    if device is not None and device.properties.get("ID_FS_USAGE") == "raid":
        for each in sorted(refused):
            if lacks(context, each, name):
                context.devices.publish(each, {LATE_MEMBER: name})
                marked.append(each)
    return marked


def _refused_before(context: Context, name: str) -> bool:
    """An array that an engine before this one could not start (R5).

    The kernel reads how many members there are at a start only, and nothing of ours is at work on
    the array that might be just starting it.
    """
    device = context.devices.get(name)
    if device is None or not device.properties.get("md/raid_disks"):
        return False
    if not facts.lies_idle(device) or busy.at_work(context, device):
        return False
    if firmware.is_volume(device):
        return False  # mdadm writes it there when it creates the volume
    own(context).start_refused.add(name)
    return True


def advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """How to start an array that lacks members, from the shell."""
    device = context.device(instance)
    others = (JobState.DONE, JobState.WITHDRAWN, JobState.RUNNING)
    if device is not None and instance.state not in others:
        yield Advice(
            f"The array {device.node} lacks members: connect them, or start it without them:",
            (
                (f"mdadm --detail {device.node}", "which ones are there"),
                (f"mdadm --run {device.node}", "start it as it is"),
            ),
        )
