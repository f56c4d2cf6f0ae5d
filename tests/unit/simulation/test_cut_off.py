"""What a machine was at when it was switched off is no longer at work."""

import gc
from dataclasses import replace
from pathlib import Path

from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate

FILE = Path(__file__).parents[2] / "scenarios" / "raid6-two-missing.toml"


def test_tools_that_wait_for_a_lock_are_not_woken_as_garbage() -> None:
    """Two members are taken in one after the other; the boot is cut off at any moment of it."""
    scenario = load_scenario(FILE)
    for step in range(1, 60):
        within = replace(scenario.expect, within=step * 0.05)
        # As garbage, tools let go of it in an order that nobody knows.
        simulate(replace(scenario, expect=within))
        gc.collect()
