"""Search random worlds for one in which an invariant does not hold, on however many processes.

A chunk of worlds is one call of `explore_chunk`, a function of numbers only, so that any executor
of `concurrent.futures` will do: processes of this machine, or those of a cluster through
`distributed`. What comes of a world depends on its number alone.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any

from initpy.core.actions import Moved
from initpy.core.jobs.instance import TRANSITIONS
from initpy.simulation.explore.adverse import troubles_of
from initpy.simulation.explore.generate import Trial, draw
from initpy.simulation.machine.record import Simulated
from initpy.simulation.machine.run import simulate
from initpy.simulation.oracle.judge import Violation, judge

CHUNK = 50
# One entry: the job's name, the state before, the state after.
Move = tuple[str, str, str]


@dataclass(slots=True)
class Tally:
    """What came of some worlds."""

    worlds: int = 0
    events: int = 0
    virtual: float = 0.0  # seconds that were simulated
    outcomes: Counter[str] = field(default_factory=Counter)
    moves: Counter[Move] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)  # of layers and of troubles
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    unsupported: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False  # by a person, before all were done

    def add(self, other: "Tally") -> None:
        """Count these as well."""
        self.worlds += other.worlds
        self.events += other.events
        self.virtual += other.virtual
        for name in ("outcomes", "moves", "kinds", "unsupported"):
            getattr(self, name).update(getattr(other, name))
        self.violations = sorted([*self.violations, *other.violations])

    def plain(self) -> dict[str, object]:
        """The figures as JSON knows them."""
        return {
            "worlds": self.worlds,
            "events": self.events,
            "virtual_seconds": round(self.virtual, 3),
            "outcomes": dict(sorted(self.outcomes.items())),
            "kinds": dict(sorted(self.kinds.items())),
            "unsupported": dict(sorted(self.unsupported.items())),
            "transitions": {" ".join(move): count for move, count in sorted(self.moves.items())},
            "never_seen": [" ".join(pair) for pair in never_seen(self.moves)],
            "violations": [{"seed": n, **each._asdict()} for n, each in self.violations],
        }


def run_trial(trial: Trial) -> Simulated:
    """Simulate one world."""
    return simulate(trial.scenario, seed=trial.seed, random_faults=trial.random_faults)


def judge_trial(trial: Trial) -> tuple[Violation, ...]:
    """Simulate one world and judge it; an exception is a violation too."""
    return _judged(trial)[1]


def _judged(trial: Trial) -> tuple[Simulated | None, tuple[Violation, ...]]:
    try:
        simulated = run_trial(trial)
        return simulated, judge(simulated, trial.random_faults)
    except Exception as error:  # noqa: BLE001  whatever it is, the world that shows it is wanted
        last: Any = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        place = f"{last.tb_frame.f_code.co_filename.rpartition('/')[2]}:{last.tb_lineno}"
        what = f"{type(error).__name__} in {place}: {error}"
        return None, (Violation("no-exception", 0.0, what),)


def explore_chunk(numbers: Sequence[int]) -> Tally:
    """Simulate and judge the worlds of these numbers."""
    tally = Tally()
    for number in numbers:
        trial = draw(number)
        simulated, violations = _judged(trial)
        tally.worlds += 1
        tally.violations += [(number, each) for each in violations]
        tally.kinds.update({layer.kind for layer in trial.scenario.layers})
        tally.kinds.update({f"{each.kind} server" for each in trial.scenario.servers})
        tally.kinds.update({f"trouble: {each}" for each in troubles_of(number)})
        if simulated is None:
            continue
        tally.events += len(simulated.steps)
        tally.virtual += simulated.ended
        tally.outcomes[simulated.outcome.value] += 1
        tally.unsupported.update({" ".join(each.split()[:3]) for each in simulated.unsupported})
        for step in simulated.steps:
            for action in step.actions:
                if isinstance(action, Moved):
                    tally.moves[action.job.partition("@")[0], action.before, action.after] += 1
    return tally


def explore(
    executor: Executor,
    numbers: Sequence[int],
    *,
    at_once: int,
    seconds: float | None = None,
    seen: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Explore the worlds of these numbers, `at_once` chunks in flight; stop early after `seconds`.

    `seen` is told of each chunk as it ends. The tally is the same whatever the executor, unless
    time runs out or a person interrupts: what was seen until then is kept.
    """
    tally, flying = Tally(), set[Future[Tally]]()
    ends = None if seconds is None else time.monotonic() + seconds
    chunks = _chunks(numbers)
    try:
        while True:
            while len(flying) < at_once and (ends is None or time.monotonic() < ends):
                chunk = next(chunks, None)
                if chunk is None:
                    break
                flying.add(executor.submit(explore_chunk, chunk))
            if not flying:
                return tally
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                part = future.result()
                tally.add(part)
                seen(part)
    except KeyboardInterrupt:
        for future in flying:
            future.cancel()
        tally.interrupted = True
        return tally


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(numbers), CHUNK):
        yield numbers[at : at + CHUNK]


def never_seen(moves: Counter[Move]) -> list[tuple[str, str]]:
    """The transitions of the core's table that no job has made."""
    made = {(before, after) for _, before, after in moves}
    table = {(before.value, after.value) for (before, _), after in TRANSITIONS.items()}
    return sorted(table - made)
