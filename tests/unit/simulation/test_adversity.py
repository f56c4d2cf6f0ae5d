"""Worlds with adversity: each is a file that can be read, and a shrunk one keeps what it takes."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import write_scenario
from initpy.simulation.explore.adverse import KINDS, troubles_of
from initpy.simulation.explore.exportedroots import exported_root
from initpy.simulation.explore.generate import Trial, draw
from initpy.simulation.explore.shrink import shrink

WORLDS = 150


def adverse(number: int, *kinds: str) -> Scenario | None:
    """The world of that number with such trouble; None where it has no room for it."""
    found = draw(number, kinds).scenario
    return None if found == draw(number, ()).scenario else found


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_a_file_that_says_all_of_it(kind: str, tmp_path: Path) -> None:
    found = [each for number in range(WORLDS) if (each := adverse(number, kind)) is not None]
    assert len(found) > WORLDS / 10
    for each in found:
        path = tmp_path / each.path
        write_scenario(each, path)
        assert replace(load_scenario(path), path=each.path) == each


def test_the_same_number_has_the_same_trouble() -> None:
    for kind in KINDS:
        assert adverse(11, kind) == adverse(11, kind)


def test_all_kinds_fit_into_one_world(tmp_path: Path) -> None:
    for number in range(20):
        each = adverse(number, *KINDS)
        assert each is not None
        path = tmp_path / each.path
        write_scenario(each, path)
        load_scenario(path)


def test_a_shrunk_world_keeps_what_it_takes_and_nothing_else() -> None:
    def calls(trial: Trial) -> bool:
        return any(each.fails > 1 for each in trial.scenario.syscalls)

    def late(trial: Trial) -> bool:
        return any(disk.announced > 4.0 for disk in trial.scenario.disks)

    for kind, fails in (("syscall", calls), ("raw mirror", late)):
        number = next(
            n for n in range(500)
            if (each := adverse(n, kind)) is not None and fails(draw(n)._replace(scenario=each))
        )  # fmt: skip
        world = adverse(number, kind)
        assert world is not None
        small = shrink(draw(number)._replace(scenario=world), fails).scenario
        assert not (small.tools or small.faults or small.people or small.files)
        assert not any(each.skip for each in small.syscalls)
        assert max(each.announced for each in small.disks) == (5.0 if kind == "raw mirror" else 0.0)


def test_some_worlds_have_trouble_and_the_others_are_as_without() -> None:
    """Three in ten; each kind turns up."""
    numbers = [number for number in range(300) if troubles_of(number)]
    assert 60 < len(numbers) < 120
    assert {kind for number in numbers for kind in troubles_of(number)} == {*KINDS}
    without = (n for n in range(300) if n not in numbers and exported_root(n) is None)
    assert all(draw(number) == draw(number, ()) for number in without)
