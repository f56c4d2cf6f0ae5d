"""Incomplete arrays: each has its own timer, then starts degraded, or not (R7, R8, R9).

An array that another host made is started without its missing members only as
the last way to a root that is asked for by a UUID, which no other host's file
system has: what is on an array is not known before it is started. It waits
twice as long, so that the arrays of this host, and what they reveal, come
first. An array that people named (rd.md.uuid=, mdadm.conf) is not foreign.
"""

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, Stimulus
from initpy.core.machine.rules import ended as ended_as_usual
from initpy.core.machine.rules import start
from initpy.core.settings import Degraded
from initpy.core.storage.assembly import (
    GRACE_SECONDS,
    UNHEARD,
    deadline_name,
    drop_timer,
    note_foreign,
)
from initpy.core.storage.md import facts as arrays
from initpy.core.waiting.deadline import Deadline

FOREIGN_FACTOR = 2.0


def step(state: State, instance: Instance) -> None:
    """An array has members but has not started: wait for the rest, then start without."""
    name = deadline_name(instance)
    device = state.device(instance)
    if device is None or instance.key in state.questions:
        return
    members = state.devices.slaves(device.name)
    if not members:
        # mdadm has made the array but not yet given it its first member.
        instance.reason = "has no member yet"
        state.deadlines.pop(name, None)
        return
    if why := _being_stopped(state, instance, device):
        instance.reason = f"is being stopped, so that {why}"
        drop_timer(state, instance)
        return
    foreign = is_foreign(state, device, members)
    deadline = _deadline(state, instance, device, foreign)
    instance.reason = f"{arrays.has(device, members)}; waits for the others"
    if not (deadline.over(state.now) or instance.key in state.forced):
        return
    if groups_first(state, instance, deadline):
        return
    drop_timer(state, instance)
    if why := _forbidden(state, foreign):
        state.report(f"{device.name}: {arrays.has(device, members)}; not started: {why}")
        state.move(instance, Stimulus.NOT_WANTED, why)
        return
    if state.settings.md_degraded is Degraded.ASK and instance.key not in state.agreed:
        state.questions[instance.key] = deadline
        instance.reason = f"{arrays.has(device, members)}; waits for an answer"
        return
    state.report(f"{device.name}: starting degraded, {arrays.counted(device, members)}")
    start(state, instance)


def groups_first(state: State, instance: Instance, deadline: Deadline) -> bool:
    """True while groups that root= does not name are activated: what is missing may be on one.

    They are left alone as long as something else may lead to the root (R1), but not longer than
    until it would be put together without its missing parts (R7).
    """
    groups = [
        each
        for each in state.pending[Strategy.GROUP_ACTIVATE].values()
        if each.subject is None or not state.devices.stands_on(each.subject, deadline.subject)
    ]
    for each in groups:
        state.forced.add(each.key)
        state.touch(each)
    if groups:
        state.forced.discard(instance.key)
        deadline.extend(GRACE_SECONDS, state.now)
    return bool(groups)


def _being_stopped(state: State, instance: Instance, device: Device) -> str:
    """What for, while another command is at work on the array or about to be."""
    others = state.by_subject.get(instance.subject or "", ())
    if arrays.NEWCOMER in device.properties and any(
        each.pending and each.definition.strategy is Strategy.RUN for each in others
    ):
        return "a member can join it"
    if UNHEARD in device.properties:
        from initpy.core.storage.md import reassemble as unheard

        if unheard.to_be_stopped(state, device):
            return "mdadm says whose it is"
    return ""


def is_foreign(state: State, device: Device, members: tuple[Device, ...]) -> bool:
    """True for an array of another host that people have not named.

    mdadm says so only when it takes a member in; an engine that is started
    again later finds the word that this one leaves (R5). One of which nobody
    has heard is taken for one: that costs time, and no data.
    """
    if state.settings.layer(arrays.LAYER).named:
        return False
    uuids = {each.properties.get("ID_FS_UUID", "") for each in members}
    # The word is about another array of this name, unless a member says nothing any more.
    if (noted := device.properties.get("foreign")) and not uuids.isdisjoint((noted, "")):
        return True
    said = {each.properties.get("MD_FOREIGN") for each in members}
    if "yes" not in said:
        return "no" not in said and UNHEARD in device.properties
    if device.name not in state.foreign:
        note_foreign(state, device.name, max(uuids))
    return True


def _forbidden(state: State, foreign: bool) -> str:
    """Why the array must not be started without its missing members; empty when it may."""
    if state.settings.md_degraded is Degraded.NO:
        return "rd.md.degraded=no: members are missing"
    root = state.settings.root
    if foreign and not (root is not None and root.is_unique):
        return "belongs to another host, and root= is no UUID (name it with rd.md.uuid=)"
    return ""


def _timer(state: State, instance: Instance, device: Device, foreign: bool) -> Deadline:
    seconds = state.settings.md_timeout * (FOREIGN_FACTOR if foreign else 1.0)
    return Deadline(deadline_name(instance), seconds, GRACE_SECONDS, device.name)


def _deadline(state: State, instance: Instance, device: Device, foreign: bool) -> Deadline:
    """The array's timer; made when the array is first seen incomplete.

    A start that failed is tried again at once, its time is over; but not while something that has
    turned up meanwhile holds it.
    """
    name = deadline_name(instance)
    deadline = state.deadlines.get(name)
    wanted = _timer(state, instance, device, foreign)
    if deadline is None:
        if instance.failures:
            wanted = Deadline(name, 0.0, GRACE_SECONDS, device.name)
        deadline = state.deadlines[name] = wanted
    elif deadline.duration < wanted.duration and not instance.failures:
        # A member has turned out to be foreign after the array was seen.
        more, deadline.duration = wanted.duration - deadline.duration, wanted.duration
        deadline.extend(deadline.left(state.now) + more, state.now)
    return deadline


def ended(state: State, instance: Instance, event: JobEnded) -> None:
    """mdadm has ended; when the kernel refused the start, the array's own facts tell why."""
    device = state.device(instance)
    state.touch_all(state.pending[Strategy.RUN].values())  # one may wait to stop the array
    if event.status and device is not None:
        state.stuck.add(device.name)
        if why := arrays.refusal(device, state.devices.slaves(device.name)):
            event = event._replace(error=why)
            instance.failures = instance.definition.tries - 1  # the same would be said again
    ended_as_usual(state, instance, event)


def changed(state: State, name: str) -> list[str]:
    """Mark the arrays that this member must join but cannot; those that were marked.

    An array whose start the kernel has refused takes no member any more
    (md_add_new_disk in drivers/md/md.c): it is stopped, and all of them are
    offered to mdadm again. Whatever happens to such an array may let members go on.
    """
    device, marked = state.devices.get(name), []
    if name in state.stuck:
        if device is None or not arrays.is_stuck(device):
            state.stuck.discard(name)
        elif arrays.NEWCOMER not in device.properties:
            # A member may have come first: while the start ran, or before an engine that is new.
            known = (each.name for each in state.devices)
            waiting = next((each for each in known if arrays.lacks(state, name, each)), None)
            if waiting is not None:
                state.devices.publish(name, {arrays.NEWCOMER: waiting})
                marked.append(name)
        state.touch_all(state.pending[Strategy.RUN].values())
    for each in sorted(state.stuck) if device is not None else ():
        if arrays.lacks(state, each, name):
            state.devices.publish(each, {arrays.NEWCOMER: name})
            marked.append(each)
    return marked


def record(state: State) -> None:
    """Leave word of the arrays that run degraded to the real system (R8)."""
    lines = [arrays.line(state, each) for each in state.devices if arrays.missing(each)]
    if lines:
        state.act(Record("degraded", "".join(f"{line}\n" for line in sorted(lines))))
