"""What a strategy is to the boot: its hooks, and what it declares of itself.

A handler is loaded when the first instance of its strategy is ready, since most
boots need few of them. What it declares is known before.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from initpy.core.events import Answered, JobEnded
from initpy.core.explanation import Advice
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import HoldKind
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:
    from initpy.core.state.context import Context


def _nothing(context: "Context", instance: Instance) -> None:
    pass


def _no_timer(context: "Context", instance: Instance, timer: Timer) -> None:
    pass


def _no_answer(context: "Context", instance: Instance, event: Answered) -> None:
    event.secret.wipe()


def _no_handover(context: "Context") -> None:
    pass


def _no_landing(context: "Context", instance: Instance, event: JobEnded) -> None:
    pass


def _no_advice(context: "Context", instance: Instance) -> Iterator[Advice]:
    yield from ()


class Handler(NamedTuple):
    """The hooks of a strategy.

    `ready`: the instance may go on. `ended`: its command has ended. `left`: it is not pending
    any more, for whatever reason. `gone`: its subject is gone. `afresh`: it is tried again from
    the start. `timer`: a timer of its own is due. `answered`: the user has answered its prompt.
    """

    ready: Callable[["Context", Instance], None]
    ended: Callable[["Context", Instance, JobEnded], None]
    left: Callable[["Context", Instance], None] = _nothing
    gone: Callable[["Context", Instance], None] = _nothing
    afresh: Callable[["Context", Instance], None] = _nothing
    timer: Callable[["Context", Instance, Timer], None] = _no_timer
    answered: Callable[["Context", Instance, Answered], None] = _no_answer
    handover: Callable[["Context"], None] = _no_handover
    landed: Callable[["Context", Instance, JobEnded], None] = _no_landing
    advice: Callable[["Context", Instance], Iterator[Advice]] = _no_advice


class Manner(NamedTuple):
    """What a strategy declares: known without its handler."""

    load: Callable[[], Handler]
    hold: HoldKind = HoldKind.NONE
    queues: bool = False  # waits for capacity; what root or a user needs at once does not
    writes: bool = False  # to a file system: waits until nothing can be resumed any more (R20)
    # Root does not need it: it begins when nothing is at work for root (other_checks.py).
    beside: bool = False
    late: bool = False  # begins also once all is mounted, while the handover is kept waiting
    mounts: bool = False  # its failure keeps a file system that is wanted from being mounted
    assembly: bool = False  # starts something without its missing parts after a deadline
    last_resort: bool = False  # is forced before anything starts without its missing parts
    # True while the handover must wait for an instance that is pending or will be tried again.
    keeps: Callable[["Context"], bool] | None = None
    # Why the subject is not among those that the user named, where the user named some.
    named: Callable[["Context", Instance], str | None] | None = None


class Manners:
    """What all strategies declare, and where to look for some of it; made once for all boots."""

    def __init__(self, of: Mapping[Strategy, Manner]) -> None:
        self.of = of
        self._loaded: dict[Strategy, Handler] = {}
        self.assembling = self._those(lambda each: each.assembly)
        self.last_resorts = self._those(lambda each: each.last_resort)
        self.keeping = tuple(each.keeps for each in of.values() if each.keeps is not None)

    def _those(self, declared: Callable[[Manner], object]) -> tuple[Strategy, ...]:
        return tuple(strategy for strategy, each in self.of.items() if declared(each))

    def handler(self, strategy: Strategy) -> Handler:
        """The handler of a strategy: it keeps nothing, so that all boots share it."""
        found = self._loaded.get(strategy)
        if found is None:
            found = self._loaded[strategy] = self.of[strategy].load()
        return found


class Handlers:
    """The handlers that one boot has used, by strategy."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self._loaded: dict[Strategy, Handler] = {}

    def of(self, instance: Instance) -> Handler:
        """The handler of the instance's strategy."""
        strategy = instance.strategy
        found = self._loaded.get(strategy)
        if found is None:
            found = self._loaded[strategy] = self.manners.handler(strategy)
        return found

    def every(self) -> tuple[Handler, ...]:
        """The handlers that were used."""
        return tuple(self._loaded.values())

    def used(self, instance: Instance) -> Handler | None:
        """The handler of the instance's strategy, None as long as nothing was ready for it."""
        return self._loaded.get(instance.strategy)

    def manner(self, instance: Instance) -> Manner:
        """What the instance's strategy declares."""
        return self.manners.of[instance.strategy]
