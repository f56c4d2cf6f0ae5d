"""What the user is told, from time to time, of a boot that still waits."""

from initpy.core.actions import LookAgain
from initpy.core.goals import mounts
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.timers import Timer
from initpy.core.machine.templates import describe
from initpy.core.state.context import Context
from initpy.core.waiting.clock import NOTICE_SECONDS
from initpy.core.waiting.holds import holds

# At which notices the user is told what is waited for: less and less often.
NOTICES, NOTICES_EVERY = (1, 3, 7, 15), 16


def notice(context: Context) -> None:
    """Look for events that were missed, and tell the user that the boot still waits.

    Never into a prompt.
    """
    goals, outcome = context.goals, context.outcome
    if goals.handed_over:
        return
    if goals.complete:
        _handover_waits(context)
        return
    context.machine.timers.start(Timer.NOTICE, "", context.now + NOTICE_SECONDS)
    context.current.act(LookAgain())
    if outcome.failed:
        return
    clock = context.deadlines.root
    over = clock is not None and clock.over(context.now)  # the failure screen comes at once
    number = outcome.notice()
    told = number in NOTICES or number % NOTICES_EVERY == NOTICES[-1]
    free = context.prompts.asking is None and context.settings.root is not None
    if told and free and not over:
        context.report(f"still waiting for {mounts.missing(context)}{_clocks(context)}")


def _handover_waits(context: Context) -> None:
    """Root is mounted, and the real system waits for tools that root may stand on."""
    running = ", ".join(describe(context, each) for each in context.machine.running())
    if running and context.prompts.asking is None:
        context.machine.timers.start(Timer.NOTICE, "", context.now + NOTICE_SECONDS)
        context.current.act(LookAgain())
        context.report(f"root is mounted; the real system waits for this to end: {running}")


def _clocks(context: Context) -> str:
    """How long root and other things will still be waited for, or what the boot is busy with."""
    clock = context.deadlines.root
    said = ""
    if clock is not None:
        holder = next(holds(context, clock), None)
        said = (
            f": {holder.owner} ({holder.reason}){_standstill(context, holder.owner)}"
            if holder
            else f", {clock.left(context.now):.0f} s left"
        )
    for other in context.deadlines.every():
        if other is not clock and not other.held:
            said += f"; {other.name}, {other.left(context.now):.0f} s left"
    return said


def _standstill(context: Context, owner: str) -> str:
    """What there is to say of a check that does not get on."""
    instance = context.machine.find(owner)
    if instance is None or instance.strategy is not Strategy.CHECK:
        return ""
    from initpy.core.goals.fsck import standstill

    said = standstill(context, instance)
    return f"; {said}" if said else ""
