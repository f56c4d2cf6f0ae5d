"""End the machine: at once, or as `panic=` and `rd.emergency=` ask for. Standard library only.

This parses the command line once more: the full parser may be the module that has failed.
"""

import os
import time

from initpy.runtime import syscalls
from initpy.runtime.children import say

ENDS = {
    "reboot": syscalls.RB_AUTOBOOT,
    "poweroff": syscalls.RB_POWER_OFF,
    "halt": syscalls.RB_HALT_SYSTEM,
}
END_DELAY = 10  # seconds to read what has failed


def end(how: str) -> None:
    """Write file systems out, then reboot, power off or halt at once."""
    os.sync()
    try:
        syscalls.reboot(ENDS.get(how, syscalls.RB_AUTOBOOT))
    except OSError as error:
        say(f"cannot {how}: {error.strerror}")


def asked_end(command_line: str) -> tuple[str, int] | None:
    """Return how to end, and after how many seconds; None if the command line does not ask."""
    how, delay = "", 0
    for word in command_line.partition(" -- ")[0].split():
        key, _, value = word.partition("=")
        if key == "panic":
            with_sign = value.removeprefix("-")
            delay = int(value) if with_sign.isascii() and with_sign.isdecimal() else delay
        elif key == "rd.emergency" and value in ENDS:
            how = value
    if not how and not delay:
        return None
    return how or "reboot", max(delay, 0) if delay else END_DELAY


def shell_forbidden(command_line: str) -> bool:
    """Return whether `rd.shell=` forbids a shell; its last value counts."""
    words = command_line.partition(" -- ")[0].split()
    said = [value for key, _, value in (word.partition("=") for word in words) if key == "rd.shell"]
    return bool(said) and said[-1].lower() in ("0", "no", "false", "off", "n")


def count_down(how: str, seconds: int) -> None:
    """Leave time to read the screen; say now and then how much is left."""
    for left in range(seconds, 0, -1):
        if left <= 5 or left % 10 == 0 or left == seconds:
            say(f"{how} in {left} s, as panic= or rd.emergency= asks for")
        time.sleep(1)


def end_as_asked() -> None:
    """End the machine if the command line asks for that, counting down; else return."""
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="surrogateescape") as file:
            asked = asked_end(file.read())
    except OSError:
        return
    if asked is None:
        return
    how, delay = asked
    count_down(how, delay)
    end(how)
