"""The rescue shell: opened beside the boot, never at its cost (R24)."""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from initpy.runtime import shell as shell_module
from initpy.runtime.console import Console, Consoles
from initpy.runtime.shell import Shell


class Desk:
    """Stands for `Consoles`: one terminal, and a note of what was done with it."""

    def __init__(self, path: str) -> None:
        self.preferred: Console | None = Console(path, -1)
        self.for_shell = self.preferred
        self.done: list[str] = []

    def say(self, text: str) -> None:
        self.done.append(text.removeprefix("initpy: "))

    def lend(self, console: Console) -> None:
        self.done.append("lent")

    def take_back(self, console: Console) -> None:
        self.done.append("taken back")


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A terminal; the shell is `sh` and leaves its number in a folder of the test."""
    monkeypatch.setattr(shell_module, "PID_FILE", str(tmp_path / "shell.pid"))
    monkeypatch.setattr(shell_module, "COMMAND", ("sh", "-c", "exit 0"))
    keyboard, tty = os.openpty()
    yield os.ttyname(tty)
    os.close(keyboard)
    os.close(tty)


def play(desk: Desk, scene: Callable[[Shell, asyncio.Event], Awaitable[None]]) -> None:
    """A shell on the desk; the event is set when it has ended."""

    async def run() -> None:
        ended = asyncio.Event()
        await asyncio.wait_for(scene(Shell(cast(Consoles, desk), ended.set), ended), 10)

    asyncio.run(run())


def test_the_console_is_lent_to_the_shell_and_taken_back(terminal: str, tmp_path: Path) -> None:
    desk = Desk(terminal)

    async def scene(shell: Shell, ended: asyncio.Event) -> None:
        shell.open()
        await ended.wait()

    play(desk, scene)
    assert desk.done == [
        f"{shell_module.RESCUE}\ninitpy: {shell_module.COMMANDS}",
        "lent",
        "taken back",
    ]
    assert not (tmp_path / "shell.pid").exists()


def test_there_is_one_shell_at_a_time_and_another_one_later(terminal: str) -> None:
    desk = Desk(terminal)

    async def scene(shell: Shell, ended: asyncio.Event) -> None:
        shell.open()
        shell.open()
        await ended.wait()
        ended.clear()
        shell.open()
        await ended.wait()

    play(desk, scene)
    assert desk.done.count("lent") == 2


@pytest.mark.parametrize("wrong", ["program", "terminal"])
def test_when_it_cannot_be_opened_the_console_is_there_for_prompts(
    terminal: str, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    if wrong == "program":
        monkeypatch.setattr(shell_module, "COMMAND", ("/nowhere/busybox",))
    desk = Desk(terminal if wrong == "program" else "/dev/nowhere")

    async def scene(shell: Shell, ended: asyncio.Event) -> None:
        shell.open()
        while "taken back" not in desk.done:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert not ended.is_set()  # it would be opened again at once, for ever
        shell.open()
        while desk.done.count("taken back") < 2:
            await asyncio.sleep(0.001)

    play(desk, scene)
    assert any("No such file or directory" in each for each in desk.done)


def test_a_full_run_does_not_keep_it_from_opening(
    terminal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R26."""
    monkeypatch.setattr(shell_module, "PID_FILE", "/dev/full/shell.pid")
    desk = Desk(terminal)

    async def scene(shell: Shell, ended: asyncio.Event) -> None:
        shell.open()
        await ended.wait()

    play(desk, scene)
    assert desk.done[-1] == "taken back"


def test_it_is_closed_when_the_root_turns_up(
    terminal: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell_module, "COMMAND", ("sleep", "60"))
    desk = Desk(terminal)

    async def scene(shell: Shell, ended: asyncio.Event) -> None:
        shell.open()
        while not (tmp_path / "shell.pid").exists():
            await asyncio.sleep(0.001)
        shell.close()
        await ended.wait()

    play(desk, scene)


def test_the_shell_of_an_engine_that_died_is_ended(terminal: str, tmp_path: Path) -> None:
    """R5: two readers of one console would each get half of what is typed."""
    with subprocess.Popen(["sleep", "60"]) as left_over:
        (tmp_path / "shell.pid").write_text(f"{left_over.pid}\n")
        shell_module.kill_left_over()
        assert left_over.wait(5) < 0
    assert not (tmp_path / "shell.pid").exists()
    started = time.monotonic()
    shell_module.kill_left_over()
    (tmp_path / "shell.pid").write_text("")
    shell_module.kill_left_over()
    assert time.monotonic() - started < 1
