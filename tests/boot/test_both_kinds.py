"""Both kinds of machine show the same of a boot: what holds in one holds in the other (R32)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.lab.prepare import prepare
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import MachineKind
from initpy.scenario.parse import load_scenario
from initpy.simulation.journal.agree import disagreements
from initpy.simulation.journal.course import Course, course

SCENARIOS = Path(__file__).parents[1] / "scenarios"
# A file system, layers on each other, a late disk.
BOTH = ("plain-ext4-label", "lvm-on-luks-on-raid1", "raid1-member-late")


@pytest.mark.boot
@pytest.mark.parametrize("name", BOTH)
def test_both_kinds_of_machine_take_the_same_course(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("machine", "QEMU and User Mode Linux")
    scenario = load_scenario(SCENARIOS / f"{name}.toml")
    courses: list[Course] = []
    for kind in (MachineKind.UML, MachineKind.QEMU):
        bench = prepare([scenario], None, lambda _: None, kind).of(scenario)
        verdict = run_scenario(scenario, bench, Manner())
        assert verdict.holds, (kind, verdict.reasons, verdict.logs)
        courses.append(course(verdict.journal))
    assert disagreements(*courses) == ()
