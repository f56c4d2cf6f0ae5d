"""Load a keymap into the kernel's keyboard driver, as loadkeys(1) does (R37).

The file is a binary keymap of `loadkeys --bkeymap`: `bkeymap`, a byte for each of 256 tables that
says whether it follows, and the tables of 128 values of 16 bits. One keymap serves all virtual
terminals (KDSKBENT in ioctl_console(2)).
"""

import contextlib
import fcntl
import os
import struct

from initpy.config.errors import InputError
from initpy.config.keyboard import DEFAULT, ENDING, FOLDER, KERNELS
from initpy.runtime.terminals import FLAGS, console_paths

VIRTUAL = "/dev/tty0"  # the terminal that is shown
MAGIC, TABLES, KEYS = b"bkeymap", 256, 128
HOLE = struct.pack("H", 0x0200)  # K_HOLE of linux/keyboard.h
# linux/kd.h
KDGKBMODE, KDSKBENT = 0x4B44, 0x4B47


def path_of(name: str) -> str:
    """Return the file of a keymap; the machine's own without a name. Raises InputError."""
    if not name:
        return DEFAULT
    path = f"{FOLDER}/{name}{ENDING}"
    if not os.path.exists(path):
        try:
            known = sorted(each.removesuffix(ENDING) for each in os.listdir(FOLDER))
        except OSError:
            known = []
        there = f"one that is in the image ({', '.join(known) or 'none is'})"
        raise InputError(
            "command line: keymap", name, f"{there}: name it in `keymaps` of its build"
        )
    return path


def entries(data: bytes) -> list[bytes]:
    """Return the arguments of KDSKBENT (struct kbentry). Raises ValueError.

    Keys that the keymap says nothing of are left as they are: it may be an addition of a few keys.
    """
    flags = data[len(MAGIC) : len(MAGIC) + TABLES]
    numbers = [number for number, flag in enumerate(flags) if flag]
    expected = len(MAGIC) + TABLES + len(numbers) * KEYS * 2
    if not data.startswith(MAGIC) or len(data) != expected or len(flags) != TABLES:
        raise ValueError(f"a binary keymap of loadkeys, not {len(data)} other bytes")
    values = data[len(MAGIC) + TABLES :]
    return [
        struct.pack("BB2s", table, key, values[place : place + 2])
        for row, table in enumerate(numbers)
        for key in range(KEYS)
        for place in (2 * (row * KEYS + key),)
        if values[place : place + 2] != HOLE
    ]


def is_shown() -> bool:
    """Return whether a virtual terminal is among the consoles: a keyboard types there."""
    return any(path.startswith("/dev/tty") and path[8:].isdigit() for path in console_paths())


def load(name: str) -> None:
    """Load the keymap of this name, or the machine's own. Raises InputError if it cannot be.

    One that is missing leaves the machine's own.
    """
    if not is_shown() or (name and name in KERNELS):
        return
    problem = None
    try:
        path = path_of(name)
    except InputError as error:
        path, problem = DEFAULT, error
    if os.path.exists(path):
        try:
            with open(path, "rb") as file:
                found = entries(file.read())
            _put(found)
        except (OSError, ValueError) as error:
            problem = InputError(path, None, str(error))
    if problem is not None:
        raise problem


def _put(found: list[bytes]) -> None:
    terminal = os.open(VIRTUAL, FLAGS)
    try:
        fcntl.ioctl(terminal, KDGKBMODE, bytes(4))
    except OSError:
        os.close(terminal)  # no keyboard of the kernel's types there
        return
    try:
        for each in found:
            # A kernel may lack a table or forbid a key: the others count.
            with contextlib.suppress(OSError):
                fcntl.ioctl(terminal, KDSKBENT, each)
    finally:
        os.close(terminal)
