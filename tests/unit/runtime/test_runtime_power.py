"""PID 1's very last screen: the machine ends as the command line asks, or stays (R24, R26)."""

import time

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
