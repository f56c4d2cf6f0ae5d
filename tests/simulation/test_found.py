"""Worlds in which `initpy explore` has found a mistake of the core: they stay mended (R33)."""

from pathlib import Path

import pytest

from initpy.scenario.parse import load_scenario
from initpy.simulation.explore.found import trial_of
from initpy.simulation.explore.search import judge_trial

FOUND = sorted((Path(__file__).parent / "found").glob("*.toml"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_no_invariant_is_broken(path: Path) -> None:
    assert judge_trial(trial_of(load_scenario(path))) == ()
