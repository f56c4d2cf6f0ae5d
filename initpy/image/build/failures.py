"""What can end a build or an installation, and the exit status that each is told by."""

from initpy.config.errors import InputError
from initpy.image.build.place import BusyError, NoSpaceError
from initpy.image.missing import IncompleteError
from initpy.image.process import ToolError
from initpy.image.stack.layers import StackError
from initpy.image.status import Status
from initpy.image.tree import Conflict

# Failures that are explained by their text. Anything else is an error of ours.
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

# Modules come with other packages than this program's, and some are built on
# the machine after the kernel: that is "not yet".
MODULES = frozenset({"module", "module folder", "module file"})


def explained(error: BaseException) -> str:
    """The text of one of the EXPLAINED, for people. One that is a bug of ours is raised again."""
    if not isinstance(error, ModuleNotFoundError):
        return str(error)
    if error.name is None or error.name.partition(".")[0] == "initpy":
        raise error
    name = error.name.partition(".")[0]
    package = PYTHON_PACKAGES.get(name, f"python3-{name}")
    return f"the Python module {name} is not installed: apt install {package}"


def status_of(error: BaseException) -> Status:
    """The exit status for one of the EXPLAINED."""
    match error:
        case BusyError():
            return Status.BUSY
        case NoSpaceError():
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
