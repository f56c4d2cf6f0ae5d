"""Give up on the engine when it fails again and again: say so, open a shell if that is allowed.

Any module that the engine imports may have failed, the parser of the command line included. None
of them is used here.
"""

import os

from initpy.runtime.children import say
from initpy.runtime.power import end_as_asked
from initpy.runtime.rescue import COMMAND, ENVIRONMENT

SLOW_RESTART = 10.0  # seconds between tries when there can be no shell

SCREEN = """\
============================================================================
initpy: the engine fails again and again. This is a bug of initpy.
The lines above say where; /run/initpy/journal.jsonl has what led there.
Nothing was written to any disk that a tool had not finished writing.
============================================================================"""


def give_up() -> int:
    """Show the screen, then end the machine if the command line or the boot loader ask for that.

    Otherwise open a shell and return its process number, 0 if there is none.
    """
    for line in SCREEN.splitlines():
        say(line)
    if not end_as_asked():
        return 0
    say("a shell; leave it with `exit` to have the engine started again")
    program = f"/usr/bin/{COMMAND[0]}"
    try:
        # The terminal still has the engine's settings.
        os.posix_spawn(program, [program, "stty", "sane"], ENVIRONMENT)
        return os.posix_spawn(program, list(COMMAND), ENVIRONMENT)
    except OSError as error:
        say(f"cannot run {program}: {error.strerror}")
        return 0
