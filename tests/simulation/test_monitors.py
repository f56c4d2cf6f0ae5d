"""The monitor of firmware RAID dies at any time: the boot ends with one that runs (R5)."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.scenario.acts import Cue, Deed, Fault
from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.record import Simulated
from initpy.simulation.machine.run import simulate
from initpy.simulation.world.random_faults import RandomFaults

SCENARIOS = Path(__file__).parents[1] / "scenarios"
FIRMWARE = replace(
    load_scenario(SCENARIOS / "shutdown-ddf-raid1.toml"), shutdown="", faults=(), boots=1
)


def holds(boot: Simulated) -> bool:
    """Root is mounted, can be written to, and one monitor goes on running."""
    facts = dict(boot.facts)
    monitored = (facts.get("leftover"), facts.get("root.written")) == ("mdmon", "yes")
    return boot.outcome is Outcome.BOOTED and monitored and "rw" in facts["root.options"].split(",")


@pytest.mark.parametrize("at", [1.0 + tenth / 10 for tenth in range(20)])
def test_it_dies_at_any_time(at: float) -> None:
    boot = simulate(replace(FIRMWARE, faults=(Fault(Cue(at=at), Deed.KILL_MONITORS),)))
    assert holds(boot)


@pytest.mark.parametrize("seed", range(40))
def test_it_dies_by_chance_beside_engines_and_tools(seed: int) -> None:
    random_faults = RandomFaults(monitor_dies=0.5, engine_dies=0.03, tool_killed=0.1, lost=0.1)
    assert holds(simulate(FIRMWARE, seed=seed, random_faults=random_faults))
