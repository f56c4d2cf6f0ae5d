"""`initpy simulate --watch`: a frame a step, at a key; all of them without a terminal."""

import io
from pathlib import Path

import pytest

from initpy.cli import main
from initpy.cli.watching import CLEAR, Quit, Watcher
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate

FILE = Path(__file__).parents[1] / "scenarios" / "lvm-on-luks-on-raid1.toml"


class Pressed:
    """Keys in order, and how long each was waited for."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self.waits: list[float | None] = []

    def __call__(self, seconds: float | None) -> str:
        self.waits.append(seconds)
        return self.keys.pop(0) if self.keys else "q"


def frames(*keys: str) -> tuple[list[str], Pressed]:
    """What is shown until the keys are used up; then q is pressed."""
    out, pressed = io.StringIO(), Pressed(list(keys))
    with pytest.raises(Quit):
        simulate(load_scenario(FILE), watch=Watcher("name", out, pressed))
    return out.getvalue().split(CLEAR)[1:], pressed


def test_each_key_shows_the_next_step() -> None:
    shown, pressed = frames(" ", "\n", "x", "\r")
    assert len(shown) == 4  # the key that means nothing shows nothing new
    assert "event 1, engine 1" in shown[0]
    assert "- root /dev/vg0/root: waiting" in shown[0]
    assert "space, enter: next" in shown[-1]
    assert pressed.waits == [None] * 5


def test_it_runs_until_a_key_is_pressed() -> None:
    shown, pressed = frames("r", "", "", " ")
    assert len(shown) == 5
    assert pressed.waits[0] is None
    assert all(each is not None for each in pressed.waits[1:4])
    assert pressed.waits[4] is None


def test_a_frame_fits_into_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "12")
    monkeypatch.setenv("COLUMNS", "76")
    shown, _ = frames(*[" "] * 30)
    assert max(len(each.splitlines()) for each in shown) <= 12
    assert any("more lines" in each for each in shown)
    assert max(len(row) for each in shown for row in each.splitlines()) <= 76


def test_without_a_terminal_the_frames_follow_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulate", "--watch", str(FILE)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("event ") > 10
    assert "luks-open@md127 runs cryptsetup" in out
    assert "correct horse" not in out
    assert out.splitlines()[-1].startswith("holds: lvm-on-luks-on-raid1: booted")


def test_one_file_is_watched_or_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--watch", str(FILE), str(FILE)]) == 2
    assert "expected one, to be watched or drawn" in capsys.readouterr().err


def test_a_simulated_boot_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "boot.html"
    assert main(["simulate", "--html", str(path), str(FILE)]) == 0
    text = path.read_text()
    assert "lvm-on-luks-on-raid1: ext4 on LVM on LUKS2 on RAID1" in text
    assert "held by luks-open@md127: waits for a passphrase" in text
    assert "correct horse" not in text
