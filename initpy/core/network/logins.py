"""What logins to servers have in common: a failed one is told once, and tried again with pauses."""

from initpy.core.events import JobEnded
from initpy.core.jobs.instance import Instance, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.network.retries import FIRST_PAUSE, pause_after
from initpy.core.network.targets import Targets, another_way
from initpy.core.state.context import Context
from initpy.core.tuples import NamedTuple


class Failure(NamedTuple):
    """Why a login has failed, for the user; and what that means for the next."""

    what: str  # at the server
    why: str
    refused: bool = False  # the server has said no: it is asked seldom
    elsewhere: bool = False  # another link may lead to a server that does better
    unanswered: bool = False  # nothing is at that port: another of the usual ones is next
    under_way: bool = False  # another login is: it is not told
    complaints: str = ""  # of the tool, for the failure screen
    most: int | None = None  # tries that the user wants; None: until root is there


def try_later(context: Context, instance: Instance, event: JobEnded, failure: Failure) -> None:
    """Say why it has failed, once, and try again after a while."""
    targets, name = context.technologies.own(Targets), instance.subject or ""
    instance.status = event.status
    instance.complaints = failure.complaints or instance.complaints
    known = instance.seen.properties if instance.seen is not None else {}
    moved = targets.is_of_another_way(name, instance.since)
    if not moved:
        targets.note_tried(name)
    news = targets.tell(name, failure.why)
    if news and not failure.under_way and not context.goals.root_mounted:
        context.report(f"{failure.what} at {known.get('HOST')}: {failure.why}; it is tried again")
    tries = targets.failed(name, answered=failure.refused)
    last = failure.most is not None and tries > failure.most
    most = instance.definition.tries
    instance.failures = most if last else min(tries, most - 1)
    context.machine.move(instance, Stimulus.ENDED_BADLY, failure.why)
    if last:
        return
    pause = pause_after(tries, failure.refused)
    if failure.unanswered and targets.has_another_port(name):
        pause = FIRST_PAUSE  # or links and ports might take turns in step: one link for each port
    elif moved:
        pause = FIRST_PAUSE  # it has another link by now
    elif failure.elsewhere:
        another_way(context, name)
    context.machine.timers.start(Timer.RETRY, instance.key, context.now + pause)
