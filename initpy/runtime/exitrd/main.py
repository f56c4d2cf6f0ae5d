"""Process 1 of the shutdown: have the engine take everything down, then end the machine.

The engine is a child. It may die or hang; this process does neither, and ends the machine at last.
"""

import ctypes
import os
import select
import signal
import sys
import time

from initpy.core.tuples import NamedTuple
from initpy.runtime import syscalls
from initpy.runtime.children import say
from initpy.runtime.exitrd.engine import Engine

COMMANDS = {
    "reboot": syscalls.RB_AUTOBOOT,
    "poweroff": syscalls.RB_POWER_OFF,
    "halt": syscalls.RB_HALT_SYSTEM,
    "kexec": syscalls.RB_KEXEC,
}
REBOOT_ARGUMENT = "/run/systemd/reboot-param"  # of `systemctl reboot --reboot-argument=`
TIMEOUT = 90.0  # seconds that a step may take; systemd's default for its own
LONGEST = 600.0
MOST_ENGINES = 3
SILENCE = 20.0  # seconds; the engine answers every two
DEBUG = ("7", "debug")
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "": 1.0}


class Order(NamedTuple):
    """What systemd-shutdown is asked for."""

    verb: str
    timeout: float = TIMEOUT
    debug: bool = False
    problem: str = ""


def parse(arguments: list[str]) -> Order:
    """Read `VERB [--timeout TIME] [--log-level LEVEL] …`; unknown options are passed over."""
    verb = next((each for each in arguments[:1] if not each.startswith("-")), "")
    problem = ""
    if verb not in COMMANDS:
        known = ", ".join(COMMANDS)
        problem = f"{verb!r} is none of {known}: the machine restarts"
        verb = "reboot"
    given = dict(_options(arguments))
    timeout = seconds(given.get("--timeout", ""))
    return Order(verb, timeout or TIMEOUT, given.get("--log-level", "") in DEBUG, problem)


def _options(arguments: list[str]) -> list[tuple[str, str]]:
    """Return options with values, written `--NAME=VALUE` or `--NAME VALUE`."""
    pairs = zip(arguments, (*arguments[1:], ""), strict=False)
    return [
        (name, value if equals else after)
        for word, after in pairs
        for name, equals, value in (word.partition("="),)
        if word.startswith("--")
    ]


def seconds(text: str) -> float | None:
    """Return the seconds of a time such as systemd's `90000000us`; None if it is none."""
    digits = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    if not digits.isdecimal() or text[len(digits) :] not in UNITS:
        return None
    return min(int(digits) * UNITS[text[len(digits) :]], LONGEST) or None


def main() -> None:
    """Run /shutdown. Never returns."""
    order = Order("reboot")
    try:
        order = parse(sys.argv[1:])
        _prepare()
        if order.problem:
            say(f"shutdown: {order.problem}")
        for _ in range(MOST_ENGINES):
            if _engine(order):
                break
    except BaseException as error:  # noqa: BLE001 process 1 has no caller to pass this on to
        say(f"shutdown: {error!r}; the machine ends")
    end(order.verb)


def _prepare() -> None:
    """Take a fresh console, and leave all signals but those of children."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.chdir("/")
    try:
        console = os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return
    for descriptor in (0, 1, 2):
        os.dup2(console, descriptor)
    if console > 2:
        os.close(console)


def _engine(order: Order) -> bool:
    """Run the engine in a child until it ends or hangs; True if it has done all it could."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        status = 70  # EX_SOFTWARE of sysexits.h
        try:
            os.close(ours)
            Engine(theirs, order.debug).run(order.timeout)
            status = 0
        except BaseException as error:  # noqa: BLE001 process 1 starts another engine
            say(f"shutdown: {error!r}")
        finally:
            os._exit(status)
    os.close(theirs)
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    while poll.poll(SILENCE * 1000):
        if not os.read(ours, 4096):
            break  # it has ended
    else:
        say(f"shutdown: the engine has not answered for {SILENCE:.0f} s")
        os.kill(pid, signal.SIGKILL)
    os.close(ours)
    return _status(pid) == 0


def _status(pid: int) -> int | None:
    """Reap all that has ended; return how this child has, None if it does not end."""
    limit = time.monotonic() + 1.0
    while time.monotonic() < limit:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if ended == pid:
            return status
        if ended == 0:
            time.sleep(0.005)
    return None


def end(verb: str) -> None:
    """End the machine; if the kernel refuses that, restart it. Never returns."""
    if verb == "reboot":
        _reboot_with_argument()
    for command in (COMMANDS[verb], syscalls.RB_AUTOBOOT):
        try:
            syscalls.reboot(command)
        except OSError as error:
            say(f"shutdown: cannot {verb}: {error.strerror}")
    while True:
        time.sleep(60)


def _reboot_with_argument() -> None:
    """Pass the firmware its argument, if there is one; see reboot(2), LINUX_REBOOT_CMD_RESTART2."""
    try:
        with open(REBOOT_ARGUMENT, "rb") as file:
            argument = file.read().strip()
    except OSError:
        return
    number = {"x86_64": 169, "aarch64": 142, "riscv64": 142}.get(os.uname().machine)
    if argument and number is not None:
        call = ctypes.CDLL(None).syscall
        call(number, 0xFEE1DEAD - (1 << 32), 672274793, 0xA1B2C3D4 - (1 << 32), argument)
