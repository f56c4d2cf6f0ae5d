"""What goes wrong beyond the scenario file: udev, tools and the engine, by chance."""

import random
from dataclasses import dataclass
from typing import NamedTuple

from initpy.scenario.acts import Way
from initpy.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class RandomFaults:
    """Probabilities; all off by default. Chance is the seed's: the same seed, the same story."""

    late: float = 0.0  # per uevent: it comes late, by up to LATE_SECONDS
    doubled: float = 0.0  # per uevent: the engine is told of the device twice
    reordered: float = 0.0  # per uevent: later ones of other devices overtake it
    lost: float = 0.0  # per uevent: the engine never gets it; looking again heals that
    tool_fails: float = 0.0  # per run of a tool, once each job: it fails, having worked or not
    tool_hangs: float = 0.0  # it hangs, deaf to SIGTERM
    tool_killed: float = 0.0  # it is killed in the midst of its work
    engine_dies: float = 0.0  # per event given to the core
    udevd_dies: float = 0.0  # per uevent
    monitor_dies: float = 0.0  # per monitor of a container, within some seconds


class Fate(NamedTuple):
    """What chance does to a boot: the table [simulation] of a scenario file."""

    seed: int | None
    crash_after: int | None
    random_faults: RandomFaults


def fate_of(scenario: Scenario) -> Fate:
    """What the scenario says of chance."""
    said = {name.replace("-", "_"): value for name, value in scenario.chance}
    seed, crash = said.pop("seed", None), said.pop("crash_after", None)
    return Fate(
        None if seed is None else int(seed),
        None if crash is None else int(crash),
        RandomFaults(**said),
    )


LATE_SECONDS = 15.0
MOST_DEATHS = 3  # of the engine by chance: PID 1 gives up after five within a minute


class Chance:
    """The dice of one run. Without a seed everything takes its usual time and nothing happens."""

    __slots__ = ("_random", "_spoiled", "deaths", "random_faults", "seeded")

    def __init__(self, seed: int | None, random_faults: RandomFaults) -> None:
        self.seeded = seed is not None
        self._random = random.Random(seed if seed is not None else 0)
        self.random_faults = random_faults
        self.deaths = 0
        self._spoiled: set[str] = set()  # jobs whose tool has misbehaved: once is enough

    def jitter(self, seconds: float) -> float:
        """How long this takes this time: with a seed between a third and three times as long."""
        return seconds * 3.0 ** self._random.uniform(-1.0, 1.0) if self.seeded else seconds

    def happens(self, probability: float) -> bool:
        """Whether something of that probability happens now."""
        return probability > 0.0 and self._random.random() < probability

    def below(self, limit: float) -> float:
        """Any number between 0 and the limit."""
        return self._random.uniform(0.0, limit)

    def coin(self) -> bool:
        """Heads or tails; without a seed always heads."""
        return not self.seeded or self._random.random() < 0.5

    def of_tool(self, job: str) -> Way | None:
        """How this run of a job's tool goes wrong; once for each job, or it would give up."""
        if job in self._spoiled:
            return None
        random_faults = self.random_faults
        for probability, way in (
            (random_faults.tool_fails, Way.FAILS),
            (random_faults.tool_hangs, Way.HANGS),
            (random_faults.tool_killed, Way.KILLED),
        ):
            if self.happens(probability):
                self._spoiled.add(job)
                return way
        return None
