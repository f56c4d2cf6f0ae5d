"""Timers of single jobs: time limit, retry, effect. Nothing holds them."""

import enum
import heapq
from collections.abc import Iterable, Sequence


class Timer(enum.Enum):
    """What a timer is for."""

    LIMIT = "time limit"  # of a running command
    KILLED = "killed"  # a command that was stopped, to end
    STALL = "stall"  # of a running command without a limit
    ORPHAN = "orphan"  # a command whose subject has gone, to end by itself
    ATTEMPT = "attempt"  # to unlock with what needs no user, before the user is asked beside it
    EFFECT = "effect"  # of a command that ended well, to show
    RETRY = "retry"  # of a job that failed
    UNREADY = "unready"  # a device that is there has had its time, and its job holds nothing
    DEADLINE = "deadline"  # that nothing holds, by name
    HAND_OVER = "hand over"  # although tools that root does not stand on are still at work
    ALONE = "another root partition"  # see roles.py
    PATIENCE = "patience"  # with a key that is being read, before the user is asked
    ABSENT = "absent"  # the device that a key is on
    ANSWER = "answer"  # of a user who is asked
    NOTICE = "notice"  # tell the user that the boot still waits
    LOOK = "look"  # what was looked into, to be taken down
    QUICK = "quick"  # root may come at once
    CALM = "calm"  # nothing is at work for root: other file systems may be checked
    LINK = "link"  # a lease to be asked for again, or renewed
    COUNTDOWN = "countdown"  # tell the user how soon the machine restarts

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


FEW = 64  # due times that are out of date and do no harm


class Timers:
    """Due times by purpose and job; the cost of each call is logarithmic at most."""

    def __init__(self) -> None:
        self._due: dict[tuple[Timer, str], float] = {}
        self._heap: list[tuple[float, int, Timer, str]] = []
        self._order = 0
        self._most = FEW  # so many are in the heap before it is tidied up

    def start(self, timer: Timer, key: str, due: float) -> None:
        """Arm or re-arm."""
        self._due[timer, key] = due
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, timer, key))
        if len(self._heap) > self._most:
            self._tidy()

    def _tidy(self) -> None:
        """Drop what was cancelled, or armed anew: its time may be long to come."""
        self._heap = [each for each in self._heap if self._due.get(each[2:]) == each[0]]
        heapq.heapify(self._heap)
        self._most = FEW + 2 * len(self._heap)

    def cancel(self, timer: Timer, key: str) -> None:
        """Disarm; fine when it is not armed."""
        self._due.pop((timer, key), None)

    def cancel_all(self, timers: Iterable[Timer], key: str) -> None:
        """Disarm several."""
        for timer in timers:
            self._due.pop((timer, key), None)

    def armed(self, timer: Timer, key: str) -> bool:
        """True from `start` until it is due or cancelled."""
        return (timer, key) in self._due

    def due(self, timer: Timer, key: str) -> float | None:
        """When it is due, None when it is not armed."""
        return self._due.get((timer, key))

    def next(self) -> float | None:
        """When the next timer is due."""
        heap = self._heap
        while heap:
            due, _, timer, key = heap[0]
            if self._due.get((timer, key)) == due:
                return due
            heapq.heappop(heap)  # it was cancelled, or armed anew
        return None

    def pop_due(self, now: float) -> Sequence[tuple[Timer, str]]:
        """Disarm the timers that are due and say which, the earliest first."""
        if not self._heap or self._heap[0][0] > now:
            return ()  # nor is one due that was cancelled: nothing has to be cleared away
        due = []
        while (at := self.next()) is not None and at <= now:
            _, _, timer, key = heapq.heappop(self._heap)
            del self._due[timer, key]
            due.append((timer, key))
        return due
