"""Start the two children of process 1, udevd and the engine. Standard library only."""

import os

from initpy.runtime.api import PATH

UDEVD = "/usr/lib/systemd/systemd-udevd"
# Between a bus and a disk each driver's event follows another one. The boot waits for that chain,
# while the engine's imports, which run beside it, end early enough.
UDEVD_NICE = -10
READY_SOCKET = "initpy/udevd-ready"
ENVIRONMENT = {
    "PATH": PATH,
    "NOTIFY_SOCKET": f"@{READY_SOCKET}",  # udevd says READY=1 there, see sd_notify(3)
    "SYSTEMD_LOG_LEVEL": "notice",  # of udevd on the console; udev.log_level= overrides it
    # No control group is mounted here. Without this udevd 257 complains of that at each boot, see
    # sd_event_add_memory_pressure(3).
    "MEMORY_PRESSURE_WATCH": "/dev/null",
}


def say(text: str) -> None:
    """Write a line to the console, if it can be written to."""
    try:
        os.write(2, f"initpy: {text}\n".encode(errors="replace"))
    except OSError:
        return


def start_udevd() -> int:
    """Start udevd; return its process number, 0 if it cannot be started."""
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
    """Fork the engine; return its process number and the pipe with its orders.

    A fork shares the running interpreter: starting another one would cost as
    much as the rest of PID 1. Raises OSError if memory is short.
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
        from initpy.runtime import later

        later.postpone()
        from initpy.runtime import start

        status = start.main(words, started)
    except BaseException:  # noqa: BLE001 the last owner of an engine's exception shows it
        import traceback

        say("the engine has failed; it is started again. What happened:")
        traceback.print_exc()
    finally:
        os._exit(status)
