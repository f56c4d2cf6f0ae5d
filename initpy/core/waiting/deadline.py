"""Deadlines that count only the time in which nothing holds them (R6)."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field

from initpy.core.actions import Clock
from initpy.core.machine.present import Present

NOBODY = ("", "")  # neither owner nor reason of a hold


class DeadlineKind(enum.Enum):
    """What a deadline is for: a column of the table of holds."""

    ROOT = "root wait"
    ASSEMBLY = "assembly"  # something is started, or mounted, without its missing parts
    LAST_RESORT = "last resort"  # something is tried because nothing else has led to root
    END = "end of the boot"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


@dataclass(slots=True)
class Deadline:
    """Something happens when `duration` seconds have passed unheld.

    When the last hold ends, at least `grace` seconds are left: what was held
    for (an unlocked volume, say) needs time to show.
    """

    name: str
    duration: float
    grace: float = 0.0
    subject: str = ""  # the device it is about, if any
    rank: int = 0  # it waits for pending starts of a lower rank
    kind: DeadlineKind = DeadlineKind.ASSEMBLY
    _left: float = field(init=False)
    _counting_since: float | None = field(init=False, default=None)
    held: bool = field(init=False, default=False)
    holder: tuple[str, str] = field(init=False, default=NOBODY)  # owner and reason, for people

    def __post_init__(self) -> None:
        self._left = self.duration

    def update(self, held: bool, now: float) -> None:
        """Count up to `now`, then stand still if held, or go on."""
        if held and self._counting_since is not None:
            self._left = self.left(now)
            self._counting_since = None
        elif not held and self._counting_since is None:
            if self.held:
                self._left = max(self._left, self.grace)
            self._counting_since = now
        self.held = held

    def extend(self, seconds: float, now: float) -> None:
        """Leave at least `seconds` from now."""
        self._left = max(self.left(now), seconds)
        if self._counting_since is not None:
            self._counting_since = now

    def left(self, now: float) -> float:
        """Seconds left, excluding time on hold; 0 when it is over."""
        if self._counting_since is None:
            return max(0.0, self._left)
        return max(0.0, self._left - (now - self._counting_since))

    def due(self) -> float | None:
        """When it will be over if nothing holds it; None while held."""
        return None if self._counting_since is None else self._counting_since + self._left

    def over(self, now: float) -> bool:
        """True when all its time has passed unheld."""
        due = self.due()
        return due is not None and now >= due


@dataclass(slots=True)
class Deadlines:
    """The owner of all deadlines, and of what the journal was told of them."""

    present: Present
    _all: dict[str, Deadline] = field(default_factory=dict)
    _told: dict[str, tuple[float | None, tuple[str, str]]] = field(default_factory=dict)
    _told_at: int = -1  # the version that the journal was told of
    _updated_at: int = -1  # the version whose holds the deadlines have
    _over: bool = False  # as of then, a deadline was over
    _due: float | None = None  # when the next one will be, while nothing changes
    _next: float | None = None  # see `next`

    def get(self, name: str) -> Deadline | None:
        """Return the deadline of that name, if it exists."""
        return self._all.get(name)

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def every(self) -> Iterable[Deadline]:
        """All deadlines, in the order of their beginning."""
        return self._all.values()

    @property
    def root(self) -> Deadline | None:
        """The deadline of root, if root is waited for and not for ever."""
        return self._all.get(DeadlineKind.ROOT.value)

    @property
    def end(self) -> Deadline | None:
        """The end of a boot that has failed, if it is due at a time."""
        return self._all.get(DeadlineKind.END.value)

    def begin(self, deadline: Deadline) -> Deadline:
        """Take a deadline, in the place of one of the same name."""
        self._all[deadline.name] = deadline
        self.present.stir()
        return deadline

    def drop(self, name: str) -> None:
        """Forget the deadline of that name, if it exists."""
        if self._all.pop(name, None) is not None:
            self.present.stir()

    def extend(self, deadline: Deadline, seconds: float) -> None:
        """Leave the deadline at least `seconds` from now."""
        deadline.extend(seconds, self.present.now)
        self.present.stir()

    def stale(self) -> bool:
        """True if holds may have changed, or a deadline is over, since `updated`."""
        due = self._due is not None and self._due <= self.present.now
        return due or self._updated_at != self.present.version

    def updated(self, over: bool) -> None:
        """Note that all deadlines have their present holds; `over`: a free one is over."""
        self._updated_at, self._over, self._due = self.present.version, over, None
        for each in self._all.values():
            due = each.due()
            if (
                due is not None
                and due > self.present.now
                and (self._due is None or due < self._due)
            ):
                self._due = due

    @property
    def over(self) -> bool:
        """True if a deadline that nothing holds was over at the last `updated`."""
        return self._over

    def tell(self) -> None:
        """Tell the journal which deadlines have begun, changed their holder, or ended."""
        if self._told_at == self.present.version:
            return
        self._told_at = self.present.version
        for name, deadline in self._all.items():
            now = deadline.due(), deadline.holder
            if self._told.get(name) != now:
                self._told[name] = now
                self.present.act(Clock(name, deadline.left(self.present.now), *deadline.holder))
        if len(self._told) > len(self._all):
            for name in [each for each in self._told if each not in self._all]:
                del self._told[name]
                self.present.act(Clock(name, None))
        self._next = self._first_due()

    def _first_due(self) -> float | None:
        """When the first of the deadlines will be over that are not.

        A deadline that is over was acted on: the next event may use it, the time alone cannot
        (once root is mounted, no array is started for it any more).
        """
        now, first = self.present.now, None
        for due, _ in self._told.values():
            if due is not None and due > now and (first is None or due < first):
                first = due
        return first

    def next(self) -> float | None:
        """When the next deadline will be over, by what the journal was told."""
        if self._next is not None and self._next <= self.present.now:
            self._next = self._first_due()
        return self._next
