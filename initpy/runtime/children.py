"""Start the two children of process 1, udevd and the engine. Standard library only."""

import os

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
