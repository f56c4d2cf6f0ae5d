"""End the machine: at once, or as `panic=`, `rd.emergency=` or the boot loader ask for.

Standard library only.

This parses the command line once more: the full parser may be the module that has failed.
"""

import os
import select
import signal
import time

from initpy.runtime import syscalls
from initpy.runtime.children import say

ENDS = {
    "reboot": syscalls.RB_AUTOBOOT,
    "poweroff": syscalls.RB_POWER_OFF,
    "halt": syscalls.RB_HALT_SYSTEM,
}
FALSE = ("0", "no", "false", "off", "n", "f")
SYNC_SECONDS = 30.0  # for file systems to be written out; a disk or server may never answer
END_DELAY = 10  # seconds to read what has failed
COUNTED_DELAY = 60  # the same for a boot that the loader counts, and to press a key


def end(how: str) -> None:
    """Write file systems out, then reboot, power off or halt at once."""
    _sync()
    try:
        syscalls.reboot(ENDS.get(how, syscalls.RB_AUTOBOOT))
    except OSError as error:
        say(f"cannot {how}: {error.strerror}")


def _sync() -> None:
    """Write file systems out, in a child: sync(2) awaits a disk that does not answer for ever."""
    try:
        child = os.fork()
    except OSError:
        os.sync()  # memory is short, and what was written counts more
        return
    if not child:
        os.sync()
        os._exit(0)
    if not _has_ended(child, SYNC_SECONDS):
        say(
            f"what was written is not on its disks after {SYNC_SECONDS:.0f} s: not awaited any more"
        )


def _has_ended(child: int, seconds: float) -> bool:
    """Wait so long for a child to end; kill it and return False if it does not."""
    end = os.pidfd_open(child)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    ended = bool(poll.poll(seconds * 1000))
    os.close(end)
    if not ended:
        os.kill(child, signal.SIGKILL)  # process 1 reaps it if it ever ends
    return ended


def asked_end(command_line: str) -> tuple[str, int] | None:
    """Return how to end, and after how many seconds; None if the command line does not ask."""
    how, delay = "", 0
    said = _said(command_line)
    for key, value in said:
        if key == "panic":
            with_sign = value.removeprefix("-")
            delay = int(value) if with_sign.isascii() and with_sign.isdecimal() else delay
        elif key == "rd.emergency" and value in ENDS:
            how = value
    if _repairs(said) or not (how or delay):
        return None
    return how or "reboot", max(delay, 0) if delay else END_DELAY


def shell_forbidden(command_line: str) -> bool:
    """Return whether `rd.shell=` forbids a shell; its last value counts."""
    said = _said(command_line)
    values = [value for key, value in said if key == "rd.shell"]
    return bool(values) and values[-1].lower() in FALSE and not _repairs(said)


def counted(command_line: str) -> bool:
    """Return whether the boot loader counts this boot; the command line goes before the firmware.

    See `counting.tries` and `firmware.COUNTED`.
    """
    said = _said(command_line)
    tries = [value for key, value in said if key == "initpy.tries" and value]
    if _repairs(said):
        return False
    if tries:
        return tries[-1].isdecimal()
    try:
        from initpy.runtime import firmware
    except ImportError:
        return False  # the module that has failed, perhaps
    return _has_variable(firmware.COUNTED, firmware.FOLDER)


def _said(command_line: str) -> list[tuple[str, str]]:
    words = command_line.partition(" -- ")[0].split()
    return [(key, value) for key, _, value in (word.partition("=") for word in words)]


def _repairs(said: list[tuple[str, str]]) -> bool:
    """Return whether the boot is to end in a shell (initpy.recovery), whatever else is said."""
    values = [value for key, value in said if key == "initpy.recovery"]
    return bool(values) and values[-1].lower() not in FALSE


def _has_variable(name: str, folder: str) -> bool:
    """Return whether the firmware has the variable; False if it does not answer."""
    from initpy.runtime.firmware import FIRMWARE_SECONDS, read_variable

    if not os.path.isdir(folder):
        return False
    try:
        child = os.fork()
    except OSError:
        return False  # memory is short
    if not child:
        os._exit(0 if read_variable(name, folder) is not None else 1)
    return _has_ended(child, FIRMWARE_SECONDS) and os.waitpid(child, 0)[1] == 0


def count_down(how: str, seconds: int) -> None:
    """Leave time to read the screen; say now and then how much is left."""
    for left in range(seconds, 0, -1):
        if left <= 5 or left % 10 == 0 or left == seconds:
            say(f"{how} in {left} s, as panic= or rd.emergency= asks for")
        time.sleep(1)


def no_key(seconds: int) -> bool:
    """Count down to a restart; return False as soon as a key is pressed at the console."""
    poll = select.poll()
    if os.isatty(0):
        poll.register(0, select.POLLIN)
    for left in range(seconds, 0, -1):
        if left <= 5 or left % 10 == 0:
            say(f"reboot in {left} s, since the boot loader counts this boot; Enter stops it")
        if any(found & select.POLLIN for _, found in poll.poll(1000)):
            try:
                os.read(0, 4096)
            except OSError:
                pass
            return False
    return True


def end_as_asked() -> bool:
    """End the machine if the command line or the boot loader ask for that, counting down.

    If they do not, or a user is there, return whether a shell may be opened.
    """
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="surrogateescape") as file:
            command_line = file.read()
    except OSError:
        return False
    asked = asked_end(command_line)
    if asked is not None:
        how, delay = asked
        count_down(how, delay)
        end(how)
    elif counted(command_line) and no_key(COUNTED_DELAY):
        end("reboot")
    return asked is None and not shell_forbidden(command_line)
