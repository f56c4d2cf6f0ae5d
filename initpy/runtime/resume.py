"""Have the kernel resume a hibernated system: Documentation/power/swsusp-and-swap-files.rst."""

import errno
from functools import partial

from initpy.core.actions import Resume
from initpy.runtime.aside import Aside

POWER = "/sys/power"


async def attempt(aside: Aside, action: Resume) -> tuple[int, str]:
    """Return only if nothing was resumed: 0, or an errno with its meaning.

    The kernel reads the signature, stops all processes, reads the image and jumps into it. No
    limit: a system that is resumed after its file systems have been mounted destroys them.
    """
    call = partial(_resume, action.number, action.offset)
    answer = await aside.ask(f"resume {action.job} {action.run}", call)
    if answer.error:
        return errno.EIO, answer.error
    status, error = answer.value
    return status, error


def _resume(number: str, offset: int) -> tuple[int, str]:
    for name, text in (("resume_offset", str(offset)), ("resume", number)):
        try:
            with open(f"{POWER}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        except FileNotFoundError:
            return errno.ENOENT, "this kernel cannot resume (CONFIG_HIBERNATION)"
        except OSError as error:
            if error.errno == errno.EPERM:
                return error.errno, "the kernel forbids it (lockdown, see kernel_lockdown(7))"
            return error.errno or errno.EIO, f"{POWER}/{name}: {error.strerror}"
    return 0, ""
