"""Brings deadlines up to the present: root's begins, is extended, stops."""

from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.state.context import Context
from initpy.core.state.deadlines import END, ROOT, Deadline
from initpy.core.waiting.holds import Takers, first

NOTICE_SECONDS = 10.0  # between two looks for what was missed


def update(context: Context) -> bool:
    """Hold deadlines or let them go on; True when a deadline that nothing holds is over."""
    deadlines = context.deadlines
    if doubtful := deadlines.to_look_at():
        takers = Takers(context)
        for deadline in doubtful:
            deadlines.hold(deadline, first(context, deadline, takers))
    return bool(deadlines.over)


def wait_for_root(context: Context, seconds: float | None) -> None:
    """Begin root's deadline, in place of the one before; None: root is waited for for ever."""
    context.deadlines.drop(ROOT)
    if seconds is not None:
        grace = context.settings.grace
        context.deadlines.begin(Deadline(ROOT, seconds, grace, kind=DeadlineKind.ROOT))


def stop(context: Context) -> None:
    """Root is mounted: neither the wait nor the end of the boot is due any more."""
    context.deadlines.drop(ROOT)
    context.deadlines.drop(END)
    context.outcome.await_key(False)


def give_time(context: Context) -> None:
    """Something was started without its missing parts: what it reveals is still to show (R7)."""
    if (clock := context.deadlines.root) is not None:
        context.deadlines.extend(clock, context.settings.grace)
