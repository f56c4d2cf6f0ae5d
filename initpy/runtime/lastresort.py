"""When the engine cannot be kept alive: say so, and open a shell where that is allowed."""

import os

from initpy.config.settings import read_settings
from initpy.core.settings import Emergency
from initpy.runtime.pid1 import end
from initpy.runtime.shell import COMMAND, ENVIRONMENT
from initpy.runtime.supervisor import count_down, say

SLOW_RESTART = 10.0  # seconds between tries when there can be no shell

SCREEN = """\
============================================================================
initpy: the engine fails again and again. This is a bug of initpy.
The lines above say where; /run/initpy/journal.jsonl has what led there.
Nothing was written to any disk that a tool had not finished writing.
============================================================================"""


def give_up() -> int:
    """Show the screen, then end the boot if people asked for that.

    Otherwise open a shell and return its process number (0: none).
    """
    for line in SCREEN.splitlines():
        say(line)
    try:
        with open("/proc/cmdline", encoding="utf-8", errors="surrogateescape") as file:
            settings, _ = read_settings(file.read())
    except OSError:
        return 0
    if settings.emergency is not Emergency.WAIT:
        count_down(settings.emergency.value, round(settings.emergency_delay))
        end(settings.emergency.value)
    if not settings.shell:
        return 0
    say("a shell; leave it with `exit` to have the engine started again")
    program = f"/usr/bin/{COMMAND[0]}"
    try:
        # The engine's terminal settings are still in force: sane ones first.
        os.posix_spawn(program, [program, "stty", "sane"], ENVIRONMENT)
        return os.posix_spawn(program, list(COMMAND), ENVIRONMENT)
    except OSError as error:
        say(f"cannot run {program}: {error.strerror}")
        return 0
