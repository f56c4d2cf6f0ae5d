"""Starts an array read-only to look into it, and goes on when the look is over (R9)."""

from initpy.core.actions import Record
from initpy.core.devices.marks import LOOK
from initpy.core.events import JobEnded
from initpy.core.goals import naming
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import ended as ended_as_usual
from initpy.core.machine.rules import start
from initpy.core.state.context import Context
from initpy.core.state.deadlines import Deadline
from initpy.core.state.looks import NOTED, Stage
from initpy.core.storage.assembly import starting
from initpy.core.storage.md import facts, firmware, later_disks
from initpy.core.storage.md.look_order import identity
from initpy.core.storage.md.state import Look, own
from initpy.core.waiting.clock import give_time

# Nothing new has appeared for so long, and no job is at work on it: all that can be read was.
QUIET_SECONDS = 3.0
# Unless a user is asked, a look takes no longer: a tool may hang on a disk that does not answer.
LIMIT_SECONDS = 150.0  # it has a second try then
QUIET, LIMIT = DeadlineKind.LOOK.value, DeadlineKind.LOOK_LIMIT.value


def begin(context: Context, instance: Instance, look: Look | None = None) -> None:
    """Start the array read-only, first of all or beside others."""
    device = context.device(instance)
    if device is None:
        return
    has = facts.counted(device, context.devices.slaves(device.name))
    if look is not None:
        own(context).look = look
        context.report(f"{device.name}: looking into this array of another host, read-only, {has}")
    else:
        context.report(f"{device.name}: looking into it as well, read-only, {has}")
    own(context).look.members.update(device.slaves)
    starting(context, instance)
    later_disks.note_start(context, device)
    context.looks.begin(device.name)
    context.looks.mark(context.devices, device.name)
    whose = identity(context, instance)
    context.devices.mark(device.name, NOTED, whose)  # /run may be full
    context.current.act(Record(f"{NOTED}.{device.name}", f"{whose}\n"))
    start(context, instance)


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """The array runs read-only, whatever the command says, or the kernel has refused that."""
    device, looks, md = context.device(instance), context.looks, own(context)
    name = instance.subject or ""
    runs = device is not None and device.properties.get("md/array_state") == "readonly"
    if event.status and not runs:
        looks.drop(name)
        md.taken_down.discard(name)  # that it runs read-only is no late news then
        md.unopened[name] = device.slaves if device is not None else frozenset()
        md.start_refused.add(name)
        why = facts.refusal(device, context.devices.slaves(name)) if device is not None else ""
        if why:
            instance.failures = instance.definition.tries - 1  # the same would be said again
        ended_as_usual(context, instance, event._replace(error=why or event.error))
        if not looks.on:
            over(context)
        return
    instance.succeeded = True
    instance.reason = "looked into, read-only"
    opened(context, name)


def opened(context: Context, name: str) -> None:
    """The array runs: what is on it has time to show."""
    if name not in context.looks.bases:  # it was given up before the kernel had started it
        context.looks.begin(name)
    own(context).look.opened.add(name)
    context.looks.open(name)
    if context.looks.stage is Stage.OVER:
        return
    give_quiet(context)
    if LIMIT not in context.deadlines:
        base = next(iter(context.looks.bases), "")
        limit = Deadline(LIMIT, LIMIT_SECONDS, QUIET_SECONDS, base, kind=DeadlineKind.LOOK_LIMIT)
        context.deadlines.begin(limit)


def give_quiet(context: Context) -> None:
    """Something has appeared: what stands on that has time to show."""
    quiet = context.deadlines.get(QUIET)
    if quiet is not None:
        context.deadlines.extend(quiet, QUIET_SECONDS)
    else:
        base = next(iter(context.looks.bases), "")
        deadline = Deadline(QUIET, QUIET_SECONDS, QUIET_SECONDS, base, kind=DeadlineKind.LOOK)
        context.deadlines.begin(deadline)


def changed(context: Context, name: str) -> None:
    """An array may be one that an earlier engine looks into (R5); what shows on one is noted."""
    forget_failed(context, name)
    device, looks = context.devices.get(name), context.looks
    if device is None:
        return
    known = device.properties
    of_another = known.get("md/array_state") == "readonly" and bool(known.get(NOTED))
    if of_another and name not in looks.bases and name not in own(context).taken_down:  # else late
        md = own(context)
        if not looks.on:
            md.look = Look(resumed=True)
        if md.look.resumed:
            looks.begin(name)
            opened(context, name)
    if not looks.on:
        return
    if LOOK in known and looks.stage is Stage.OPEN:
        seen = own(context).look.seen
        state = f"{name} {device.ready} {known.get('ID_FS_TYPE', '')}"
        if state not in seen:
            seen.add(state)
            give_quiet(context)


def forget_failed(context: Context, name: str) -> None:
    """Note that an array whose start read-only has failed is not looked into any more.

    Until it gets other members it stays noted: the kernel may start it all the same, as a write
    that took too long is not taken back. With more of them mdadm may start a volume of firmware
    RAID, read-only at first: that is no look.
    """
    members = own(context).unopened.get(name)
    if members is None:
        return
    device = context.devices.get(name)
    if device is None or not device.slaves <= members:  # it is gone, or another one
        del own(context).unopened[name]
        context.devices.mark(name, NOTED, None)
        context.current.act(Record(f"{NOTED}.{name}", ""))


def forget_started(context: Context, name: str) -> list[str]:
    """Note of a volume that this engine has had mdadm start for good that it is not looked into.

    An engine before this one has died between the look and the start, and its note is left. mdadm
    starts the volume read-only at first. Returns what has other marks now.
    """
    device = context.devices.get(name)
    if device is None or NOTED not in device.properties or not firmware.is_volume(device):
        return []
    on = (*context.machine.on(name), *context.machine.on(firmware.container_name(device)))
    if not any(each.run and each.strategy is Strategy.DEGRADED_START for each in on):
        return []
    context.devices.mark(name, NOTED, None)
    context.current.act(Record(f"{NOTED}.{name}", ""))
    if not context.looks.mark(context.devices, name):
        return []
    return [name, *naming.refresh(context, name, device)]


def over(context: Context) -> None:
    """Nothing is looked into any more: the others have their turn, and the wait goes on."""
    for name in (QUIET, LIMIT):
        context.deadlines.drop(name)
    machine = context.machine
    machine.timers.cancel(Timer.LOOK, "")
    machine.touch_all(machine.pending(Strategy.LOOK))
    for strategy in (Strategy.RUN, Strategy.DEGRADED_START):
        machine.touch_all(machine.pending(strategy))
    give_time(context)
