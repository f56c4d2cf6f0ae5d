"""PID 1's very last screen: the machine ends as the command line asks, or stays (R24, R26)."""

import os
import time
import tty
from pathlib import Path

import pytest

from initpy.config.settings import read_settings
from initpy.core.settings import Emergency
from initpy.runtime import power, syscalls

LINES = [
    ("root=LABEL=x quiet", None),
    ("panic=0", None),
    ("panic=soon", None),
    ("panic=5", ("reboot", 5)),
    ("panic=5 panic=7", ("reboot", 7)),
    ("panic=-1", ("reboot", 0)),
    ("rd.emergency=poweroff", ("poweroff", 10)),
    ("rd.emergency=halt panic=2", ("halt", 2)),
    ("rd.emergency=dance", None),
    ("root=x -- panic=5", None),
]


@pytest.mark.parametrize(("line", "asked"), LINES)
def test_panic_counts_on_the_last_screen_too(line: str, asked: tuple[str, int] | None) -> None:
    assert power.asked_end(line) == asked


@pytest.mark.parametrize(("line", "asked"), LINES)
def test_it_means_what_the_settings_mean(line: str, asked: tuple[str, int] | None) -> None:
    """Two readers of one line must not disagree."""
    settings, _ = read_settings(line)
    found = (settings.emergency.value, settings.emergency_delay)
    assert (asked is None) == (settings.emergency is Emergency.WAIT)
    assert asked in (None, found)


def test_the_restart_is_counted_down(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    ended: list[int] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(syscalls, "reboot", ended.append)
    monkeypatch.setattr(power, "asked_end", lambda _: ("poweroff", 12))
    power.end_as_asked()
    assert (slept, ended) == ([1] * 12, [syscalls.RB_POWER_OFF])
    told = [line.split()[3] for line in capfd.readouterr().err.splitlines()]
    assert told == ["12", "10", "5", "4", "3", "2", "1"]


def test_a_key_at_the_console_stops_the_countdown(monkeypatch: pytest.MonkeyPatch) -> None:
    user, console = os.openpty()
    before = os.dup(0)
    try:
        tty.setraw(console)
        os.dup2(console, 0)
        assert power.no_key(1)
        os.write(user, b"x")
        assert not power.no_key(60)
        assert power.no_key(1)
    finally:
        os.dup2(before, 0)
        for each in (before, user, console):
            os.close(each)


@pytest.mark.parametrize("there", [True, False])
def test_the_firmware_says_whether_the_boot_is_counted(tmp_path: Path, there: bool) -> None:
    (tmp_path / ("counted" if there else "other")).write_bytes(b"\6\0\0\0+\0\0\0")
    assert power._has_variable("counted", str(tmp_path)) is there
    assert not power._has_variable("counted", str(tmp_path / "none"))


def test_a_disk_that_does_not_answer_keeps_no_machine_from_its_end(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(power, "SYNC_SECONDS", 0.2)
    monkeypatch.setattr(os, "sync", lambda: time.sleep(60))
    monkeypatch.setattr(syscalls, "reboot", ended.append)
    before = time.monotonic()
    power.end("reboot")
    assert ended == [syscalls.RB_AUTOBOOT] and time.monotonic() < before + 30
    assert "not awaited any more" in capfd.readouterr().err


def test_what_was_written_is_on_the_disks_at_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(os, "sync", (tmp_path / "synced").touch)
    monkeypatch.setattr(
        syscalls, "reboot", lambda how: ended.append((tmp_path / "synced").exists())
    )
    power.end("poweroff")
    assert ended == [True]
