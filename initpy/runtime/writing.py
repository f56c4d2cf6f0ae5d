"""Write attributes of devices in sysfs, in child processes: a driver may take long over one."""

import errno
import os
from functools import partial

from initpy.core.actions import Stop, Write
from initpy.runtime.aside import Aside

FOLDER = "/sys/class/block"


class Writer:
    """Carries out `Write`."""

    def __init__(self, aside: Aside) -> None:
        self._aside = aside

    async def write(self, action: Write) -> tuple[int, str]:
        """Write, however long it takes; return 0 or an errno, and what it means."""
        answer = await self._aside.ask(_key(action.job, action.run), partial(_write, action))
        if answer.error:
            return errno.EINTR, answer.error
        status, error = answer.value
        return status, error

    def stop(self, action: Stop) -> None:
        """End a write that takes too long."""
        self._aside.stop(_key(action.job, action.run))


def _key(job: str, run: int) -> str:
    return f"write {job} {run}"


# In a child


def _write(action: Write) -> tuple[int, str]:
    for name, text in action.attributes:
        path = f"{FOLDER}/{action.subject.replace('/', '!')}/{name}"
        try:
            # Unbuffered: the error is that of this write, not of a later one.
            descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, text.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            return error.errno or errno.EIO, f"{path}: {error.strerror}"
    return 0, ""
