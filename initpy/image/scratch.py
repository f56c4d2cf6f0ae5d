"""Folders for what a build needs for a moment: in memory where there is plenty of it.

A trial of an image is some hundred files of 70 MB in all. On a disk they are a third of the time
that building a small image takes: ext4 hands out no number of a file deleted in the last half
minute again (`recently_deleted` in fs/ext4/ialloc.c), and looks for others one by one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")
# tempfile(3) of Python takes the first of these that is set: whoever sets one has a reason.
CHOSEN = ("TMPDIR", "TEMP", "TMP")
# The room there is half of the memory, which the programs that run beside us need as well.
SPARE = 4


@contextmanager
def scratch_folder(purpose: str, size: int = 0) -> Iterator[Path]:
    """A new folder that only this user may enter, for `size` bytes; it goes with its content."""
    chosen = any(os.environ.get(name) for name in CHOSEN)
    base = None if chosen or not _serves(MEMORY, size) else MEMORY
    with TemporaryDirectory(prefix=f"initpy-{purpose}-", dir=base) as folder:
        yield Path(folder)


def _serves(folder: Path, size: int) -> bool:
    """Whether programs in the folder may be run, and there is room several times over."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    room = state.f_bavail * state.f_frsize
    runs = not state.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return runs and room > SPARE * size and os.access(folder, os.W_OK | os.X_OK)
