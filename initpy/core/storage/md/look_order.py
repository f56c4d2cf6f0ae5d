"""Which arrays of another host may be looked into, and in which order (R9)."""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.state.assemblies import Phase, deadline_name
from initpy.core.state.context import Context
from initpy.core.storage.md import facts, foreign
from initpy.core.storage.md.state import own

# Arrays that came together are looked into in their order, whichever of them came first.
TOGETHER_SECONDS = 5.0


def not_needed(context: Context) -> str:
    """Why no look is needed, "" if one may lead on."""
    goals = context.goals
    if goals.root_mounted:
        return "" if goals.unmounted() else "root is mounted"
    found = [context.devices.get(each) for each in goals.root_matches]
    return "root was found elsewhere" if any(_leads_on(context, each) for each in found) else ""


def _leads_on(context: Context, device: Device | None) -> bool:
    """True for a device with root, unless what it lacks may be on an array of another host.

    root= may name the array itself, by its path: there is nothing on it before it runs.
    """
    if device is not None and facts.lies_idle(device):
        return False
    if device is None or not lacks_parts(context, device):
        return True
    # Nothing has told the kernel that a part is gone: the mount tells.
    return device.ready and not context.looks.on and not _in_vain(context, device)


def _in_vain(context: Context, device: Device) -> bool:
    """True once its mount was tried as often as it may be."""
    return any(
        each.strategy is Strategy.MOUNT_ROOT
        and each.state is JobState.FAILED
        and each.failures >= each.definition.tries
        for each in context.machine.on(device.name)
    )


def lacks_parts(context: Context, device: Device) -> bool:
    """True for a part of something that lacks other parts."""
    return any(part_of(context, device) for part_of in context.technologies.part_of)


def pending(context: Context) -> list[Instance]:
    """The arrays that may be looked into, the most complete and the most recent first."""
    found = [each for each in context.machine.pending(Strategy.LOOK) if not each.busy]
    return sorted(found, key=lambda each: _order(context, each))


def _order(context: Context, instance: Instance) -> tuple[float, int, str]:
    device = context.device(instance)
    if device is None:
        return 0.0, 0, instance.key
    whole = facts.total(device)
    share = len(device.slaves) / whole if whole else 0.0
    return -share, -facts.updated(device), identity(context, instance)


def identity(context: Context, instance: Instance) -> str:
    """The UUID of the array by which a member knows it."""
    device = context.device(instance)
    known = foreign.identities(context, device) if device is not None else ()
    return max(known, default=instance.key)


def first_due(context: Context) -> Instance:
    """Of the arrays whose time is over, or nearly so, the one to look into first."""
    due = []
    for each in pending(context):
        deadline = context.deadlines.get(deadline_name(each))
        soon = deadline is not None and not deadline.held
        soon = soon and deadline is not None and deadline.left(context.now) <= TOGETHER_SECONDS
        if soon or context.assemblies.of(each).phase is Phase.DUE:
            due.append(each)
    return due[0]


def parts_to_join(context: Context) -> list[Instance]:
    """The arrays to look into together: each held a part of something, and all were looked into.

    One is enough if the user allows its part to be used without the others, or if another part is
    on what is no such array and has come since.
    """
    parts, enough = [], bool(parts_elsewhere(context))
    for each in pending(context):
        device = context.device(each)
        members = context.devices.slaves(device.name) if device is not None else ()
        known = foreign.finding(context, members)
        if known is None:
            return []
        if known.part:
            parts.append(each)
            enough = enough or known.alone
    news = not joins(context, parts) <= own(context).joined
    return parts if news and (len(parts) > 1 or enough) else []


def joins(context: Context, parts: Iterable[Instance]) -> frozenset[str]:
    """What is seen together in one look: the arrays with parts, and parts that are elsewhere."""
    return parts_elsewhere(context) | {identity(context, each) for each in parts}


def parts_elsewhere(context: Context) -> frozenset[str]:
    """The devices with root that lack parts and do not stand on an array that is looked into."""
    found = (context.devices.get(each) for each in context.goals.root_matches)
    return frozenset(
        each.name
        for each in found
        if each is not None and not facts.lies_idle(each) and lacks_parts(context, each)
    )
