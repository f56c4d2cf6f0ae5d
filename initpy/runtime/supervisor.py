"""`/init`, the first moments of PID 1: mounts, udevd, engine. Standard library only.

Everything here is on the path of every boot, so it imports next to nothing:
udevd and the engine start first, what PID 1 needs later (`pid1`) is imported
while they do.
"""

import gc
import os
import sys
import time

from initpy.runtime import api, syscalls
from initpy.runtime.api import PATH

UDEVD = "/usr/lib/systemd/systemd-udevd"
# From a bus to a disk one driver's event follows the other: that chain is what the boot waits
# for, while the engine's imports beside it are done early enough.
UDEVD_NICE = -10
READY_SOCKET = "initpy/udevd-ready"
ENVIRONMENT = {
    "PATH": PATH,
    "NOTIFY_SOCKET": f"@{READY_SOCKET}",  # udevd says READY=1 there, see sd_notify(3)
    "SYSTEMD_LOG_LEVEL": "notice",  # of udevd on the console; udev.log_level= overrides it
    # No control group is mounted here, so udevd 257 finds none to watch, and says so at each boot
    # (sd_event_add_memory_pressure(3)).
    "MEMORY_PRESSURE_WATCH": "/dev/null",
}


ENDS = {
    "reboot": syscalls.RB_AUTOBOOT,
    "poweroff": syscalls.RB_POWER_OFF,
    "halt": syscalls.RB_HALT_SYSTEM,
}
END_DELAY = 10  # seconds to read what has failed


def say(text: str) -> None:
    """One line to the console, whatever state it is in."""
    try:
        os.write(2, f"initpy: {text}\n".encode(errors="replace"))
    except OSError:
        return


def start_udevd() -> int:
    """The process number of a new udevd; 0 when it cannot be started."""
    try:
        pid = os.posix_spawn(UDEVD, [UDEVD], ENVIRONMENT)
    except OSError as error:
        say(f"cannot start udevd, {UDEVD}: {error.strerror}; no device will be found")
        return 0
    try:
        os.setpriority(os.PRIO_PROCESS, pid, UDEVD_NICE)
    except OSError as error:
        say(f"udevd runs with the usual priority: {error.strerror}")
    return pid


def start_engine(started: float) -> tuple[int, int]:
    """Fork the engine: its process number, and the pipe on which it gives its orders.

    A fork shares the interpreter that is already there; a start of its own
    would cost as much as the rest of PID 1. Raises OSError when there is no
    memory for it.
    """
    orders, words = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(orders, False)
    try:
        pid = os.fork()
    except OSError:
        os.close(orders)
        os.close(words)
        raise
    if pid:
        os.close(words)
        return pid, orders
    status = 70  # EX_SOFTWARE of sysexits.h
    try:
        os.close(orders)
        os.setsid()
        from initpy.runtime import start

        status = start.main(words, started)
    except BaseException:  # noqa: BLE001 the last owner of an engine's exception shows it
        import traceback

        say("the engine has failed; it is started again. What happened:")
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    """`/init`: never returns; after the handover the real init runs in this process."""
    started = time.monotonic()
    # Imports make no garbage, but collecting it costs a tenth of their time.
    gc.disable()
    try:
        for problem in api.mount_api():
            say(f"cannot mount {problem}")
        ready = syscalls.abstract_datagram_socket(READY_SOCKET)
        udevd = start_udevd()
        os.makedirs("/run/initpy", 0o755, exist_ok=True)
        engine, orders = start_engine(started)

        from initpy.runtime.pid1 import Supervisor

        Supervisor(sys.argv[1:], started, ready, udevd, engine, orders).run()
    except BaseException as error:  # noqa: BLE001 PID 1 has no caller to pass this on to
        stay(error)


def asked_end(command_line: str) -> tuple[str, int] | None:
    """What `panic=` and `rd.emergency=` ask for: how to end, after so many seconds.

    Read here once more: the modules that know all parameters may be what has failed.
    """
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
    """Whether `rd.shell=` forbids a shell; its last word counts."""
    words = command_line.partition(" -- ")[0].split()
    said = [value for key, _, value in (word.partition("=") for word in words) if key == "rd.shell"]
    return bool(said) and said[-1].lower() in ("0", "no", "false", "off", "n")


def count_down(how: str, seconds: int) -> None:
    """Time to read the screen, with a line now and then that says how much is left."""
    for left in range(seconds, 0, -1):
        if left <= 5 or left % 10 == 0 or left == seconds:
            say(f"{how} in {left} s, as panic= or rd.emergency= asks for")
        time.sleep(1)


def end_as_asked() -> None:
    """End the machine if people asked for that, counting down; come back if they did not."""
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="surrogateescape") as file:
            asked = asked_end(file.read())
    except OSError:
        return
    if asked is None:
        return
    how, delay = asked
    count_down(how, delay)
    os.sync()
    try:
        syscalls.reboot(ENDS[how])
    except OSError as error:
        say(f"cannot {how}: {error.strerror}")


def stay(error: BaseException) -> None:
    """Show what has failed and go on as PID 1: if it ended, the kernel would panic."""
    try:
        import traceback

        traceback.print_exception(error)
    except ImportError:  # the initramfs has been deleted already
        say(repr(error))
    try:
        syscalls.reboot(syscalls.RB_ENABLE_CAD)  # the kernel's own way: nobody here listens
    except OSError:
        pass
    say("initpy has failed; the lines above say where. Press Ctrl-Alt-Del to restart.")
    end_as_asked()
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(60)
