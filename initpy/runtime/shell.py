"""Run the rescue shell on the console of the user, or the preferred one, beside the boot (R24)."""

import asyncio
import os
import select
import signal
from collections.abc import Callable

from initpy.runtime.console import Console, Consoles
from initpy.runtime.rescue import COMMAND, ENVIRONMENT

RESCUE = "a shell; the boot goes on if the root turns up. `exit` tries again."
COMMANDS = "initpy status | unlock | retry | wait | journal (--help explains each)"
END_SECONDS = 2.0  # for a killed shell to end
PID_FILE = "/run/initpy/shell.pid"


class Shell:
    """At most one shell; `ended` is called when the user leaves it."""

    def __init__(self, consoles: Consoles, ended: Callable[[], None]) -> None:
        self._consoles = consoles
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    def open(self, stop: str = "") -> None:
        """Open the shell unless it is open. With `stop`, its message, the boot waits for it."""
        console, loop = self._consoles.for_shell, asyncio.get_running_loop()
        if self._task is None and console is not None:
            self._task = loop.create_task(self._run(console, stop))
        elif console is None and stop:
            loop.call_soon(self._ended)

    def close(self) -> None:
        """Kill the shell: the boot goes on."""
        if self._process is not None:
            _kill(self._process.pid)

    async def _run(self, console: Console, stop: str) -> None:
        self._consoles.say(f"initpy: {stop or RESCUE}\ninitpy: {COMMANDS}")
        self._consoles.lend(console)
        try:
            self._process = await _start(console.path)
        except OSError as error:
            self._task = None
            self._consoles.take_back(console)  # a prompt may need it
            self._consoles.say(f"initpy: no shell on {console.path}: {error}")
            if stop:
                self._ended()
            return
        _note(self._process.pid)
        await self._process.wait()
        self._process, self._task = None, None
        _forget()
        self._consoles.take_back(console)
        self._ended()


async def _start(path: str) -> asyncio.subprocess.Process:
    """Start the shell on this terminal. Raises OSError."""
    terminal = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        return await asyncio.create_subprocess_exec(
            *COMMAND, stdin=terminal, stdout=terminal, stderr=terminal, env=ENVIRONMENT
        )
    finally:
        os.close(terminal)


def _note(pid: int) -> None:
    try:
        with open(PID_FILE, "w", encoding="ascii") as file:
            file.write(f"{pid}\n")
    except OSError:
        return  # /run is full: the next engine will not know of this shell


def _forget() -> None:
    try:
        os.unlink(PID_FILE)
    except OSError:
        return


def kill_left_over() -> None:
    """Kill the shell of an earlier engine: it would read from the same console."""
    try:
        with open(PID_FILE, encoding="ascii") as file:
            pid = int(file.read())
    except (OSError, ValueError):
        return
    try:
        end = os.pidfd_open(pid)
    except OSError:
        end = -1
    _kill(pid)
    if end >= 0:
        # Its end hangs up the console for all processes that have opened it before.
        poll = select.poll()
        poll.register(end, select.POLLIN)
        poll.poll(END_SECONDS * 1000)
        os.close(end)
    _forget()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
