"""Deadlines that count only the time in which nothing holds them (R6)."""

from dataclasses import dataclass, field

# What counts down to something done as the last way to the root waits for all the rest.
LAST_RANK = 2


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
    _left: float = field(init=False)
    _counting_since: float | None = field(init=False, default=None)
    held: bool = field(init=False, default=False)
    holder: tuple[str, str] = field(init=False, default=("", ""))  # owner and reason, for people

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
        """Unheld seconds still to pass; 0 when it is over."""
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
