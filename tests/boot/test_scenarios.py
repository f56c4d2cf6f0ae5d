"""Every scenario file boots, meets its own expectations, and the simulator agrees (R32)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from courses import ANOTHER_COURSE
from full_matrix import ONLY_IN_THE_FULL_MATRIX, UNPROVEN
from neighbours import NEIGHBOURS

from initpy.config.errors import InputError
from initpy.lab.errors import GoneError
from initpy.lab.prepare import Benches, prepare
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.journal.agree import compare

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))


@pytest.fixture(scope="session")
def benches(request: pytest.FixtureRequest) -> Benches:
    # The first worker makes images and disks for all, under a lock; the others find them made.
    chosen = {item.name for item in request.session.items}
    paths = [path for path in SCENARIOS if f"{test_scenario_holds.__name__}[{path.stem}]" in chosen]
    return prepare([load_scenario(path) for path in paths], None, lambda _: None)


def _only_in_the_full_matrix(path: Path) -> bool:
    try:
        omitted = path.stem in ONLY_IN_THE_FULL_MATRIX or path.stem in NEIGHBOURS
        return omitted or load_scenario(path).slow
    except InputError:
        return False  # its own test says what is wrong with it


def _parameter(path: Path) -> ParameterSet:
    marks = [pytest.mark.slow] if _only_in_the_full_matrix(path) else []
    return pytest.param(path, id=path.stem, marks=marks)


def _simulated_otherwise(
    scenario: Scenario, outcome: Outcome, journal: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    return tuple(f"simulated otherwise: {each}" for each in compare(scenario, outcome, journal))


@pytest.mark.parametrize("names", [ANOTHER_COURSE, ONLY_IN_THE_FULL_MATRIX, UNPROVEN, NEIGHBOURS])
def test_tables_of_exceptions_name_scenarios_that_there_are(names: Collection[str]) -> None:
    assert {*names} <= {path.stem for path in SCENARIOS}


def test_the_test_command_boots_a_neighbour_of_what_it_omits() -> None:
    omitted = {path.stem for path in SCENARIOS if _only_in_the_full_matrix(path)}
    assert omitted & {*NEIGHBOURS.values()} == set()


@pytest.mark.boot
@pytest.mark.parametrize("path", [_parameter(path) for path in SCENARIOS])
def test_scenario_holds(
    path: Path, benches: Benches, record_property: Callable[[str, object], None]
) -> None:
    also = None if path.stem in ANOTHER_COURSE else _simulated_otherwise
    scenario = load_scenario(path)
    try:
        bench = benches.of(scenario)
    except GoneError as error:
        pytest.skip(str(error))
    record_property("machine", bench.kind.in_words)
    verdict = run_scenario(scenario, bench, Manner(also=also))
    if not verdict.holds:
        reasons = "\n".join(f"- {reason}" for reason in verdict.reasons)
        pytest.fail(f"{reasons}\nlogs: {verdict.logs}\n{verdict.tail}", pytrace=False)
