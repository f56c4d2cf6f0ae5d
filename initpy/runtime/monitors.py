"""Which process is the monitor (mdmon) of a container of firmware RAID, and when it ends.

mdmon writes its number to a file (make_pidfile() in mdadm's mdmon.c), and leaves it there if it is
killed.
"""

import asyncio
import os
from collections.abc import Callable

FILE = "/run/mdadm/{}.pid"
PROCESSES = "/proc"


def process_of(container: str, file: str = FILE, processes: str = PROCESSES) -> str:
    """Return the number of the living process that monitors a container, "" if there is none.

    A process that has ended, and that its parent has not awaited yet, has no command line.
    """
    try:
        with open(file.format(container), encoding="ascii") as told:
            number = str(int(told.read(32)))
        with open(f"{processes}/{number}/cmdline", "rb") as line:
            return number if b"dmon" in line.read(4096).partition(b"\0")[0] else ""
    except (OSError, ValueError):
        return ""


class Monitors:
    """Awaits the end of monitors; `ended` gets the name of the container."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._awaited: set[tuple[str, str]] = set()

    def follow(self, container: str, number: str) -> None:
        """Tell when this process has ended."""
        key = container, number
        if key in self._awaited:
            return
        loop = asyncio.get_running_loop()
        try:
            end = os.pidfd_open(int(number))
        except ProcessLookupError:  # it has ended since its file was read
            loop.call_soon(self._ended, container)
            return
        except OSError:  # no memory: looking again shows its end
            return
        self._awaited.add(key)
        loop.add_reader(end, self._over, key, end)

    def _over(self, key: tuple[str, str], end: int) -> None:
        asyncio.get_running_loop().remove_reader(end)
        os.close(end)
        self._awaited.discard(key)
        self._ended(key[0])
