"""A crash of the emulator says nothing about what was booted: the lab boots once more."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.lab.errors import MachineStalled
from initpy.lab.prepare import prepare
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario

PLAIN = Path(__file__).parents[1] / "scenarios" / "plain-ext4-label.toml"


def _emulators() -> list[int]:
    """The children of this process that are QEMU."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(each) for each in children if "qemu" in Path(f"/proc/{each}/comm").read_text()]


@pytest.mark.boot
def test_what_a_crashed_emulator_booted_is_booted_once_more(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("machine", "QEMU")
    crashed: list[int] = []

    def crash_once(output: bytes) -> None:
        if not crashed:
            crashed.extend(_emulators())
            for each in crashed:
                os.kill(each, signal.SIGSEGV)

    scenario = load_scenario(PLAIN)
    bench = prepare([scenario], None, lambda _: None, MachineKind.QEMU).of(scenario)
    with pytest.warns(MachineStalled, match="booting again"):
        verdict = run_scenario(scenario, bench, Manner(show=crash_once))
    assert crashed
    assert verdict.holds, verdict.reasons
