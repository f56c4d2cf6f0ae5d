"""Programs that take layers down: what to keep of them, and how to run them."""

import os
from contextlib import suppress

from initpy.core.shutdown.layers import EXTERNAL, MONITOR
from initpy.runtime.api import PATH

_BLOCK = "/sys/block"
_LISTS = {"LD_TRACE_LOADED_OBJECTS": "1"}  # ld.so(8): list the libraries, run nothing
_ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C"}


def find(name: str) -> str:
    """Return the path of a program. Raises OSError."""
    for folder in PATH.split(":"):
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            return path
    raise OSError(0, f"there is no program {name}")


def monitors() -> set[str]:
    """Return the monitor of firmware RAID if there are such arrays, and the program is there."""
    for name in os.listdir(_BLOCK):
        # Most are no arrays; an image need not have the monitor.
        with suppress(OSError), open(f"{_BLOCK}/{name}/md/metadata_version", "rb") as file:
            if file.read().startswith(EXTERNAL.encode()) and find(MONITOR):
                return {MONITOR}
    return set()


def files_of(name: str) -> set[str]:
    """Return the real paths of a program and its libraries. Raises OSError."""
    path = os.path.realpath(find(name))
    status, text = _output(path, [path], _LISTS)
    if status:
        raise OSError(0, f"the libraries of {name} cannot be listed: {_last(text)}")
    words = (word for line in text.splitlines() for word in line.split())
    return {path, *(os.path.realpath(word) for word in words if word.startswith("/"))}


def run(command: tuple[str, ...]) -> None:
    """Run a command to its end. Raises OSError with the last line of what it said."""
    status, text = _output(find(command[0]), [*command], _ENVIRONMENT)
    if status:
        raise OSError(0, _last(text) or f"{command[0]} has failed")


def _output(path: str, words: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Return the status of a command, and what it wrote."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, theirs, 1),
        (os.POSIX_SPAWN_DUP2, theirs, 2),
    ]
    try:
        pid = os.posix_spawn(path, words, environment, file_actions=actions)
    except OSError:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    with open(ours, "rb") as file:
        text = file.read().decode("utf-8", "replace")
    return os.waitpid(pid, 0)[1], text


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
