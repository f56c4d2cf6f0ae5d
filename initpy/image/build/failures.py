"""Maps the failures of a build or an installation to texts and exit statuses."""

import errno

from initpy.config.errors import InputError
from initpy.image.build.place import BusyError, NoSpaceError
from initpy.image.missing import IncompleteError
from initpy.image.process import ToolError
from initpy.image.scratch import NoScratchError
from initpy.image.stack.layers import StackError
from initpy.image.status import Status
from initpy.image.tree import Conflict

# Failures whose text explains them. Any other exception is a bug.
EXPLAINED = (
    IncompleteError,
    ToolError,
    Conflict,
    StackError,
    InputError,
    OSError,
    ModuleNotFoundError,
)

# Debian calls most packages python3-NAME.
PYTHON_PACKAGES = {"elftools": "python3-pyelftools"}

# Missing kernel modules may be built after the kernel's installation (DKMS), so that the status is
# CANNOT_BOOT ("not yet") instead of FAILED.
MODULES = frozenset({"module", "module folder", "module file"})


HINTS = {
    errno.EIO: "the disk or its file system reports an error: look at dmesg, and run fsck",
    errno.EROFS: "it is mounted read-only: mount -o remount,rw",
    errno.EACCES: "run the command as root",
    errno.EPERM: "run the command as root",
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
}


def _of_system(error: OSError) -> str:
    """Return the file, the reason and what to do for an error of a system call."""
    name = error.filename2 or error.filename
    where = f"{name}: " if name else ""
    hint = HINTS.get(error.errno or 0)
    return f"{where}{error.strerror}" + (f"\n  hint: {hint}" if hint else "")


def explained(error: BaseException) -> str:
    """Return the message for one of the EXPLAINED; raise it again if it is a bug."""
    if isinstance(error, OSError) and error.errno and error.strerror:
        return _of_system(error)
    if not isinstance(error, ModuleNotFoundError):
        return str(error)
    if error.name is None or error.name.partition(".")[0] == "initpy":
        raise error
    name = error.name.partition(".")[0]
    package = PYTHON_PACKAGES.get(name, f"python3-{name}")
    return f"the Python module {name} is not installed: apt install {package}"


def status_of(error: BaseException) -> Status:
    """Return the exit status for one of the EXPLAINED."""
    match error:
        case BusyError():
            return Status.BUSY
        case NoSpaceError() | NoScratchError():
            return Status.NO_SPACE
        case ModuleNotFoundError():
            return Status.NO_TOOL
        case InputError():
            return Status.USAGE
        case StackError():
            return Status.UNKNOWN
        case IncompleteError():
            kinds = {item.kind for item in error.missing}
            if "tool" in kinds:
                return Status.NO_TOOL
            return Status.CANNOT_BOOT if kinds <= MODULES else Status.FAILED
        case _:
            return Status.FAILED
