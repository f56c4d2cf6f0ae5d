"""Splits the time from /init to the real init into phases, by kernel time stamps and journal."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_INIT = re.compile(r"\[ *(\d+\.\d+)\] Run /\S+ as init process")
_REAL = re.compile(r"\[ *(\d+\.\d+)\] INITPY-LAB real init started uptime=(\d+\.\d+)")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a boot, named by what happens in it."""

    name: str
    seconds: float


def _kind(*names: str) -> Callable[[Record], bool]:
    return lambda record: record.get("kind") in names


# Each record ends the phase of its name; a boot may lack some of them.
_MILESTONES: tuple[tuple[str, Callable[[Record], bool]], ...] = (
    ("udevd and the engine start, the engine imports", _kind("EngineStarted")),
    ("devices up to the prompt", _kind("Ask")),
    ("the user types", _kind("Answered")),
    ("devices up to root", _kind("Mount")),
    ("root is mounted", _kind("Mounted")),
    ("the engine hands over", _kind("HandedOver")),
)
FIRST = "the interpreter starts and imports initpy"
LAST = "processes end, memory is freed, the real init starts"


def kernel_seconds(text: str) -> float | None:
    """Return the guest time from the kernel's start to /init, which includes unpacking."""
    match = _INIT.search(text)
    return float(match[1]) if match else None


def phases(text: str, journal: Sequence[Record]) -> tuple[Phase, ...]:
    """Return the phases of a boot in order; empty if console or journal are incomplete."""
    begin, end = _INIT.search(text), _REAL.search(text)
    starts = [record for record in journal if record.get("kind") == "EngineStarted"]
    if begin is None or end is None or not starts:
        return ()
    # The journal uses the monotonic clock; printk's clock starts a little later.
    offset = max(0.0, float(end[2]) - float(end[1]))
    stamps = [(FIRST, float(starts[0]["init_started"]) - offset)]
    stamps += [(name, each - offset) for name, each in _milestones(journal)]
    stamps.append((LAST, float(end[1])))
    found = []
    before = float(begin[1])
    for name, at in stamps:
        found.append(Phase(name, at - before))
        before = at
    return tuple(found)


def _milestones(journal: Iterable[Record]) -> list[tuple[str, float]]:
    """Return each milestone's first record after the previous milestone."""
    records = list(journal)
    found = []
    position = 0
    for name, fits in _MILESTONES:
        for index in range(position, len(records)):
            if fits(records[index]):
                found.append((name, float(records[index]["t"])))
                position = index + 1
                break
    return found
