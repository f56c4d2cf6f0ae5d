"""Virtual time: what is still to happen, in order. Time jumps from one entry to the next."""

import heapq
from collections.abc import Callable
from typing import Any

# An entry: when, a number that keeps the order of those at the same time, what to do (None: called
# off). Lists, since that is what the heap compares fastest and what can be called off in place.
Entry = list[Any]


class Agenda:
    """What is to be done when; `now` is the virtual time in seconds since /init began."""

    __slots__ = ("_heap", "_order", "now")

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[Entry] = []
        self._order = 0

    def after(self, seconds: float, call: Callable[..., object], *arguments: object) -> Entry:
        """Do it so long from now."""
        return self.at(self.now + seconds, call, *arguments)

    def at(self, when: float, call: Callable[..., object], *arguments: object) -> Entry:
        """Do it at that time, or now if that has passed."""
        self._order += 1
        entry: Entry = [when if when > self.now else self.now, self._order, call, arguments]
        heapq.heappush(self._heap, entry)
        return entry

    @staticmethod
    def cancel(entry: Entry | None) -> None:
        """Call it off; fine when it has been done already."""
        if entry is not None:
            entry[2] = None

    def next(self) -> float | None:
        """When the next entry is due, None when there is none."""
        heap = self._heap
        while heap and heap[0][2] is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def step(self) -> bool:
        """Do the next thing; False when there is nothing left."""
        heap = self._heap
        while heap:
            entry = heapq.heappop(heap)
            if entry[2] is not None:
                self.now, call, arguments = entry[0], entry[2], entry[3]
                entry[2] = None
                call(*arguments)
                return True
        return False
