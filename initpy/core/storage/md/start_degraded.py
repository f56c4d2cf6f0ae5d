"""Starts an incomplete array without its missing members after its own deadline (R7, R8, R9).

An array that another host made is started without its missing members only as
the last way to a root that is asked for by a UUID, which no other host's file
system has: what is on an array is not known before it is started. It waits
twice as long, so that the arrays of this host, and what they reveal, come
first. An array that the user named (rd.md.uuid=, mdadm.conf) is not foreign.
"""

from collections.abc import Iterator

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.explanation import Advice
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.layer import Layer
from initpy.core.machine.rules import ended as ended_as_usual
from initpy.core.machine.rules import start
from initpy.core.people.confirmations import answered
from initpy.core.settings import Degraded
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, gone, is_due, left, starting, wait_afresh
from initpy.core.storage.md import facts, reassemble
from initpy.core.storage.md.busy import at_work
from initpy.core.storage.md.members import LATE_MEMBER, lacks
from initpy.core.storage.md.state import own

FOREIGN_FACTOR = 2.0


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
    if why := _being_stopped(context, instance, device):
        instance.reason = f"is being stopped, so that {why}"
        wait_afresh(context, instance)
        return
    plan = _plan(context, instance, device, members)
    instance.reason = f"{plan.has}; waits for the others"
    if not is_due(context, instance, plan):
        return
    starting(context, instance)
    context.report(f"{device.name}: starting degraded, {facts.counted(device, members)}")
    start(context, instance)


def _plan(
    context: Context, instance: Instance, device: Device, members: tuple[Device, ...]
) -> Plan:
    """The rules for the array; its deadline grows if it turns out to be another host's.

    A start that failed is tried again at once, its time is over; but not while something that has
    turned up meanwhile holds it.
    """
    settings = context.settings
    foreign = is_foreign(context, device, members)
    seconds = settings.md_timeout * (FOREIGN_FACTOR if foreign else 1.0)
    plan = Plan(
        0.0 if instance.failures else seconds,
        facts.has(device, members),
        device.name,
        forbidden=_forbidden(context, foreign),
        confirm=settings.md_degraded is Degraded.ASK,
    )
    deadline = context.deadlines.get(deadline_name(instance))
    if deadline is not None and deadline.duration < seconds and not instance.failures:
        more, deadline.duration = seconds - deadline.duration, seconds
        context.deadlines.extend(deadline, deadline.left(context.now) + more)
    return plan


def _being_stopped(context: Context, instance: Instance, device: Device) -> str:
    """What for, while another command is at work on the array or about to be."""
    others = context.machine.on(instance.subject)
    if LATE_MEMBER in device.properties and any(
        each.pending and each.strategy is Strategy.RUN for each in others
    ):
        return "a member can join it"
    if reassemble.MARK in device.properties and reassemble.to_be_stopped(context, device):
        return "mdadm says whose it is"
    return ""


def is_foreign(context: Context, device: Device, members: tuple[Device, ...]) -> bool:
    """True for an array of another host that the user has not named.

    mdadm says so only when it takes a member in; an engine that is started
    again later finds the word that this one leaves (R5). An array of unknown
    origin is treated as foreign: that costs time, and no data.
    """
    if context.settings.layer(facts.LAYER).named or facts.tells_no_host(members):
        return False
    uuids = {each.properties.get("ID_FS_UUID", "") for each in members}
    # The word is about another array of this name, unless a member says nothing any more.
    if (noted := device.properties.get("foreign")) and not uuids.isdisjoint((noted, "")):
        return True
    said = {each.properties.get("MD_FOREIGN") for each in members}
    if "yes" not in said:
        return "no" not in said and reassemble.MARK in device.properties
    note_foreign(context, device.name, max(uuids))
    return True


def _forbidden(context: Context, foreign: bool) -> str:
    """Why the array must not be started without its missing members; empty when it may."""
    if context.settings.md_degraded is Degraded.NO:
        return "rd.md.degraded=no: members are missing"
    root = context.settings.root
    if foreign and not (root is not None and root.is_unique):
        return "belongs to another host, and root= is no UUID (name it with rd.md.uuid=)"
    return ""


def published(context: Context, instance: Instance) -> None:
    """mdadm has said of which array a member is, and whether another host made that array.

    It says so only once: an engine that is started again finds the word that this one leaves,
    whether the array has shown by now or not (R5, R9).
    """
    device = context.device(instance)
    known = device.properties if device is not None else {}
    array = known.get("MD_DEVICE")
    if device is None or not array or known.get("MD_FOREIGN") != "yes":
        return
    if not context.settings.layer(Layer.MD).named and not facts.tells_no_host((device,)):
        note_foreign(context, array, known.get("ID_FS_UUID", ""))


def note_foreign(context: Context, array: str, uuid: str) -> None:
    """Another host has made the array: known from now on, also to an engine after this one."""
    if not own(context).is_foreign(array):
        own(context).note_foreign(array)
        context.current.act(Record(f"foreign.{array}", f"{uuid}\n"))


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """mdadm has ended; when the kernel refused the start, the array's own facts tell why."""
    device = context.device(instance)
    # A job may wait to stop the array.
    context.machine.touch_all(context.machine.pending(Strategy.RUN))
    if event.status and device is not None:
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
    if not facts.lies_idle(device) or at_work(context, device):
        return False
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
