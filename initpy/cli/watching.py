"""Shows a simulated boot step by step, for `initpy simulate --watch`."""

import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from initpy.core.actions import Arm
from initpy.core.boot import Boot
from initpy.core.records import plain
from initpy.report.journal import line
from initpy.report.tree import WIDTH, render
from initpy.simulation.machine.record import Step

# Waits this many seconds (None: without a limit) for a key; returns "" on a time-out.
Keys = Callable[[float | None], str]
RUN_SECONDS = 0.15  # between frames in run mode
HELP = "space, enter: next   r: run, any key stops   q: quit"
CLEAR = "\x1b[H\x1b[2J"


class Quit(Exception):
    """The user pressed q."""


class Watcher:
    """Shows a frame for each step with an event or a decision.

    Without `keys` (no terminal) it prints the frames as plain text.
    """

    def __init__(self, title: str, out: TextIO, keys: Keys | None = None) -> None:
        self._title = title
        self._out = out
        self._keys = keys
        self._running = False
        self._number = 0

    def __call__(self, step: Step, boot: Boot) -> None:
        """Show a step and wait for the user's key. Raises Quit."""
        self._number += 1
        decided = [each for each in step.actions if not isinstance(each, Arm)]
        if type(step.event).__name__ == "TimePassed" and not decided:
            return
        text = self._frame(step, boot, shutil.get_terminal_size() if self._keys else None)
        self._out.write(f"{CLEAR}{text}" if self._keys is not None else f"{text}\n")
        self._out.flush()
        if self._keys is not None:
            self._wait(self._keys)

    def _frame(self, step: Step, boot: Boot, size: os.terminal_size | None) -> str:
        """Return the event, the actions and root's tree as text, cut to the terminal's size."""
        records = [step.event, *step.actions]
        shown = [
            line({"t": step.time, "kind": type(each).__name__, **plain(each)}, 0.0)
            for each in records
        ]
        event, *decided = shown
        head = [
            f"{self._title}: event {self._number}, engine {step.engine + 1}",
            event or f"{step.time:9.3f}  time passes",
            *(f"       -> {each.strip().partition('  ')[2]}" for each in decided if each),
        ]
        lines = [*head, "", *render(boot.explain(step.time), step.time).splitlines()]
        if size is not None:
            lines = [each[: size.columns] for each in lines]
            most = size.lines - 3  # rule, help, cursor
            if len(lines) > most:
                lines = [*lines[: most - 1], f"… {len(lines) - most + 1} more lines"]
        rule = "-" * WIDTH
        return "\n".join((*lines, rule, HELP if self._keys is not None else "")).rstrip()

    def _wait(self, keys: Keys) -> None:
        key = keys(RUN_SECONDS if self._running else None)
        if self._running and not key:
            return
        self._running = False
        while key not in (" ", "\r", "\n", "r", "q", "\x03", "\x04"):
            key = keys(None)
        if key in ("q", "\x03", "\x04"):
            raise Quit
        self._running = key == "r"


@contextmanager
def keyboard() -> Iterator[Keys | None]:
    """Provide a function that reads single keys; None without a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield None
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def key(seconds: float | None) -> str:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        if not ready:
            return ""
        return os.read(descriptor, 1).decode(errors="replace") or "\x04"  # terminal closed

    try:
        tty.setcbreak(descriptor)
        yield key
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        print()  # end the line of the last frame
