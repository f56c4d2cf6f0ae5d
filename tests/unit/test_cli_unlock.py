"""`initpy unlock` on a terminal: nothing that is typed is shown or lost (R12)."""

import os
import pty
import select
import sys
import termios
import time

PROGRAM = "from initpy.cli.unlock import _passphrase; print(len(_passphrase('crypt')))"


def read_until(terminal: int, text: bytes) -> bytes:
    """What the program says up to the text; the rest of the patience is spent if it never does."""
    heard, limit = b"", time.monotonic() + 20
    while text not in heard and time.monotonic() < limit:
        if select.select([terminal], [], [], 1)[0]:
            heard += os.read(terminal, 1024)
    return heard


def test_an_answer_that_comes_with_the_prompt_is_neither_shown_nor_lost() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROGRAM])
    try:
        read_until(terminal, b"Passphrase for crypt: ")
        silent = not termios.tcgetattr(terminal)[3] & termios.ECHO
        os.write(terminal, b"secret\n")
        heard = read_until(terminal, b"6")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)

    assert silent
    assert b"6" in heard
    assert b"secret" not in heard
