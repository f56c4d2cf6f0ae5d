"""Sees what is on arrays that are looked into, and takes it all down again (R9).

Nothing is written to them: what was asked for is found, or nothing is left to be read.
"""

from collections.abc import Iterable, Iterator

from initpy.core.actions import LookAgain, Record
from initpy.core.devices.graph import Device
from initpy.core.devices.marks import LOOK
from initpy.core.failure.words import content
from initpy.core.goals import naming
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import give_up, stop
from initpy.core.state.context import Context
from initpy.core.state.looks import NOTED, Stage
from initpy.core.storage.md import facts, firmware, foreign
from initpy.core.storage.md.look_begin import LIMIT, QUIET, begin, give_quiet, over
from initpy.core.storage.md.look_order import joins, lacks_parts, not_needed, pending
from initpy.core.storage.md.members import uuids
from initpy.core.storage.md.state import Finding, own
from initpy.core.waiting.holds import held

# What is there is compared with what was told before nothing counts as found: that takes a moment.
COMPARE_SECONDS = 2.0
# What cannot be taken down within this time stays as it is, read-only.
TAKE_DOWN_SECONDS = 20.0


def go_on(context: Context) -> list[str]:
    """Find what was asked for, or end the look; the devices whose marks have changed."""
    looks, marked = context.looks, mark(context)
    if looks.stage is not Stage.STARTING:
        _drop_stopped(context)
    if looks.stage is Stage.OPEN:
        _examine(context)
    if looks.stage is Stage.OVER:
        _take_down(context)
    return marked + mark(context)


def mark(context: Context) -> list[str]:
    """Bring the marks up to date of all that is looked into, or was."""
    marked = context.looks.mark_all(context.devices)
    for each in tuple(marked):
        marked += naming.refresh(context, each)
        marked += foreign.mark(context, each)
    return marked


def _drop_stopped(context: Context) -> None:
    """Arrays that are stopped, or that somebody has made writable, are not looked into any more.

    That one is inactive is late news: an array that runs is gone before it is assembled anew.
    """
    for name in own(context).look.opened & context.looks.bases.keys():
        device = context.devices.get(name)
        state = device.properties.get("md/array_state") if device is not None else None
        if state not in ("readonly", "inactive"):
            context.current.act(Record(f"{NOTED}.{name}", ""))
            own(context).taken_down.add(name)
            context.looks.drop(name)
    if not context.looks.on:
        over(context)


def _examine(context: Context) -> None:
    quiet, limit = context.deadlines.get(QUIET), context.deadlines.get(LIMIT)
    look = own(context).look
    if why := _called_off(context):
        _close(context, why)
    elif (asked := next(_asked_for(context), None)) is not None:
        _found(context, *asked)
        _close(context, "")
    elif limit is not None and limit.over(context.now):
        _nothing(context, "it took too long")
    elif quiet is not None and quiet.over(context.now) and not held(context, quiet):
        if not all(_settled(context, each) for each in _upon(context)):
            return  # udev is at work; the limit ends it
        if following := _following(context):
            give_quiet(context)
            begin(context, following)
        elif not look.compared:
            look.compared = True  # an event may have been lost
            context.current.act(LookAgain())
            context.deadlines.extend(quiet, COMPARE_SECONDS)
        elif not any(each.busy and not each.succeeded for each in _lookers(context)):
            _nothing(context, "")


def _lookers(context: Context) -> list[Instance]:
    return list(context.machine.pending(Strategy.LOOK))


def _upon(context: Context) -> list[Device]:
    """What is looked into, and all that stands on it."""
    return [each for each in context.devices if LOOK in each.properties]


def _settled(context: Context, device: Device) -> bool:
    """True if udev has nothing more to tell of the device, or it is there for others only."""
    hidden = device.properties.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") == "1"
    return device.ready or hidden or facts.lies_idle(device) or lacks_parts(context, device)


def _called_off(context: Context) -> str:
    """Why the look must not go on, "" if it may."""
    if why := not_needed(context):
        return why
    look = own(context).look
    findings = [_finding_of(context, each) for each in context.looks.bases]
    if not look.joint and findings and all(each is not None for each in findings):
        return "it was looked into before"  # an engine has died before it was stopped
    if late := next(_late(context), None):
        return f"{late.name} has come, a member that was missing"
    return ""


def _finding_of(context: Context, name: str) -> Finding | None:
    return foreign.finding(context, context.devices.slaves(name))


def missing_member(context: Context, member: Device) -> str | None:
    """The array that is looked into without this member of it."""
    uuid = member.properties.get("ID_FS_UUID")
    if uuid is None or member.usage != "raid":
        return None
    if firmware.container(context, (member,)) is not None:
        return None  # its UUID may be that of all containers
    for name in context.looks.bases:
        array = context.devices.get(name)
        if array is None or context.devices.stands_on(member.name, name):
            continue  # udev may take the superblock of the array above for that of the disk, too
        if member.name not in array.slaves and uuid in uuids(context, array):
            return name
    return None


def _late(context: Context) -> Iterator[Device]:
    """Members that mdadm was not offered: they have come since the look began."""
    for each in context.machine.pending(Strategy.RUN):
        if "MD_FOREIGN" not in each.definition.publishes or each.busy:
            continue
        device = context.device(each)
        if device is None or device.name in own(context).look.members:
            continue  # the kernel has refused it for its age
        if LOOK not in device.properties and missing_member(context, device) is not None:
            yield device


def _asked_for(context: Context) -> Iterator[tuple[Device, str]]:
    """What root= or the name of a volume asks for, on what is looked into."""
    for device in _upon(context):
        if not device.ready or not _below_runs(context, device.name):
            continue
        why = naming.asked_for(context, device)
        for named in context.technologies.named:
            why = why or named(context, device)
        if why:
            yield device, why


def _below_runs(context: Context, name: str) -> bool:
    """True unless the device stands on an array whose news is still to come."""
    return not any(
        facts.lies_idle(each) or not _below_runs(context, each.name)
        for each in context.devices.slaves(name)
    )


def _following(context: Context) -> Instance | None:
    """The next array to look into as well: another volume, another part, else one on those.

    What stands on several parts may need all of them: the kernel takes no member any more once it
    has refused a start.
    """
    look, devices, nested = own(context).look, context.devices, []
    for each in pending(context):
        if each.state is not JobState.READY or each.subject is None:
            continue
        if _shares_disks(context, each.subject):
            return each
        if context.looks.covers(devices, each.subject):
            nested.append(each)
        elif look.joint and (known := _finding_of(context, each.subject)) and known.part:
            return each
    return next(iter(nested), None)


def _shares_disks(context: Context, name: str) -> bool:
    """True for another volume of a container that is looked into: there is one finding for all."""
    device, bases = context.devices.get(name), _bases(context)
    return device is not None and any(not device.slaves.isdisjoint(each.slaves) for each in bases)


def _bases(context: Context) -> list[Device]:
    found = (context.devices.get(each) for each in context.looks.bases)
    return [each for each in found if each is not None]


def _note(context: Context, arrays: Iterable[Device], found: Finding) -> None:
    for array in arrays:
        found = found._replace(members=len(context.devices.slaves(array.name)))
        for uuid in sorted(foreign.identities(context, array)):
            foreign.note_finding(context, uuid, found)


def _found(context: Context, device: Device, what: str) -> None:
    """The arrays below it are started as this host's would be."""
    below = [
        each
        for each in context.devices
        if each.name.startswith("md")
        and "md/array_state" in each.properties
        and LOOK in each.properties
        and context.devices.stands_on(device.name, each.name)
    ]
    _note(context, below, Finding(True, f"{what} is on it"))
    names = ", ".join(each.name for each in below)
    context.report(f"{names}: {what} is on it; it is started without its missing members")
    for each in below:
        if each.name in context.looks.bases:
            uuid = each.properties.get("MD_UUID") or max(
                filter(None, uuids(context, each)), default=""
            )
            context.report(
                f"to have {each.name} taken for this machine's: rd.md.uuid={uuid}, "
                "or an image that carries the name of the host that made it"
            )


def _nothing(context: Context, why: str) -> None:
    """Nothing that is asked for is on it, as far as it could be read."""
    lone = next(_without_others(context), None)
    if lone is not None and (own(context).look.joint or not _others(context)):
        _found(context, *lone)
        _close(context, "")
        return
    tops = [each for each in _upon(context) if not context.devices.holders(each.name)]
    words = "; ".join(f"{each.node}: {', '.join(content(each, True))}" for each in tops)
    part = any(_is_part(context, each) for each in _upon(context)) and not own(context).look.joint
    text = f"of another host; looked into, read-only, and not what root= asks for ({words})"
    text = f"{text}: {why}" if why else text
    from initpy.core.storage.md import stand_in  # few looks find nothing

    bases = _bases(context)
    named = not part and len(bases) == 1 and stand_in.is_named(context, bases[0], _upon(context))
    alone = part and lone is not None
    _note(context, bases, Finding(False, text, part, alone=alone, named=named))
    if part:
        looked = [each for each in _lookers(context) if each.subject in context.looks.bases]
        own(context).joined = joins(context, looked)
    for each in context.looks.bases:
        context.report(f"{each}: {text}")
    _close(context, "")


def _without_others(context: Context) -> Iterator[tuple[Device, str]]:
    """What is asked for, and what the user allows to be used without the parts that it lacks."""
    for device in _upon(context):
        allowed = any(each(context, device) for each in context.technologies.may_lack_parts)
        if allowed and (why := naming.asked_for(context, device)):
            yield device, why


def _others(context: Context) -> bool:
    """True while another array may have what is missing."""
    for each in pending(context):
        if each.subject not in context.looks.bases:
            known = _finding_of(context, each.subject or "")
            if known is None or known.part:
                return True
    return False


def _is_part(context: Context, device: Device) -> bool:
    """True for a part of something that lacks other parts: they may be on another array."""
    if facts.lies_idle(device):
        return True
    jobs = context.machine.on(device.name)
    if any(each.strategy is Strategy.GROUP_ACTIVATE and each.failures for each in jobs):
        return True
    return lacks_parts(context, device)


def _close(context: Context, why: str) -> None:
    """Have all of it taken down again."""
    if why:
        names = ", ".join(context.looks.bases)
        context.report(f"{names}: not looked into any further: {why}", detail=True)
    for name in _refused_beside(context):
        context.looks.begin(name)
        own(context).look.opened.add(name)
    context.looks.close()
    for each in context.machine.running():
        device = context.device(each)
        if device is None or LOOK not in device.properties:
            continue
        # Key derivation takes long, and a tool that reads may hang: all that is for nothing now.
        opens = each.strategy is Strategy.UNLOCK and not context.devices.holders(device.name)
        if opens or each.definition.success.published:
            stop(context, each)
    for name in (QUIET, LIMIT):
        context.deadlines.drop(name)
    # No deadline: nothing holds this, and it counts when root is mounted, too.
    context.machine.timers.start(Timer.LOOK, "", context.now + TAKE_DOWN_SECONDS)


def _refused_beside(context: Context) -> list[str]:
    """The volumes that could not start in a container that is looked into: they are stopped, too.

    mdadm makes a container's volumes anew only once it has none.
    """
    boxes = (firmware.container(context, context.devices.slaves(each.name))
             for each in _bases(context) if firmware.is_volume(each))  # fmt: skip
    volumes = (each for box in boxes if box is not None for each in firmware.volumes(context, box))
    return [each.name for each in volumes if facts.lies_idle(each)]


def _take_down(context: Context) -> None:
    """The jobs that take it down have been given their marks; see what became of them."""
    machine = context.machine
    failed = [each for each in machine.failed(Strategy.TAKE_DOWN) if not each.expected]
    if not failed and not machine.timers.armed(Timer.LOOK, ""):
        failed = list(machine.pending(Strategy.TAKE_DOWN))
    elif not failed:
        return
    why = f"{failed[0].subject}: {failed[0].reason}" if failed else "it is still in use"
    context.report(f"{', '.join(context.looks.bases)}: cannot be stopped, stays read-only: {why}")
    for each in _lookers(context):
        if each.succeeded:
            machine.move(each, Stimulus.RETRY, why)
            give_up(context, each, f"cannot be stopped: {why}")
    context.looks.end(left=tuple(context.looks.bases))
    over(context)
