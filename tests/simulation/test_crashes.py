"""R5, "crash everywhere": the engine dies right after each event of each scenario; all still boot.

Once its actions are carried out and once they are lost. By default every third event of a file has
its turn, another third in each file; INITPY_ALL_CRASHES=1 takes them all.
"""

import os
from pathlib import Path
from zlib import crc32

import pytest

from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
STRIDE = 1 if os.environ.get("INITPY_ALL_CRASHES") else 3
# What people type there fits one course of things only: after a crash a passphrase meets a shell,
# or "exit" a prompt.
SCRIPTED = ("break-points", "luks-one-try", "shell-unlock")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_boots_whenever_the_engine_dies(path: Path) -> None:
    scenario = load_scenario(path)
    usual = simulate(scenario)
    if usual.outcome is not Outcome.BOOTED or path.stem in SCRIPTED:
        pytest.skip("ends otherwise, or follows a script")
    first = 1 + crc32(path.stem.encode()) % STRIDE
    for number in range(first, len(usual.steps) + 1, STRIDE):
        for loses in (False, True):
            boot = simulate(scenario, crash_after=number, crash_loses=loses)
            assert boot.outcome is Outcome.BOOTED, f"event {number}, {loses=}\n{boot.console}"
            assert boot.facts.get("root.fstype") == usual.facts.get("root.fstype")
