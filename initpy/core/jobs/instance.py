"""A job on a subject: a small state machine, its table first.

            +--------- subject gone, no longer matches, no longer needed ------> withdrawn
            |                                                                       |
  waiting --+-> ready ---> running ---> awaiting ---> done                          |
     |  ^         ^           |            |           |                            |
     |  |         |           v            v           |                            |
     |  |         +- retry - failed <------+           |                            |
     |  |         +---------- retry -------+           |                            |
     |  +----------------------------------------------+----- matches again --------+
     +-> skipped (not wanted)

`awaiting` is the time between a command that ended well and the moment the
world shows what it did: success is a fact of the world, not an exit status.
"""

import enum

from initpy.core.devices.graph import Device
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.jobs.hold_table import HoldKind


class JobState(enum.Enum):
    """Where an instance stands."""

    WAITING = "waiting"  # for its subject to be ready
    READY = "ready"  # could run; the strategy says when
    RUNNING = "running"
    AWAITING = "awaiting"  # ran well, its effect is not seen yet
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"  # not wanted
    WITHDRAWN = "withdrawn"

    def __init__(self, word: str) -> None:
        self.word = word  # the value: Enum's own `value` is a property, and asked for at each move

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


WAITING, READY, RUNNING, AWAITING, DONE, FAILED, SKIPPED, WITHDRAWN = JobState


class Stimulus(enum.Enum):
    """What moves an instance from one state to another."""

    SUBJECT_READY = "subject ready"
    SUBJECT_UNREADY = "subject no longer ready"
    NOT_WANTED = "not wanted"
    WANTED = "wanted after all"
    STARTED = "started"
    ENDED_WELL = "ended well"
    ENDED_BADLY = "ended badly"
    FACT = "fact seen"
    FACT_GONE = "fact gone"
    NO_FACT = "fact did not show"
    RETRY = "tried again"
    GONE = "subject gone or no longer matching"
    BACK = "matches again"
    GIVEN_UP = "given up"

    __hash__ = object.__hash__


# What has failed for good is tried again when something new has turned up that it may have
# lacked; more often than this it lacks something else.
REVIVALS = 8

BUSY = (RUNNING, AWAITING)
PENDING = (READY, *BUSY)

_S, _T = JobState, Stimulus

TRANSITIONS: dict[tuple[JobState, Stimulus], JobState] = {
    (_S.WAITING, _T.SUBJECT_READY): _S.READY,
    (_S.WAITING, _T.NOT_WANTED): _S.SKIPPED,
    (_S.WAITING, _T.FACT): _S.DONE,
    (_S.WAITING, _T.GONE): _S.WITHDRAWN,
    (_S.READY, _T.SUBJECT_UNREADY): _S.WAITING,
    (_S.READY, _T.STARTED): _S.RUNNING,
    (_S.READY, _T.FACT): _S.DONE,
    (_S.READY, _T.NOT_WANTED): _S.SKIPPED,
    (_S.READY, _T.GIVEN_UP): _S.FAILED,
    (_S.READY, _T.GONE): _S.WITHDRAWN,
    (_S.RUNNING, _T.ENDED_WELL): _S.AWAITING,
    (_S.RUNNING, _T.ENDED_BADLY): _S.FAILED,
    (_S.RUNNING, _T.RETRY): _S.READY,
    (_S.RUNNING, _T.GONE): _S.WITHDRAWN,
    (_S.AWAITING, _T.FACT): _S.DONE,
    (_S.AWAITING, _T.NO_FACT): _S.FAILED,
    (_S.AWAITING, _T.RETRY): _S.READY,
    (_S.AWAITING, _T.GONE): _S.WITHDRAWN,
    (_S.FAILED, _T.FACT): _S.DONE,
    (_S.FAILED, _T.RETRY): _S.READY,
    (_S.FAILED, _T.GONE): _S.WITHDRAWN,
    (_S.DONE, _T.FACT_GONE): _S.WAITING,
    (_S.DONE, _T.GONE): _S.WITHDRAWN,
    (_S.SKIPPED, _T.FACT): _S.DONE,
    (_S.SKIPPED, _T.GONE): _S.WITHDRAWN,
    (_S.SKIPPED, _T.WANTED): _S.WAITING,
    (_S.WITHDRAWN, _T.BACK): _S.WAITING,
}


class IllegalTransitionError(Exception):
    """A stimulus that the present state has no transition for: a bug of ours."""


def name_of(job: JobDefinition, subject: str | None) -> str:
    """The key of a job's instance on this subject."""
    return job.name if job.once or subject is None else f"{job.name}@{subject}"


class Instance:
    """One job on one subject (`subject` None: on the boot itself)."""

    def __init__(
        self,
        definition: JobDefinition,
        subject: str | None,
        hold: HoldKind = HoldKind.NONE,
        queues: bool = False,
    ) -> None:
        self.definition, self.subject = definition, subject
        self.hold = hold  # what its strategy takes, and whether it waits for capacity
        self.queues = queues
        self.strategy = definition.strategy  # asked for more often than the rest
        self.key = name_of(definition, subject)  # its name in events, actions and the journal
        self.state = JobState.WAITING
        self.since = 0.0
        self.reason = ""
        self.run = 0  # number of the present or last run
        self.complaints = ""  # of the last run
        self.status = 0  # exit status of the last run, negative for a signal
        self.failures = 0
        self.failed_with = ""  # why the last run failed, until one ends well
        self.revivals = 0  # how often it was tried again because something new had turned up
        self.succeeded = False  # the last run ended well
        self.published = False
        # The subject when it was last compared with the job's match, and what came of it: the
        # caller has compared them.
        self.seen: Device | None = None
        self.fits = True
        self.idle = False  # ready, but waits for a device that may never come: holds no clock
        self.unanswered = False  # a user was asked, and gave no right answer
        self.stalled = False  # its command has no limit and does not get on: holds no clock
        self.outdated = False  # it is to run again: what it has found may be so no longer
        self.found_for: tuple[str | None, ...] = ()  # `renew` as its last run began
        self.unready_until: float | None = None  # its wait for its device holds nothing then

    @property
    def busy(self) -> bool:
        """True while a process works for it or its effect is about to show."""
        return self.state in BUSY

    @property
    def pending(self) -> bool:
        """True while it may still change the world without a new event."""
        return self.state in PENDING

    @property
    def expected(self) -> bool:
        """True while it is pending, or will be tried again."""
        tried = self.state is JobState.FAILED and self.failures < self.definition.tries
        return self.pending or tried

    def move(self, stimulus: Stimulus, now: float, reason: str) -> JobState:
        """Apply a transition of the table and return the state before.

        Raises IllegalTransitionError, leaving everything as it was.
        """
        after = TRANSITIONS.get((self.state, stimulus))
        if after is None:
            message = f"{self.key}: {stimulus.value} while {self.state.value}"
            raise IllegalTransitionError(message)
        before, self.state = self.state, after
        self.since, self.reason = now, reason
        if after is JobState.FAILED:
            self.failed_with = reason
        elif after is JobState.DONE:
            self.failed_with = ""
        return before
