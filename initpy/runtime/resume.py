"""Have the kernel resume a hibernated system: Documentation/power/swsusp-and-swap-files.rst."""

import contextlib
import errno
import json
from functools import partial

from initpy.config.errors import InputError
from initpy.core import actions
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import LOCATION, Resume, Settings
from initpy.runtime.aside import Aside, answered_within
from initpy.runtime.firmware import FIRMWARE_SECONDS, read_variable, remove_variable

POWER = "/sys/power"
# Written by systemd-sleep(8); the UUID behind the name is systemd's.
VARIABLE = f"{LOCATION}-8cf2644b-4b0b-428f-9387-6d876050dc67"


async def complete(settings: Settings, aside: Aside) -> tuple[Settings, InputError | None]:
    """Take what the firmware's variable tells, unless the command line says or forbids it."""
    if not settings.may_resume or not (settings.resume is None or settings.resume.default):
        return settings, None
    answer = aside.ask("hibernated", partial(read_variable, VARIABLE), FIRMWARE_SECONDS)
    await answered_within(FIRMWARE_SECONDS, answer)
    text = answer.result().value if answer.done() else None
    if text is None:
        return settings, None
    try:
        return settings._replace(resume=location(text)), None
    except InputError as error:
        return settings, error


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
        remove_variable(VARIABLE)
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
