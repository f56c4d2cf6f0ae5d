"""Every scenario file boots in QEMU and meets its own expectations (R32)."""

from pathlib import Path

import pytest

from initpy.lab.parse import load_scenario
from initpy.lab.run import Bench, Manner, prepare, run_scenario

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))


@pytest.fixture(scope="session")
def bench() -> Bench:
    # The first worker makes image and disks for all, under a lock; the others find them made.
    return prepare([load_scenario(path) for path in SCENARIOS], None, lambda _: None)


@pytest.mark.boot
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario_holds(path: Path, bench: Bench) -> None:
    verdict = run_scenario(load_scenario(path), bench, Manner())
    if not verdict.holds:
        reasons = "\n".join(f"- {reason}" for reason in verdict.reasons)
        pytest.fail(f"{reasons}\nlogs: {verdict.logs}\n{verdict.tail}", pytrace=False)
