"""The countdown to the end of a boot that has failed (R24)."""

import math

from initpy.core.actions import OpenShell
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context
from initpy.core.state.deadlines import END, NOBODY, Deadline

ROUNDING = 1e-3  # of sums of times
# When the user is told how soon the machine restarts, in seconds before.
COUNTDOWN = (60, 30, 20, 10, 5, 4, 3, 2, 1)


def start(context: Context, seconds: float, grace: float | None = None) -> Deadline:
    """Have the boot end after these seconds, unless root turns up.

    `grace`: seconds that are left at least when a hold has ended; by default the usual.
    """
    grace = context.settings.grace if grace is None else grace
    end = Deadline(END, seconds, grace, kind=DeadlineKind.END)
    context.deadlines.begin(end)
    context.deadlines.hold(end, NOBODY)
    _arm(context, end)
    return end


def restart(context: Context, reason: str, seconds: float) -> None:
    """Restart the machine in a while, for a reason that is no failure; there may be a shell."""
    context.outcome.restart(reason)
    context.report(f"{reason}: reboot in {seconds:.0f} s")
    start(context, seconds)
    if context.settings.shell:
        context.current.act(OpenShell())


def _arm(context: Context, end: Deadline) -> None:
    left = end.left(context.now)
    following = next((each for each in COUNTDOWN if each < left - ROUNDING), None)
    if following is not None:
        context.machine.timers.start(Timer.COUNTDOWN, "", context.now + left - following)


def go_on(context: Context) -> None:
    """Tell how soon a counted boot ends when nothing holds that any more."""
    end = context.deadlines.end
    if end is None or end.held or context.machine.timers.armed(Timer.COUNTDOWN, ""):
        return
    if (left := end.left(context.now)) > COUNTDOWN[-1]:
        context.report(f"{context.outcome.ending.value} in {math.ceil(left - ROUNDING)} s")
        _arm(context, end)


def count(context: Context) -> None:
    """Tell the user how soon the machine restarts, unless something holds the end."""
    end = context.deadlines.end
    if end is None or context.goals.handed_over:
        return
    if end.held:
        if context.settings.counting is None:
            context.machine.timers.start(Timer.COUNTDOWN, "", context.now + 1.0)
        return  # a user may be in the shell of a counted boot for hours: see `go_on`
    left = math.ceil(end.left(context.now) - ROUNDING)
    context.report(f"{context.outcome.ending.value} in {left} s")
    _arm(context, end)
