"""What holds a deadline, and why: a hold has an owner, a subject and a reason.

A deadline is held by what can still lead to what it waits for. That one rule
gives: no time-out while a person types, and no degraded start while a locked
volume may hide the missing member.
"""

from collections.abc import Iterator
from typing import NamedTuple

from initpy.core.machine.context import State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState
from initpy.core.storage.assembly import deadline_name
from initpy.core.waiting.deadline import LAST_RANK, Deadline

ROOT_WAIT = "root wait"
WORK = (
    Strategy.RUN,
    Strategy.DEGRADED_START,
    Strategy.OFFER_AGAIN,
    Strategy.GROUP_SCAN,
    Strategy.GROUP_START,
    Strategy.GROUP_ACTIVATE,
)
END = "end of the boot"
NOBODY = ("", "")


class Hold(NamedTuple):
    """Why a deadline does not count.

    `owner` is the job that takes it, `subject` the device it may still change,
    `reason` is for people.
    """

    owner: str
    subject: str | None
    reason: str


def held(state: State, deadline: Deadline) -> bool:
    """True when anything holds the deadline; looks no further than the first hold."""
    return first(state, deadline) != NOBODY


def first(state: State, deadline: Deadline) -> tuple[str, str]:
    """Owner and reason of the first hold; NOBODY when nothing holds the deadline."""
    if state.paused is not None:
        return "break=", "a shell is open"
    instance = next(_takers(state, deadline), None)
    return NOBODY if instance is None else (instance.key, _reason(instance))


def _reason(instance: Instance) -> str:
    return instance.reason or "is about to run"


def holds(state: State, deadline: Deadline) -> Iterator[Hold]:
    """What holds the deadline now, people and keys first."""
    if state.paused is not None:
        yield Hold("break=", None, "a shell is open")
    for instance in _takers(state, deadline):
        yield Hold(instance.key, instance.subject, _reason(instance))


def _takers(state: State, deadline: Deadline) -> Iterator[Instance]:
    # A person who is asked, or a key that is derived, holds every clock that it can serve.
    unlocks = state.pending[Strategy.UNLOCK]
    people = [each for each in unlocks.values() if not each.idle] if unlocks else []
    if state.asking is not None:
        asked = state.instances.get(state.asking)
        if asked is not None and asked.state is JobState.FAILED:
            people.append(asked)  # its own key is about to be tried again; the prompt stays up
    questions = [state.instances[key] for key in state.questions] if state.questions else []
    if deadline.name == ROOT_WAIT:
        yield from people
        yield from questions
        yield from state.pending[Strategy.CHECK].values()
        yield from state.pending[Strategy.MOUNT_ROOT].values()
        yield from state.pending[Strategy.MOUNT_FURTHER].values()
        yield from state.pending[Strategy.MOUNT_HOST].values()
    elif deadline.name == END:
        yield from people
        yield from questions
        yield from state.pending[Strategy.CHECK].values()
    else:
        yield from (each for each in people if _may_reveal(state, each, deadline.subject))
        yield from (
            each
            for each in questions
            if each.subject != deadline.subject
            and deadline.rank < LAST_RANK
            and _may_reveal(state, each, deadline.subject)
        )
        # A disk of a server that is slow, or down at first, is still to come.
        yield from (
            each
            for each in state.revealing
            if each.expected and _may_reveal(state, each, deadline.subject)
        )
        # Work in progress may reveal a member too.
        for strategy in WORK:
            for instance in state.pending[strategy].values():
                waited_for = instance.busy or _goes_first(state, instance, deadline)
                if waited_for and _may_reveal(state, instance, deadline.subject):
                    yield instance
        if deadline.rank == LAST_RANK:
            yield from state.pending[Strategy.MOUNT_ROOT].values()


def _goes_first(state: State, instance: Instance, deadline: Deadline) -> bool:
    """True for a start that is still to come and that the deadline waits for.

    A volume group waits for arrays, whatever timer began first: a volume may be on one.
    """
    if deadline.rank == 0:
        return False
    if deadline.rank == LAST_RANK and instance.key in state.questions:
        return False  # people may never answer, and the root may be elsewhere
    other = state.deadlines.get(deadline_name(instance))
    return other is not None and other.rank < deadline.rank


def _may_reveal(state: State, instance: Instance, array: str) -> bool:
    """True when the job could reveal a member of the array.

    What stands on the array cannot: it is there only after the array. A job on
    the boot itself can when it says so.
    """
    subject = instance.subject
    if instance.definition.reveals and state.overdue:
        return False
    if subject is None:
        return instance.definition.reveals
    return not state.devices.stands_on(subject, array)
