"""A person's terminal while they sit at a machine's console."""

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

# As in telnet(1) and virsh(1).
ESCAPE = b"\x1d"


@contextmanager
def raw_terminal() -> Iterator[int]:
    """The keyboard's descriptor, every key passed on as it is typed; put back afterwards."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def typed(keyboard: int, console: int, seconds: float) -> bytes:
    """What the person typed while waiting for either side, at most so many seconds."""
    ready, _, _ = select.select([keyboard, console], [], [], seconds)
    return os.read(keyboard, 1024) if keyboard in ready else b""
