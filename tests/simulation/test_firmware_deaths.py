"""mdadm or the engine dies while disks join a container: its volumes start whole (R5)."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate
from initpy.simulation.world.random_faults import RandomFaults

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def forbidding(name: str) -> Scenario:
    """The scenario, without degraded starts: what lacks no disk has to start as it is."""
    scenario = load_scenario(SCENARIOS / f"{name}.toml")
    return replace(scenario, cmdline=f"{scenario.cmdline} rd.md.degraded=no", shutdown="", boots=1)


@pytest.mark.parametrize("name", ["shutdown-ddf-raid1", "shutdown-imsm"])
@pytest.mark.parametrize("seed", range(30))
def test_volumes_start_whole(name: str, seed: int) -> None:
    random_faults = RandomFaults(tool_killed=0.4, engine_dies=0.03, lost=0.05)
    boot = simulate(forbidding(name), seed=seed, random_faults=random_faults)
    assert boot.outcome is Outcome.BOOTED
    assert boot.facts.get("array.data.degraded", "0") == "0"
