"""Take everything down from the top: each thing as soon as nothing stands on it.

Level-triggered like the boot: what is left is computed anew from each look, and an item is done
when it is gone. A step that fails is tried again. A step that does not end is abandoned after its
limit, and the machine ends without what stands below it.
"""

from collections.abc import Iterator

from initpy.core.shutdown.attempts import RETRY, Attempts
from initpy.core.shutdown.messages import (
    Abandon,
    Action,
    Arm,
    Began,
    Deed,
    Do,
    End,
    Ended,
    Event,
    Look,
    Looked,
    Report,
)
from initpy.core.shutdown.standing import Item, free, items

NOTICE = 10.0  # seconds between lines on the console while a step lasts
PROCESSES, LOOK, SYNC = "processes", "look", "sync"
# sysfs and proc(5) answer at once, if they answer; processes get SIGTERM, then SIGKILL.
LIMITS = {LOOK: 10.0, PROCESSES: 20.0}
MOST_LOOKS = 20  # that fail: there may be no memory for a process


class Shutdown:
    """One shutdown, from the moment when the real system has ended."""

    def __init__(self) -> None:
        self._began = 0.0
        self._timeout = 0.0
        self._left: dict[str, Item] | None = None  # None: not known yet
        self._turn = 0  # counts events
        self._looked, self._looked_at = 0, 0.0  # the turn and time when the look began that told so
        self._looking = 0, 0.0  # the same of the last look
        self._failed_looks = 0
        self._attempts: dict[str, Attempts] = {}
        self._gone = 0
        self._leaving: tuple[str, ...] = ()  # what stays, once that is settled
        self._ended = False

    def handle(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take an event in; return what is to be done."""
        if self._ended:
            return ()
        self._turn += 1
        actions: list[Action] = []
        match event:
            case Began(timeout):
                self._began, self._timeout = now, timeout
                actions.append(self._begin(PROCESSES, Deed.END_PROCESSES, now))
            case Looked(None):
                self._end_of(LOOK, now, "failed")
                self._failed_looks += 1
            case Looked(present) if present is not None:
                in_time = self._runs(LOOK)
                self._end_of(LOOK, now, "")
                if in_time:
                    self._take(items(present), now)
            case Ended(key, error):
                self._end_of(key, now, error)
        actions += self._next(now)
        if not self._ended:
            actions.append(Arm(self._alarm(now)))
        return tuple(actions)

    # What has happened

    def _begin(self, key: str, deed: Deed, now: float) -> Do:
        """Begin what is no item."""
        self._attempts[key] = Attempts("", (deed,), now)
        self._attempts[key].begin(now)
        return Do(key, deed, "")

    def _end_of(self, key: str, now: float, error: str) -> None:
        attempts = self._attempts.get(key)
        if attempts is not None and attempts.running is not None:  # else abandoned before
            attempts.end(now, self._turn, error)

    def _take(self, left: dict[str, Item], now: float) -> None:
        """Note what is left. Progress anywhere is a reason to try the rest again."""
        gone = (self._left or {}).keys() - left.keys()
        self._left, self._gone = left, self._gone + len(gone)
        self._looked, self._looked_at = self._looking
        for key in gone:
            self._attempts.pop(key, None)
        for key, item in left.items():
            attempts = self._attempts.setdefault(key, Attempts(item.words, item.steps, now))
            attempts.follow(item.steps)
            if gone:
                attempts.revive()

    # What follows

    def _next(self, now: float) -> Iterator[Action]:
        yield from self._overdue(now)
        if self._runs(PROCESSES):
            return
        if self._leaving:
            if not self._runs(SYNC):
                yield from self._end(now)
            return
        if self._left is not None:
            for item in free(self._left):
                deed = self._attempts[item.key].next(now, self._looked)
                if deed is not None:
                    yield Report(f"{deed.value} {item.words}", detail=True)
                    yield Do(item.key, deed, item.argument, item.run)
            if not self._left:
                yield from self._end(now)
                return
            if self._stands_still(self._left):
                yield from self._leave(now)
                return
        elif self._attempts.get(LOOK) is not None and self._blind():
            yield from self._leave(now)
            return
        if self._look_is_due(now):
            self._looking = self._turn, now
            self._begin(LOOK, Deed.AWAIT, now)
            yield Look()

    def _overdue(self, now: float) -> Iterator[Action]:
        """Abandon what does not end; tell what lasts."""
        for key, attempts in self._attempts.items():
            if attempts.running is None:
                continue
            limit = self._limit(key)
            what = f"{attempts.deed.value} {attempts.words}".strip()
            if now >= attempts.running + limit:
                attempts.abandon(f"has not answered for {limit:.0f} s")
                yield Abandon(key)
                if key != LOOK:
                    yield Report(f"{what}: has not ended within {limit:.0f} s; it is left")
            elif now >= attempts.noticed + NOTICE:
                attempts.noticed = now
                lasted = now - attempts.running
                yield Report(f"{what}: lasts {lasted:.0f} s, and may last {limit:.0f} s")

    def _limit(self, key: str) -> float:
        return min(self._timeout, LIMITS.get(key, self._timeout))

    def _runs(self, key: str) -> bool:
        attempts = self._attempts.get(key)
        return attempts is not None and attempts.running is not None

    def _look_is_due(self, now: float) -> bool:
        """True if a step has ended since the last look, or others are to act."""
        look = self._attempts.get(LOOK)
        if look is not None and (look.running is not None or (look.error and now < look.due)):
            return False
        if self._left is None or now >= self._looked_at + RETRY:
            return True
        return any(self._attempts[key].ended > self._looked for key in self._left)

    def _blind(self) -> bool:
        return bool(self._attempts[LOOK].over) or self._failed_looks >= MOST_LOOKS

    def _stands_still(self, left: dict[str, Item]) -> bool:
        """True if nothing runs, and nothing is left to try; or nothing can be seen any more."""
        if any(self._runs(key) for key in left):
            return False
        return self._blind() or not any(self._attempts[each.key].waiting for each in free(left))

    def _leave(self, now: float) -> Iterator[Action]:
        """Say what stays and why; write out what can be written."""
        left = self._left or {}
        words = [
            f"{item.words}: {attempts.over or attempts.error or 'in use by what stands on it'}"
            for key, item in left.items()
            if (attempts := self._attempts[key])
        ]
        self._leaving = tuple(sorted(words)) or ("what there is could not be found out",)
        for each in self._leaving:
            yield Report(f"not taken down: {each}")
        yield self._begin(SYNC, Deed.SYNC, now)

    def _end(self, now: float) -> Iterator[Action]:
        self._ended = True
        seconds = f"in {now - self._began:.1f} s"
        if self._leaving:
            yield Report(f"{self._gone} mounts and layers taken down {seconds}, and not all")
        else:
            yield Report(f"all {self._gone} mounts and layers are taken down {seconds}")
        yield End()

    def _alarm(self, now: float) -> float:
        """When to go on, if nothing is told before."""
        dues = [now + NOTICE]
        for key, each in self._attempts.items():
            if each.running is not None:
                dues += [each.running + self._limit(key), each.noticed + NOTICE]
        left = self._left or {}
        if any(self._attempts[each.key].waiting for each in free(left)):
            dues.append(now + RETRY)
        if self._left is None and not self._runs(PROCESSES):
            dues.append(now + RETRY)
        return max(min(dues), now + 0.001)
