"""Consoles have the modes of before the engine when the real init starts."""

import os
import pty
import termios
from pathlib import Path

import pytest

from initpy.runtime import terminals


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A terminal that is the only console."""
    _, descriptor = pty.openpty()
    path = os.ttyname(descriptor)
    active = tmp_path / "active"
    active.write_text(f"{path.removeprefix('/dev/')}\n")
    monkeypatch.setattr(terminals, "ACTIVE", str(active))
    return path


def modes_of(path: str) -> terminals.Modes:
    descriptor = os.open(path, terminals.FLAGS)
    try:
        return termios.tcgetattr(descriptor)
    finally:
        os.close(descriptor)


def change(path: str) -> None:
    """Leave modes as a killed line editor does."""
    descriptor = os.open(path, terminals.FLAGS)
    modes = termios.tcgetattr(descriptor)
    modes[0] &= ~termios.ICRNL
    modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
    termios.tcsetattr(descriptor, termios.TCSANOW, modes)
    os.close(descriptor)


def test_modes_are_restored(terminal: str) -> None:
    before, saved = modes_of(terminal), terminals.saved_modes()
    change(terminal)
    assert modes_of(terminal) != before
    terminals.restore_modes(saved)
    assert modes_of(terminal) == before


def test_what_is_no_terminal_or_gone_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminals, "console_paths", lambda: [str(tmp_path / "gone"), "/dev/null"])
    assert terminals.saved_modes() == {}
    terminal = pty.openpty()[1]
    modes = termios.tcgetattr(terminal)
    terminals.restore_modes({str(tmp_path / "gone"): modes, "/dev/null": modes})
