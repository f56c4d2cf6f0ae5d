"""`initpy simulate FILE`: the timeline, the verdict, its exit status (R32)."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from initpy.cli import READER_GONE, main
from initpy.core.actions import Arm, HandOver
from initpy.core.boot import Boot
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import StandsStillError, simulate

PROJECT = Path(__file__).parents[2]
SCENARIOS = PROJECT / "tests" / "scenarios"
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
    assert "the console never printed, in this order: never said" in said


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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "-3"], "--seed: -3: expected 0 or more"),
        (["--crash-after", "0"], "--crash-after: 0: expected the number of an event"),
        (["--json", "--console"], "--json: '--console': expected --json without these"),
        (["--watch", "--svg", "x.svg"], "--watch: '--svg': expected --watch without these"),
    ],
)
def test_an_option_without_effect_is_refused(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *options, PLAIN]) == 2
    assert said in capsys.readouterr().err


def test_a_crash_after_the_end_is_said_not_to_have_been(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "--crash-after", "900", PLAIN]) == 0
    assert "no crash: there were" in words(capsys)


def test_a_world_can_be_judged_by_the_oracle(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "--judge", STACK]) == 0
    whole = Boot.handle

    def twice(self: Boot, event: Any, now: float) -> tuple[Any, ...]:
        actions = whole(self, event, now)
        return (*actions, *(each for each in actions if isinstance(each, HandOver)))

    monkeypatch.setattr(Boot, "handle", twice)
    assert main(["simulate", STACK]) == 0  # the file expects nothing about it
    capsys.readouterr()
    assert main(["simulate", "--judge", STACK]) == 1
    assert "violation: handed-over-once at" in words(capsys)


def test_a_reader_that_goes_away_is_no_mistake() -> None:
    """`initpy simulate --json FILE | head`."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = subprocess.run(
            [sys.executable, "-m", "initpy", "simulate", "--json", STACK],
            stdout=writing, stderr=subprocess.PIPE, text=True, cwd=PROJECT, check=False,
        )  # fmt: skip
    finally:
        os.close(writing)
    assert (run.returncode, run.stderr) == (READER_GONE, "")


def test_a_core_that_turns_in_circles_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a broken core could do to an exploration: take all memory and never end."""

    def again(self: Boot, event: Any, now: float) -> tuple[Any, ...]:
        return (Arm(now),)

    monkeypatch.setattr(Boot, "handle", again)
    with pytest.raises(StandsStillError, match="events and more at"):
        simulate(load_scenario(Path(PLAIN)))


def test_a_mistake_in_a_file_of_the_image_is_in_the_timeline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", str(SCENARIOS / "crypttab-malformed.toml")]) == 0
    assert "wrong /etc/crypttab:1: 'bad': expected name, device" in words(capsys)


def test_keys_typed_one_by_one_are_one_line_before_what_they_lead_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", str(SCENARIOS / "luks-typed-slowly.toml")]) == 0
    said = words(capsys)
    assert "type a key" not in said
    typed = re.search(r"person type \d+ keys in [\d.]+ s", said)
    assert typed is not None
    assert typed.start() < said.index("cryptsetup open")


def test_the_picture_tells_the_verdict_and_what_people_did(tmp_path: Path) -> None:
    path = tmp_path / "boot.svg"
    assert main(["simulate", "--svg", str(path), STACK]) == 0
    drawn = path.read_text()
    assert "simulated: booted, as expected; " in drawn
    assert "type 14 keys</text>" in drawn


def test_what_is_no_command_is_not_found_in_a_shell(tmp_path: Path) -> None:
    """A passphrase typed into a shell, for instance: nothing is called so. `cat` there would be."""
    text = (SCENARIOS / "root-after-failure.toml").read_text(encoding="utf-8")
    for typed, unknown in (("correct horse", ()), ("cat /proc/mdstat", ("the shell command cat",))):
        person = f"[[person]]\nwhen = '\\(initramfs\\) # '\ntype = \"{typed}\\n\"\n"
        file = tmp_path / "shell.toml"
        file.write_text(f"{text}\n{person}")
        boot = simulate(load_scenario(file))
        assert f"sh: {typed.split()[0]}: not found" in boot.console
        assert boot.unsupported == unknown
