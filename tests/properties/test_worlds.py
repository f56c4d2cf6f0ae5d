"""Random worlds: their files say all of them, and the invariants hold in them (R31, R33)."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from initpy.scenario.parse import load_scenario
from initpy.scenario.write import write_scenario
from initpy.simulation.explore.found import scenario_of, trial_of
from initpy.simulation.explore.generate import draw
from initpy.simulation.explore.search import judge_trial

# The explorer draws from small numbers; these are others.
NUMBERS = st.integers(10**9, 10**12)
SLOWLY = settings(max_examples=60, suppress_health_check=list(HealthCheck))


@SLOWLY
@given(NUMBERS)
def test_in_any_world_the_invariants_hold(number: int) -> None:
    assert judge_trial(draw(number)) == ()


@SLOWLY
@given(number=NUMBERS)
def test_a_world_is_the_same_from_its_file(
    number: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trial = draw(number)
    path = tmp_path_factory.mktemp("w") / "world.toml"
    write_scenario(scenario_of(trial), path)
    again = trial_of(load_scenario(path))
    scenario = replace(again.scenario, path=trial.scenario.path, chance=())
    assert again._replace(scenario=scenario) == trial


@given(NUMBERS)
@settings(max_examples=20)
def test_a_number_always_draws_the_same_world(number: int) -> None:
    assert draw(number) == draw(number)
    assert Path(f"world-{number}.toml") == draw(number).scenario.path
