"""Which arrays of another host may be looked into, and in which order (R9)."""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
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
    # root= may name the array itself, by its path: there is nothing on it before it runs.
    elsewhere = any(each is None or not facts.lies_idle(each) for each in found)
    return "root was found elsewhere" if elsewhere else ""


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

    One is enough if the user allows its part to be used without the others.
    """
    parts, alone = [], False
    for each in pending(context):
        device = context.device(each)
        members = context.devices.slaves(device.name) if device is not None else ()
        known = foreign.finding(context, members)
        if known is None:
            return []
        if known.part:
            parts.append(each)
            alone = alone or known.alone
    names = {identity(context, each) for each in parts}
    return parts if (len(parts) > 1 or alone) and not names <= own(context).joined else []
