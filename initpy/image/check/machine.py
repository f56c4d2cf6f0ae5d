"""The files of the described machine, as they are at the time of the check."""

from collections.abc import Callable
from pathlib import Path

from initpy.image.stack.system import UNREADABLE, Running

# Returns the bytes of a file of the machine; None if it has none or may not be read.
Machine = Callable[[str], bytes | None]
# Returns when a file of the machine was last written; None if that is not known.
Written = Callable[[str], float | None]


def nothing(_: str) -> None:
    """Return no file: the machine is another one."""


def in_folder(base: str) -> Machine:
    """Return what reads the files of a system that is mounted in a folder; "" for this one."""
    system = Running()
    return lambda path: system.data(f"{base}{path}")


def written_in(base: str) -> Written:
    """Return what tells when files of such a system were written."""
    return lambda path: written(Path(f"{base}{path}"))


def written(path: Path) -> float | None:
    """Return when a file, or the last of those that match FOLDER/*.conf, was written."""
    files = path.parent.glob(path.name) if "*" in path.name else (path,)
    try:
        return max((each.stat().st_mtime for each in files), default=None)
    except UNREADABLE:
        return None
