"""Damage hits the place in the file, and writes to a disk are detected."""

from pathlib import Path

import pytest

from initpy.lab import damage
from initpy.scenario.acts import Damage
from initpy.scenario.model import Expectation, Outcome
from initpy.scenario.parse import load_scenario
from initpy.scenario.places import pattern_bytes
from initpy.scenario.verdict import Observation, reasons_against

FILE = """\
title = "a broken table"
slow = true
[[disk]]
name = "a"
size = "1M"
[[damage]]
disk = "a"
at = "gpt-backup"
bytes = "de ad"
[[damage]]
disk = "a"
at = 510
zero = "2"
[[damage]]
disk = "a"
at = 4096
random = "1K"
[expect]
outcome = "failed"
unchanged = ["a"]
"""


def test_a_file_with_damage_becomes_values(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(FILE)
    scenario = load_scenario(path)
    assert scenario.slow
    assert scenario.expect.unchanged == ("a",)
    first, second, third = scenario.damages
    assert first == Damage("a", -512, b"\xde\xad")
    assert second == Damage("a", 510, b"\0\0")
    assert (third.at, len(third.data)) == (4096, 1024)


@pytest.mark.parametrize(("at", "start"), [(3, 3), (-4, 1020)])
def test_damage_counts_from_the_start_or_from_the_end(tmp_path: Path, at: int, start: int) -> None:
    disk = tmp_path / "a.raw"
    disk.write_bytes(bytes(1024))
    before = damage.fingerprint(disk)
    damage.apply(Damage("a", at, b"xyz"), disk)
    content = disk.read_bytes()
    assert len(content) == 1024
    assert content[start : start + 3] == b"xyz"
    assert content.count(0) == 1021
    assert damage.fingerprint(disk) != before


def test_noise_is_the_same_each_time() -> None:
    assert pattern_bytes("random", 64) == pattern_bytes("random", 64)
    assert pattern_bytes("zero", 4) == bytes(4)


def test_a_write_to_an_unchanged_disk_is_detected() -> None:
    expect = Expectation(Outcome.NOTHING, 60, unchanged=("a",))
    nothing = Observation("", written=("b",))
    written = Observation("", written=("a",))
    assert len(reasons_against(expect, written)) == len(reasons_against(expect, nothing)) + 1
