"""The owner of assemblies: what may be started, or mounted, with parts missing, and how far it is.

An array, a firmware container, a volume group, a file system over several devices: each waits
for its missing parts until its own deadline, then starts without them, or is refused.

    incomplete --> due --> confirming --> starting --> degraded
                    |          |             |
                    +----------+-> forbidden +-> refused
"""

import enum

from initpy.core.jobs.instance import Instance
from initpy.core.state.current_event import CurrentEvent, Lookout
from initpy.core.state.deadlines import Deadline


class Phase(enum.Enum):
    """How far an assembly is on its way to a start without its missing parts."""

    INCOMPLETE = "incomplete"  # parts are missing and may still come
    DUE = "due"  # its time is over, or root's is
    CONFIRMING = "confirming"  # the user is asked
    STARTING = "starting"
    DEGRADED = "degraded"
    REFUSED = "refused"
    FORBIDDEN = "forbidden"

    __hash__ = object.__hash__


class Step(enum.Enum):
    """What moves an assembly from one phase to another."""

    TIME_OVER = "its time is over"
    TIME_GIVEN = "there is time again"
    ASKED = "the user is asked"
    WITHDRAWN = "the question is withdrawn"
    ALLOWED = "the user agrees"
    STARTED = "started"
    WORKED = "the start has worked"
    FAILED = "the start has failed"
    NOT_ALLOWED = "not allowed"

    __hash__ = object.__hash__


_P, _S = Phase, Step
TRANSITIONS: dict[tuple[Phase, Step], Phase] = {
    (_P.INCOMPLETE, _S.TIME_OVER): _P.DUE,
    (_P.INCOMPLETE, _S.STARTED): _P.STARTING,
    (_P.DUE, _S.TIME_GIVEN): _P.INCOMPLETE,
    (_P.DUE, _S.ASKED): _P.CONFIRMING,
    (_P.DUE, _S.STARTED): _P.STARTING,
    (_P.DUE, _S.NOT_ALLOWED): _P.FORBIDDEN,
    (_P.CONFIRMING, _S.WITHDRAWN): _P.INCOMPLETE,
    (_P.CONFIRMING, _S.ALLOWED): _P.DUE,
    (_P.CONFIRMING, _S.NOT_ALLOWED): _P.FORBIDDEN,
    (_P.STARTING, _S.WORKED): _P.DEGRADED,
    (_P.STARTING, _S.FAILED): _P.REFUSED,
    (_P.REFUSED, _S.TIME_OVER): _P.DUE,
    (_P.REFUSED, _S.STARTED): _P.STARTING,
}


class IllegalStepError(Exception):
    """A step that the present phase has no transition for: a bug of ours."""


class Assembly:
    """One assembly; its key is the name of the instance that would start it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.phase: Phase = Phase.INCOMPLETE
        self.forced = False  # it may start although its own time is not over
        self.agreed = False  # the user has said that it may start
        self.asked: Deadline | None = None  # what was over when the user was asked
        self.has = ""  # what is there, in words


def deadline_name(instance: Instance) -> str:
    """The name of an assembly's deadline: its own, as other jobs have the same subject."""
    return f"timer of {instance.key}"


class Assemblies:
    """The assemblies that were looked at."""

    def __init__(self, current: CurrentEvent) -> None:
        self.current = current
        self._all: dict[str, Assembly] = {}
        # Those that the user is asked about, or is to be asked about.
        self.confirming: dict[str, Assembly] = {}
        self.lookout = Lookout()  # for what must not be answered any more

    def of(self, instance: Instance) -> Assembly:
        """The assembly that the instance would start."""
        found = self._all.get(instance.key)
        if found is None:
            found = self._all[instance.key] = Assembly(instance.key)
        return found

    def step(self, assembly: Assembly, step: Step) -> None:
        """Apply a transition of the table.

        Raises IllegalStepError, leaving everything as it was.
        """
        after = TRANSITIONS.get((assembly.phase, step))
        if after is None:
            raise IllegalStepError(f"{assembly.key}: {step.value} while {assembly.phase.value}")
        assembly.phase = after
        if after is Phase.CONFIRMING:
            self.confirming[assembly.key] = assembly
        else:
            self.confirming.pop(assembly.key, None)
        self.current.stir()

    def forget(self, instance: Instance) -> None:
        """The assembly is complete, or gone: what was waited for or agreed counts no more."""
        self.confirming.pop(instance.key, None)
        if self._all.pop(instance.key, None) is not None:
            self.current.stir()

    def is_confirming(self, instance: Instance) -> bool:
        """True while the user is asked about this assembly, or is to be."""
        return instance.key in self.confirming
