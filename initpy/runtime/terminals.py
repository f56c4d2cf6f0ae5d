"""Find the consoles; save and restore their modes. Standard library only: PID 1 uses this."""

import os
import termios

ACTIVE = "/sys/class/tty/console/active"
FLAGS = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC

Modes = list[int | list[bytes | int]]  # of termios.tcgetattr()


def console_paths() -> list[str]:
    """Return the devices behind /dev/console, the preferred one last (Documentation/ABI, tty)."""
    try:
        with open(ACTIVE, encoding="ascii") as file:
            names = file.read().split()
    except OSError:
        names = []
    return [f"/dev/{name}" for name in names] or ["/dev/console"]


def saved_modes() -> dict[str, Modes]:
    """Return the modes of the consoles by path, without those that are no terminals."""
    found = {}
    for path in console_paths():
        try:
            descriptor = os.open(path, FLAGS)
        except OSError:
            continue
        try:
            found[path] = termios.tcgetattr(descriptor)
        except (OSError, termios.error):
            pass
        os.close(descriptor)
    return found


def restore_modes(modes: dict[str, Modes]) -> None:
    """Give consoles their modes again: prompts, shells and killed engines may leave others."""
    for path, mode in modes.items():
        try:
            descriptor = os.open(path, FLAGS)
        except OSError:
            continue
        try:
            termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        except (OSError, termios.error):
            pass
        os.close(descriptor)
