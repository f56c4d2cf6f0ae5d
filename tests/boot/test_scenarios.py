"""Every scenario file boots in QEMU, meets its own expectations, and the simulator agrees (R32)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from courses import ANOTHER_COURSE

from initpy.config.errors import InputError
from initpy.lab.run import Bench, Manner, prepare, run_scenario
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.agree import compare

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Bench:
    # The first worker makes image and disks for all, under a lock; the others find them made.
    chosen = {item.name for item in request.session.items}
    paths = [path for path in SCENARIOS if f"{test_scenario_holds.__name__}[{path.stem}]" in chosen]
    return prepare([load_scenario(path) for path in paths], None, lambda _: None)


def _is_slow(path: Path) -> bool:
    try:
        return load_scenario(path).slow
    except InputError:
        return False  # its own test says what is wrong with it


def _parameter(path: Path) -> ParameterSet:
    return pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if _is_slow(path) else [])


def _simulated_otherwise(
    scenario: Scenario, outcome: Outcome, journal: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    return tuple(f"simulated otherwise: {each}" for each in compare(scenario, outcome, journal))


def test_only_scenarios_that_there_are_may_take_another_course() -> None:
    assert ANOTHER_COURSE.keys() <= {path.stem for path in SCENARIOS}


@pytest.mark.boot
@pytest.mark.parametrize("path", [_parameter(path) for path in SCENARIOS])
def test_scenario_holds(path: Path, bench: Bench) -> None:
    also = None if path.stem in ANOTHER_COURSE else _simulated_otherwise
    verdict = run_scenario(load_scenario(path), bench, Manner(also=also))
    if not verdict.holds:
        reasons = "\n".join(f"- {reason}" for reason in verdict.reasons)
        pytest.fail(f"{reasons}\nlogs: {verdict.logs}\n{verdict.tail}", pytrace=False)
