"""Measures how long a machine had to wait for a processor of this host.

A time limit is about the guest. On a host with many machines on few processors, a machine may get a
small part of a processor; the kernel counts how long its processes were ready and did not run (the
second number of /proc/PID/task/TID/schedstat, Documentation/scheduler/sched-stats.rst).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_EVERY = 1.0  # seconds between two looks
# A guest in an endless loop meets its limit on the busiest host, too: ten times as late at most.
_MOST = 0.9


def run_delays(pid: int, proc: Path = _PROC) -> dict[int, float]:
    """Return PID -> seconds of waiting for a processor, for the process and its descendants.

    Threads wait beside each other: a process has waited for as long as its most delayed thread.
    """
    delays: dict[int, float] = {}
    left = [pid]
    while left:
        each = left.pop()
        waited = 0
        with suppress(OSError):  # it has ended
            for task in (proc / str(each) / "task").iterdir():
                with suppress(OSError):
                    waited = max(waited, int((task / "schedstat").read_text().split()[1]))
                    left += map(int, (task / "children").read_text().split())
        delays[each] = waited / 1e9
    return delays


class Starvation:
    """The time for which a machine's processes were ready to run, and other processes ran."""

    def __init__(
        self, pid: int, now: float, read: Callable[[int], Mapping[int, float]] = run_delays
    ) -> None:
        """Take the machine's process, and the time in seconds."""
        self._pid = pid
        self._read = read
        self._looked = now
        self._known = dict(read(pid))
        self._lost = 0.0

    def seconds(self, now: float) -> float:
        """Return the seconds lost so far; it looks again if it has not just looked."""
        passed = now - self._looked
        if passed >= _EVERY:
            self._looked = now
            current = self._read(self._pid)
            # Processes of User Mode Linux run one after the other: their delays add up.
            more = sum(each - self._known.get(pid, 0.0) for pid, each in current.items())
            self._lost += min(max(more, 0.0), _MOST * passed)
            self._known = dict(current)
        return self._lost
