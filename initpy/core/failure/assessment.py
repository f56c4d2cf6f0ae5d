"""The end of a boot that the boot loader counts (R25): the loader falls back after a restart.

The loader has taken one try from its entry before it started this system, and gives none back by
itself. So the machine must not stay at a failure screen that nobody reads; nor may it restart,
and lose another try, because a user has mistyped a passphrase or reads the screen.
See https://systemd.io/AUTOMATIC_BOOT_ASSESSMENT.
"""

from initpy.core.actions import OpenShell
from initpy.core.explanation import Advice, Node
from initpy.core.machine.templates import describe
from initpy.core.settings import Counting, Emergency
from initpy.core.state.context import Context
from initpy.core.waiting import countdown
from initpy.core.waiting.holds import Takers, first

DELAY = 60.0  # seconds to read the screen and to press a key, unless the command line says
SHELL = "a shell: no restart while it is open. `exit` tries again."


def begin(context: Context) -> None:
    """Begin the countdown to the end of a counted boot, held while a user is there."""
    settings, outcome = context.settings, context.outcome
    seconds = DELAY
    if settings.emergency is not Emergency.WAIT:
        seconds = outcome.time_to_end(settings.emergency_delay)
    # A user who was there a moment ago has the whole time again.
    end = countdown.start(context, seconds, max(settings.grace, seconds))
    context.deadlines.hold(end, first(context, end, Takers(context)))
    how, shell = outcome.ending.value, settings.shell
    locked = next((each for each in context.machine.all_failed() if each.unanswered), None)
    if outcome.attended:
        context.report(f"no {how} while the shell is open")
    elif locked is not None and shell:
        context.report(f"no {how} by itself: {describe(context, locked)}: {locked.reason}")
        open_shell(context)
    elif locked is not None:
        why = f"{describe(context, locked)}: {locked.reason}"
        context.report(f"no {how} by itself: {why}; a key tries again")
        outcome.await_key()
    else:
        delay = f" in {seconds:.0f} s" if seconds else ""
        key = "a key opens a shell" if shell else "a key tries again"
        context.report(f"{how}{delay}, unless the root turns up; {key}")
        outcome.await_key()


def open_shell(context: Context) -> None:
    """Open a shell; the machine does not end before it does."""
    context.outcome.await_key(False)
    context.outcome.attend(True)
    context.current.act(OpenShell(SHELL))


def tries(counting: Counting) -> str:
    """What is left to the entry, in words."""
    left = {None: "the number of tries left is not known", 0: "no try left", 1: "1 try left"}
    said = left.get(counting.left, f"{counting.left} tries left")
    if counting.done is not None:
        said += f", {counting.done} used"
    return said


def node(counting: Counting) -> Node:
    """What `initpy status` shows of it."""
    return Node("boot counting", tries(counting), reason=f"says {counting.by}")


def advice(counting: Counting) -> Advice:
    """What a restart leads to."""
    again = "boots the next entry" if counting.left == 0 else "boots this entry again"
    after = "" if counting.left is None else f": after a restart it {again}"
    return Advice(f"The boot loader counts this boot ({tries(counting)}){after}.")
