"""Have the kernel resume a hibernated system: Documentation/power/swsusp-and-swap-files.rst."""

import contextlib
import errno
import json
from functools import partial

from initpy.config.errors import InputError
from initpy.core import actions
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import LOCATION, Resume
from initpy.runtime.aside import Aside
from initpy.runtime.firmware import HIBERNATED, remove_variable

POWER = "/sys/power"


def location(text: str) -> Resume:
    """Return what the variable tells. Raises InputError."""
    try:
        told = json.loads(text)
        uuid, offset = told["uuid"], told.get("offset", 0)
        if not (isinstance(uuid, str) and uuid and type(offset) is int and offset >= 0):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        what = f"the firmware's variable {LOCATION}"
        raise InputError(what, text[:200], 'JSON with a "uuid" and an "offset"') from None
    return Resume(DeviceSpec(Naming.UUID, uuid), offset, LOCATION)


async def attempt(aside: Aside, action: actions.Resume) -> tuple[int, str]:
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
    with contextlib.suppress(OSError):  # it holds for one boot, whatever comes of it
        remove_variable(HIBERNATED)
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
