"""Begin PID 1, `/init`: mount API file systems, start udevd and engine. Standard library only.

Each boot waits for this code, so it imports next to nothing. What PID 1 needs
later (`pid1`) is imported while udevd and the engine start.
"""

import gc
import os
import sys
import time

from initpy.runtime import api, children, early, syscalls
from initpy.runtime.children import say, start_engine, start_udevd


def main() -> None:
    """Run `/init`. Never returns: at the handover the real init replaces this program."""
    started = time.monotonic()
    # Imports make no garbage, but the collector takes a tenth of their time.
    gc.disable()
    try:
        for problem in api.mount_api():
            say(f"cannot mount {problem}")
        ready = syscalls.abstract_datagram_socket(children.READY_SOCKET)
        command, network = early.guess(early.command_line())
        if network:
            from initpy.runtime import coldplug

            coldplug.wake_network()  # before udevd reads that
        udevd = start_udevd()
        os.makedirs("/run/initpy", 0o755, exist_ok=True)
        if command:
            early.begin(command)

        from initpy.runtime import hostname, terminals

        # The engine starts mdadm, which asks for the name, and changes the consoles' modes.
        hostname.take_name(say, hostname.read, hostname.write)
        modes = terminals.saved_modes()
        engine, orders = start_engine(started)

        from initpy.runtime.pid1 import Supervisor

        Supervisor(sys.argv[1:], started, ready, udevd, engine, orders, modes, network).run()
    except BaseException as error:  # noqa: BLE001 PID 1 has no caller to pass this on to
        stay(error)


def stay(error: BaseException) -> None:
    """Show what has failed and stay process 1: if it ended, the kernel would panic."""
    try:
        import traceback

        traceback.print_exception(error)
    except ImportError:  # the initramfs has been deleted already
        say(repr(error))
    try:
        syscalls.reboot(syscalls.RB_ENABLE_CAD)  # the kernel restarts by itself then
    except OSError:
        pass
    say("initpy has failed; the lines above say where. Press Ctrl-Alt-Del to restart.")
    try:
        from initpy.runtime.power import end_as_asked  # here already, if all was well before
    except ImportError as missing:
        say(repr(missing))
    else:
        end_as_asked()
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(60)
