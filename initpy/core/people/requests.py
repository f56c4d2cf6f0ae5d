"""What the user asks for from the shell: try again, wait longer, here is a key (R24)."""

from initpy.core.actions import Reply
from initpy.core.events import KeyGiven, RetryAsked, WaitAsked
from initpy.core.failure import ending
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine.templates import describe
from initpy.core.state.context import Context
from initpy.core.waiting.clock import wait_for_root

Request = RetryAsked | WaitAsked | KeyGiven


def handle(context: Context, event: Request) -> None:
    """Do what is asked and answer, now or when it has come to an end."""
    goals = context.goals
    if goals.handed_over or (goals.complete and not isinstance(event, KeyGiven)):
        if isinstance(event, KeyGiven):
            event.secret.wipe()
        _reply(context, event, False, "root is mounted already")
        return
    match event:
        case RetryAsked():
            _retry(context, event)
        case WaitAsked(_, seconds):
            _wait(context, event, seconds)
        case KeyGiven():
            _unlock(context, event)


def _reply(context: Context, event: Request, done: bool, text: str) -> None:
    context.current.act(Reply(event.request, done, text))


def _retry(context: Context, event: RetryAsked) -> None:
    failed = [each for each in context.machine.every() if each.state is JobState.FAILED]
    names = ", ".join(describe(context, each) for each in failed)
    ending.try_again(context, "asked for with `initpy retry`")
    _reply(context, event, True, f"tried again: {names}" if names else "nothing had failed")


def _wait(context: Context, event: WaitAsked, seconds: float | None) -> None:
    """Root's deadline starts anew; a restart of the machine that was due is called off."""
    ending.call_off(context)
    wait_for_root(context, seconds)
    if seconds is None:
        _reply(context, event, True, "root is waited for as long as it takes")
    else:
        _reply(context, event, True, f"root is waited for another {seconds:.0f} s")


def _unlock(context: Context, event: KeyGiven) -> None:
    from initpy.core.unlock.given import give, names  # only where a volume is locked
    from initpy.core.unlock.volume import specification

    volumes = [
        each
        for each in context.machine.every()
        if each.strategy is Strategy.UNLOCK
        and each.state not in (JobState.DONE, JobState.WITHDRAWN)
    ]
    wanted: list[Instance] = [
        each for each in volumes if not event.volume or event.volume in names(context, each)
    ]
    if len(wanted) != 1:
        event.secret.wipe()
        known = ", ".join(specification(context, each).name for each in volumes) or "none"
        problem = "say which volume" if wanted else f"no locked volume {event.volume}".rstrip()
        _reply(context, event, False, f"{problem}; locked are: {known}")
        return
    give(context, wanted[0], event)
