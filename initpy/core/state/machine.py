"""The owner of all instances: their indexes, which of them to look at, the commands that run."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from initpy.core.actions import Moved
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.hold_table import REVEALING, HoldKind
from initpy.core.jobs.instance import (
    AWAITING,
    BUSY,
    DONE,
    FAILED,
    PENDING,
    RUNNING,
    WITHDRAWN,
    Instance,
    JobState,
    Stimulus,
)
from initpy.core.jobs.timers import Timer, Timers
from initpy.core.state.current_event import CurrentEvent

UNREADY = HoldKind.UNREADY
AT_WORK = (HoldKind.WORK, HoldKind.START)  # these hold something while a command is at it
# Only its own subject, or what its success is, moves an instance on from here: a new event.
SETTLED = (DONE, WITHDRAWN)
# Commands at a time: a machine may have hundreds of disks, and not the memory for a tool on each
# of them at once.
TOOLS_AT_ONCE = 32
# A device that is there may be a member, whose job cannot run yet: its disk or its partitions are
# not announced, it is suspended, a command of its former life has to end. So long assemblies wait
# for it (R7), and the handover for a named volume (R1). It may stay so for ever.
UNREADY_SECONDS = 20.0


class Machine:
    """Instances by name, by subject, by what they wait for."""

    def __init__(self, current: CurrentEvent) -> None:
        self.current = current
        self.timers = Timers()
        self._instances: dict[str, Instance] = {}
        self._on: dict[str, list[Instance]] = {}
        self.revealing: list[Instance] = []  # of jobs that make disks appear
        self._pending: dict[Strategy, dict[str, Instance]] = defaultdict(dict)
        # The instances that may take a hold now, by its kind; kinds that none takes are left out.
        self.holding: dict[HoldKind, dict[str, Instance]] = {}
        self.dirty: dict[str, Instance] = {}  # those to look at, in order
        # Instances whose success is any device's property: by the (key, value) awaited.
        self.awaiting: dict[tuple[str, str], set[str]] = {}
        self._running: set[str] = set()  # instances whose command runs
        # Commands that still run although their instance was withdrawn: key -> run.
        self._orphans: dict[str, int] = {}
        # What commands take down: device and what it stood on, by the instance.
        self._letting_go: dict[str, frozenset[str]] = {}
        # Instances that are not pending any more and are still to let go of everything.
        self.left: list[Instance] = []
        self.queued: dict[str, None] = {}  # instances that wait for capacity
        self._failed: dict[Strategy, dict[str, Instance]] = {}  # or for good

    # Instances

    def __getitem__(self, key: str) -> Instance:
        return self._instances[key]

    def find(self, key: str) -> Instance | None:
        """Return the instance of that name, if it exists."""
        return self._instances.get(key)

    def every(self) -> Iterable[Instance]:
        """All instances, in the order of their creation."""
        return self._instances.values()

    def on(self, subject: str | None) -> Sequence[Instance]:
        """The instances on this subject."""
        return self._on.get(subject or "", ())

    def add(self, instance: Instance, awaited: Iterable[tuple[str, str]]) -> None:
        """Take a new instance; `awaited`: the properties of any device that it waits for."""
        self._instances[instance.key] = instance
        if instance.definition.reveals:
            self.revealing.append(instance)
        if instance.subject is not None:
            self._on.setdefault(instance.subject, []).append(instance)
        for pair in awaited:
            self.awaiting.setdefault(pair, set()).add(instance.key)
        self.touch(instance)

    def pending(self, strategy: Strategy) -> Iterable[Instance]:
        """The pending instances of a strategy, in the order in which they became so."""
        return self._pending[strategy].values()

    def failed(self, strategy: Strategy) -> Iterable[Instance]:
        """The instances of a strategy that have failed, for now or for good."""
        return self._failed[strategy].values() if strategy in self._failed else ()

    def all_failed(self) -> list[Instance]:
        """The instances that have failed, for now or for good, by name."""
        return sorted(self._each_failed(), key=lambda each: each.key)

    def _each_failed(self) -> Iterator[Instance]:
        for those in self._failed.values():
            yield from those.values()

    @property
    def any_failed(self) -> bool:
        """True if an instance has failed, for now or for good."""
        return bool(self._failed)

    def any_failed_on(self, subject: str) -> bool:
        """True if an instance on this subject has failed, for now or for good."""
        return bool(self._failed) and any(each.state is FAILED for each in self.on(subject))

    # What is to be looked at

    def touch(self, instance: Instance) -> None:
        """Have the instance looked at before this event is finished with."""
        self.dirty[instance.key] = instance

    def touch_all(self, instances: Iterable[Instance]) -> None:
        """`touch` each."""
        for instance in instances:
            self.dirty[instance.key] = instance

    def touch_on(self, subject: str | None) -> None:
        """`touch` the instances on this subject."""
        for instance in self._on.get(subject or "", ()):
            self.dirty[instance.key] = instance

    def touch_below(self, subject: str) -> None:
        """`touch` the instances on this subject that what stands on it may concern."""
        for instance in self._on.get(subject, ()):
            if instance.state not in SETTLED or instance.definition.success.holder is not None:
                self.dirty[instance.key] = instance

    def touch_unsettled(self) -> None:
        """`touch` all instances but those that have come to their end, whatever is mounted."""
        for key, instance in self._instances.items():
            if instance.state not in SETTLED or instance.definition.success.mounted is not None:
                self.dirty[key] = instance

    def touch_awaiting(self, key: str, value: str) -> None:
        """Have the instances looked at that wait for a device with this property."""
        for name in sorted(self.awaiting.get((key, value), ())):
            self.dirty[name] = self._instances[name]

    def take_dirty(self) -> Iterable[Instance]:
        """Take the instances to look at now; what is touched meanwhile is looked at later."""
        dirty, self.dirty = self.dirty, {}
        return dirty.values()

    def move(self, instance: Instance, stimulus: Stimulus, reason: str) -> None:
        """Move an instance, tell the journal and, if it may go on, look at it again.

        Raises IllegalTransitionError, leaving everything as it was.
        """
        key, before = instance.key, instance.move(stimulus, self.current.now, reason)
        after = instance.state
        self.current.act(Moved(key, before.word, after.word, reason))
        if instance.definition.reveals:
            self.current.stir(HoldKind.SERVER)
        if UNREADY in self.holding:
            self.forget_unready(instance)
        if after in PENDING:
            self._pend(instance, before)
        elif before in PENDING:
            self._not_pending(instance)
        if after is RUNNING:
            self._running.add(key)
            return
        if before is RUNNING:
            self._running.discard(key)
        elif before is AWAITING:
            self.timers.cancel(Timer.EFFECT, key)
        elif before is FAILED:
            self._recovered(instance)
            if after not in PENDING:
                self.left.append(instance)  # its prompt may have stayed up for another try
        if after is FAILED:
            self._failed.setdefault(instance.strategy, {})[key] = instance
        elif after is DONE:
            instance.failures = 0
        if after not in SETTLED:
            self.dirty[key] = instance

    def _pend(self, instance: Instance, before: JobState) -> None:
        kind, new = instance.hold, before not in PENDING
        self.current.stir(kind)
        if new:
            self._pending[instance.strategy][instance.key] = instance
        # Work holds something while a command is at it.
        holds = kind not in AT_WORK or instance.state in BUSY
        if holds and (new or before not in BUSY):
            self.holding.setdefault(kind, {})[instance.key] = instance
        elif not holds and before in BUSY:
            self._release(kind, instance.key)

    def _release(self, kind: HoldKind, key: str) -> None:
        if (taking := self.holding.get(kind)) and taking.pop(key, None) and not taking:
            del self.holding[kind]

    def _not_pending(self, instance: Instance) -> None:
        """Instances that wait for a job to end may go on."""
        self.current.stir(instance.hold)
        del self._pending[instance.strategy][instance.key]
        self._release(instance.hold, instance.key)
        self.left.append(instance)
        if instance.definition.once:
            for others in self._pending.values():
                self.touch_all(each for each in others.values() if each.definition.after)

    def _recovered(self, instance: Instance) -> None:
        strategy = instance.strategy
        del self._failed[strategy][instance.key]
        if not self._failed[strategy]:
            del self._failed[strategy]
        self.current.stir(instance.hold)  # it may have held something, to be tried again

    # Devices that are there, whose jobs cannot run yet

    def await_ready(self, instance: Instance, reason: str) -> None:
        """Note why the instance cannot run on its device yet; for some time that is a hold.

        The time begins anew once it has run, or its device was gone.
        """
        stirs, instance.reason = instance.reason != reason, reason
        if instance.hold not in REVEALING:
            return
        if instance.unready_until is None:
            instance.unready_until = self.current.now + UNREADY_SECONDS
        if instance.unready_until <= self.current.now:
            return
        unready = self.holding.setdefault(UNREADY, {})
        if instance.key not in unready:
            unready[instance.key] = instance
            self.timers.start(Timer.UNREADY, instance.key, instance.unready_until)
            stirs = True
        if stirs:
            self.current.stir(UNREADY)

    def unready(self, strategy: Strategy) -> Iterator[Instance]:
        """The instances of a strategy whose devices are there, and that cannot run yet."""
        for instance in self.holding[UNREADY].values() if UNREADY in self.holding else ():
            if instance.strategy is strategy:
                yield instance

    def forget_unready(self, instance: Instance) -> None:
        """The instance has moved on, or its device stays as it is: it holds nothing for that."""
        if instance.key in self.holding.get(UNREADY, ()):
            self._release(UNREADY, instance.key)
            self.timers.cancel(Timer.UNREADY, instance.key)
            self.current.stir(UNREADY)

    # Commands that run, and the capacity for them

    def running(self) -> list[Instance]:
        """The instances whose command runs, by name."""
        return [self._instances[key] for key in sorted(self._running)]

    def working(self) -> list[Instance]:
        """The instances whose command runs, and be the instance withdrawn, by name."""
        return [self._instances[key] for key in sorted((*self._running, *self._orphans))]

    def at_work(self, strategy: Strategy) -> bool:
        """True while a command for such an instance runs, and be the instance withdrawn."""
        return any(each.strategy is strategy for each in self.working())

    def orphan(self, instance: Instance) -> None:
        """Note that the instance's command still runs though the instance was withdrawn."""
        self._orphans[instance.key] = instance.run

    def orphaned(self, instance: Instance) -> bool:
        """True while a command of an earlier life of the instance still runs."""
        return instance.key in self._orphans

    def let_go(self, instance: Instance, names: frozenset[str]) -> None:
        """The instance's command takes a device down: the kernel lets go of these until it ends."""
        self._letting_go[instance.key] = names

    def letting_go(self) -> list[tuple[Instance, frozenset[str]]]:
        """The instances whose command takes a device down, and what the kernel may still hold."""
        if not self._letting_go:
            return []
        return [
            (each, self._letting_go[each.key])
            for each in self.working()
            if each.key in self._letting_go
        ]

    def bury(self, key: str, run: int) -> bool:
        """Forget the orphan if it is of this run; True if there was such a command."""
        if self._orphans.get(key) != run:
            return False
        del self._orphans[key]
        return True

    def must_wait(self, instance: Instance) -> bool:
        """True while a command of the instance's former life runs, or there is no room for another.

        The instance is looked at when there is some.
        """
        if instance.key in self._orphans:
            self.await_ready(instance, "waits for the command of its former life to end")
            return True
        if not instance.queues or len(self._running) + len(self._orphans) < TOOLS_AT_ONCE:
            return False
        self.queued[instance.key] = None
        self.await_ready(instance, f"waits until fewer than {TOOLS_AT_ONCE} commands run")
        return True

    def take_from_queue(self) -> None:
        """Have instances looked at for which there is room now, in the order they came."""
        room = TOOLS_AT_ONCE - len(self._running) - len(self._orphans)
        for _ in range(min(len(self.queued), room)):
            key = next(iter(self.queued))
            del self.queued[key]
            self.dirty[key] = self._instances[key]
