"""The command where its streams are closed, full, or in an encoding that lacks a character."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = f"{sys.executable} -m initpy"
ENVIRONMENT = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}


def run(line: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # of any option
        ["bash", "-c", line], capture_output=True, timeout=60, check=False, **options
    )


@pytest.mark.parametrize("command", ["build", "check", "install", "inspect"])
def test_help_in_an_encoding_without_an_ellipsis(command: str) -> None:
    ended = run(f"{COMMAND} {command} --help", env=ENVIRONMENT)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"usage: initpy" in ended.stdout


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    """A file that the command opens must not take the number of one of its streams."""
    for line, status in ((f"{COMMAND} ls {tmp_path}/none.img", 2), (f"{COMMAND} --version", 0)):
        ended = run(f"{line} {closed}")
        assert ended.returncode == status
        assert b"Traceback" not in ended.stderr


def test_a_full_disk_is_one_line() -> None:
    ended = run(f"{COMMAND} build --help > /dev/full")
    assert b"Traceback" not in ended.stderr
    assert ended.returncode != 0
    ended = run(f"{COMMAND} > /dev/full")
    assert ended.stderr.splitlines() == [b"initpy: No space left on device"]
    assert ended.returncode == 5
