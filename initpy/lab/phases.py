"""Where a boot's time goes, from /init to the real init: stamps and journal in, phases out."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_INIT = re.compile(r"\[ *(\d+\.\d+)\] Run /\S+ as init process")
_REAL = re.compile(r"\[ *(\d+\.\d+)\] INITPY-LAB real init started uptime=(\d+\.\d+)")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a boot, named by what happens in it."""

    name: str
    seconds: float


def _kind(*names: str) -> Callable[[Record], bool]:
    return lambda record: record.get("kind") in names


# Each is the end of the phase it names; those that a boot does not have are passed over.
_MILESTONES: tuple[tuple[str, Callable[[Record], bool]], ...] = (
    ("udevd and the engine start, the engine imports", _kind("EngineStarted")),
    ("devices up to the prompt", _kind("Ask")),
    ("the person thinks and types", _kind("Answered")),
    ("devices up to root", _kind("Mount")),
    ("root is mounted", _kind("Mounted")),
    ("the engine hands over", _kind("HandedOver")),
)
FIRST = "the interpreter starts, initpy is imported"
LAST = "processes end, memory is freed, the real init starts"


def kernel_seconds(text: str) -> float | None:
    """Guest time from the kernel's first moment to its start of /init: unpacking is in it."""
    match = _INIT.search(text)
    return float(match[1]) if match else None


def phases(text: str, journal: Sequence[Record]) -> tuple[Phase, ...]:
    """The phases of a boot in order; empty when the text or the journal has not all of it."""
    begin, end = _INIT.search(text), _REAL.search(text)
    starts = [record for record in journal if record.get("kind") == "EngineStarted"]
    if begin is None or end is None or not starts:
        return ()
    # The journal has the monotonic clock; printk's own clock started a little later.
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
    """The first record of each kind of milestone that comes after the one before."""
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
