"""Every scenario file boots in QEMU and meets its own expectations (R32)."""

from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from initpy.config.errors import InputError
from initpy.lab.run import Bench, Manner, prepare, run_scenario
from initpy.scenario.parse import load_scenario

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


@pytest.mark.boot
@pytest.mark.parametrize("path", [_parameter(path) for path in SCENARIOS])
def test_scenario_holds(path: Path, bench: Bench) -> None:
    verdict = run_scenario(load_scenario(path), bench, Manner())
    if not verdict.holds:
        reasons = "\n".join(f"- {reason}" for reason in verdict.reasons)
        pytest.fail(f"{reasons}\nlogs: {verdict.logs}\n{verdict.tail}", pytrace=False)
