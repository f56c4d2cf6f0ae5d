"""Connects the user's terminal to a machine's console."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

# Ctrl-], as in telnet(1) and virsh(1).
ESCAPE = b"\x1d"


@contextmanager
def raw_terminal() -> Iterator[int]:
    """Set the terminal to raw mode for the block; provide the keyboard's descriptor."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def typed(keyboard: int, console: int, seconds: float) -> bytes:
    """Wait for the keyboard or the console; return what the user typed."""
    ready, _, _ = select.select([keyboard, console], [], [], seconds)
    return os.read(keyboard, 1024) if keyboard in ready else b""
