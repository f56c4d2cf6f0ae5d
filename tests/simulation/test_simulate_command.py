"""`initpy simulate FILE`: the timeline, the verdict, its exit status (R32)."""

import json
from pathlib import Path

import pytest

from initpy.cli import main

SCENARIOS = Path(__file__).parents[1] / "scenarios"
STACK = str(SCENARIOS / "lvm-on-luks-on-raid1.toml")
PLAIN = str(SCENARIOS / "plain-ext4-uuid.toml")


def words(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_the_timeline_tells_who_waited_for_what_and_who_held_the_clock(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", STACK]) == 0
    said = words(capsys)
    assert "mdadm --incremental" in said
    assert "person type 14 keys" in said
    assert "root wait: held at" in said
    assert "by luks-open@md127 (waits for a passphrase)" in said
    assert "holds: lvm-on-luks-on-raid1: booted after" in said


def test_json_has_verdict_facts_and_a_journal_without_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "--json", STACK]) == 0
    text = capsys.readouterr().out
    found = json.loads(text)
    assert found["holds"]
    assert found["facts"]["md.md127.degraded"] == "0"
    assert found["journal"][0]["kind"] == "EngineStarted"
    assert "correct horse" not in text


def test_an_expectation_that_does_not_hold_is_named_and_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.toml"
    text = Path(PLAIN).read_text(encoding="utf-8")
    file.write_text(text.replace("within = 60", 'within = 60\nconsole = ["never said"]'))
    assert main(["simulate", str(file)]) == 1
    said = words(capsys)
    assert "FAILS: wrong: booted" in said
    assert "the console never said, in this order: never said" in said


def test_several_files_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", STACK, PLAIN]) == 0
    assert "2 of 2 scenarios hold" in words(capsys)


def test_the_engine_can_be_made_to_die(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--crash-after", "9", "--seed", "3", STACK]) == 0
    assert "the engine is started again" in words(capsys)


def test_wrong_input_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.toml"
    file.write_text("title = 1\n")
    assert main(["simulate", str(file)]) == 2
    assert f"{file}:1" in capsys.readouterr().err
