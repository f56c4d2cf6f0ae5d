"""Deadlines that count only the time in which nothing holds them (R6)."""

import math
from collections.abc import Collection, Iterable

from initpy.core.actions import Clock
from initpy.core.jobs.hold_table import SELECTIVE, DeadlineKind
from initpy.core.jobs.timers import Timer, Timers
from initpy.core.state.current_event import CurrentEvent

NOBODY = ("", "")  # neither owner nor reason of a hold


# Enum's own `value` is a property.
ROOT, END = DeadlineKind.ROOT.value, DeadlineKind.END.value
RESUME = DeadlineKind.RESUME.value


class Deadline:
    """Something happens when `duration` seconds have passed unheld.

    When the last hold ends, at least `grace` seconds are left: what was held
    for (an unlocked volume, say) needs time to show.
    """

    def __init__(
        self,
        name: str,
        duration: float,
        grace: float = 0.0,
        subject: str = "",
        rank: int = 0,
        kind: DeadlineKind = DeadlineKind.ASSEMBLY,
        order: int = 0,
    ) -> None:
        self.name = name
        self.duration = duration
        self.grace = grace
        self.subject = subject  # the device it is about, if any
        self.rank = rank  # it waits for pending starts of a lower rank
        self.kind = kind
        self.order = order  # of its beginning among others
        self.due: float | None = None  # when it will be over; None while held
        self._left = duration
        self._counting_since = 0.0  # unless it is held, or new
        self.held = False
        self.released = -math.inf  # when its last hold ended
        self.holder = NOBODY  # owner and reason, for the user

    def hold(self, holder: tuple[str, str], now: float) -> bool:
        """Count up to `now`, then stand still if held, or go on; True if anything has changed."""
        held, due = holder != NOBODY, self.due
        if holder == self.holder and held == (due is None):
            return False
        if held and due is not None:
            self._left, self.due = self.left(now), None
        elif not held and due is None:
            if self.held:
                self._left, self.released = max(self._left, self.grace), now
            self._count(now)
        self.held, self.holder = held, holder
        return True

    def _count(self, now: float) -> None:
        self._counting_since, self.due = now, now + self._left

    def extend(self, seconds: float, now: float) -> None:
        """Leave at least `seconds` from now."""
        self._left = max(self.left(now), seconds)
        if self.due is not None:
            self._count(now)

    def left(self, now: float) -> float:
        """Seconds left, excluding time on hold; 0 when it is over."""
        if self.due is None:
            return max(0.0, self._left)
        return max(0.0, self._left - (now - self._counting_since))

    def in_grace(self, now: float) -> bool:
        """True while what its last hold was for may still show."""
        return now < self.released + self.grace

    def over(self, now: float) -> bool:
        """True when all its time has passed unheld."""
        return self.due is not None and now >= self.due


class Deadlines:
    """The owner of all deadlines, and of what the journal was told of them.

    The cost of an event does not grow with the number of deadlines: they are looked at when a
    hold may have begun or ended, and else only those that are new or over.
    """

    def __init__(self, current: CurrentEvent, timers: Timers) -> None:
        self.current = current
        self.timers = timers
        self._all: dict[str, Deadline] = {}
        self._ranked: dict[int, dict[str, Deadline]] = {}  # of a rank above 0
        self._selective: dict[str, Deadline] = {}  # see `SELECTIVE`
        # The versions whose holds all deadlines have, and the selective.
        self._holds = -1
        self._work = -1
        self._fresh: dict[str, Deadline] = {}  # not looked at as they are now
        # Names of those that are over and that nothing holds. They were acted on: the next event
        # may use them, the time alone cannot (once root is mounted, no array is started for it).
        self.over: set[str] = set()
        self._told: dict[str, tuple[float | None, tuple[str, str]]] = {}
        self._untold: dict[str, Deadline] = {}
        self._ended: dict[str, Deadline] = {}  # and not told of yet
        self._begun = 0

    def get(self, name: str) -> Deadline | None:
        """Return the deadline of that name, if it exists."""
        return self._all.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def every(self) -> Collection[Deadline]:
        """All deadlines, in the order of their beginning."""
        return self._all.values()

    @property
    def root(self) -> Deadline | None:
        """The deadline of root, if root is waited for and not for ever."""
        return self._all.get(ROOT)

    @property
    def end(self) -> Deadline | None:
        """The end of a boot that has failed, if it is due at a time."""
        return self._all.get(END)

    def begin(self, deadline: Deadline) -> Deadline:
        """Take a deadline, in the place of one of the same name."""
        name, before = deadline.name, self._all.get(deadline.name)
        self._begun += 1
        deadline.order = self._begun if before is None else before.order
        self._all[name] = self._fresh[name] = deadline
        if deadline.kind in SELECTIVE:
            self._selective[name] = deadline
        if deadline.rank:
            self._ranked.setdefault(deadline.rank, {})[name] = deadline
        self._concern_others(deadline)
        self._note(deadline)
        self._ended.pop(name, None)
        return deadline

    def drop(self, name: str) -> None:
        """Forget the deadline of that name, if it exists."""
        deadline = self._all.pop(name, None)
        if deadline is None:
            return
        self._fresh.pop(name, None)
        self._selective.pop(name, None)
        self.over.discard(name)
        self.timers.cancel(Timer.DEADLINE, name)
        if deadline.rank:
            del self._ranked[deadline.rank][name]
        self._concern_others(deadline)
        self._untold.pop(name, None)
        self._ended[name] = deadline

    def _concern_others(self, deadline: Deadline) -> None:
        """Deadlines of a higher rank wait for what is still to be started."""
        for rank, those in self._ranked.items():
            if rank > deadline.rank:
                self._fresh.update(those)

    def extend(self, deadline: Deadline, seconds: float) -> None:
        """Leave the deadline at least `seconds` from now."""
        deadline.extend(seconds, self.current.now)
        self._note(deadline)

    def hold(self, deadline: Deadline, holder: tuple[str, str]) -> None:
        """Note what holds the deadline now: owner and reason, or NOBODY."""
        if deadline.hold(holder, self.current.now):
            self._note(deadline)

    def _note(self, deadline: Deadline) -> None:
        """Its time or its hold is another one."""
        name, due = deadline.name, deadline.due
        self._untold[name] = deadline
        self.over.discard(name)
        if due is None:
            self.timers.cancel(Timer.DEADLINE, name)
        else:
            self.timers.start(Timer.DEADLINE, name, due)

    def to_look_at(self) -> Collection[Deadline]:
        """The deadlines whose holds may not be known any more; the caller tells them to `hold`."""
        present, found = self.current, self._fresh
        if self._holds != present.holds:
            found = self._all
        elif self._work != present.work:
            found = {**self._selective, **found} if found else self._selective
        if found:
            self._holds, self._work, self._fresh = present.holds, present.work, {}
        return found.values()

    def expire(self, name: str) -> None:
        """The time of this deadline is over, and nothing has held it until now."""
        self.over.add(name)

    def tell(self) -> None:
        """Tell the journal which deadlines have begun, changed their holder, or ended."""
        current, told = self.current, self._told
        if self._untold:
            changed, self._untold = self._untold, {}
            for deadline in _in_order(changed):
                now = deadline.due, deadline.holder
                if told.get(deadline.name) != now:
                    told[deadline.name] = now
                    left = deadline.left(current.now)
                    current.act(Clock(deadline.name, left, *deadline.holder))
        if self._ended:
            ended, self._ended = self._ended, {}
            for deadline in _in_order(ended):
                if told.pop(deadline.name, None) is not None:
                    current.act(Clock(deadline.name, None))


def _in_order(deadlines: dict[str, Deadline]) -> Iterable[Deadline]:
    """The first to begin first."""
    if len(deadlines) < 2:
        return deadlines.values()
    return sorted(deadlines.values(), key=lambda each: each.order)
