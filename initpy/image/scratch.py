"""Folders for what a build needs for a moment: in memory where there is plenty of it.

A trial of an image is some hundred files of 70 MB in all. On a disk they are a third of the time
that building a small image takes: ext4 hands out no number of a file deleted in the last half
minute again (`recently_deleted` in fs/ext4/ialloc.c), and looks for others one by one.
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")
PREFIX = "initpy-"
NEW = 60.0  # seconds
# tempfile(3) of Python takes the first of these that is set: whoever sets one has a reason.
CHOSEN = ("TMPDIR", "TEMP", "TMP")
# The room there is half of the memory, which the programs that run beside us need as well.
SPARE = 4


@contextmanager
def scratch_folder(purpose: str, size: int = 0) -> Iterator[Path]:
    """A new folder that only this user may enter, for `size` bytes; it goes with its content."""
    chosen = any(os.environ.get(name) for name in CHOSEN)
    base = None if chosen or not _serves(MEMORY, size) else MEMORY
    if base is not None:
        _sweep(base)
    with (
        TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", dir=base) as folder,
        _locked(Path(folder)),
    ):
        yield Path(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Show that the folder is in use; whoever dies uses it no more (flock(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(base: Path) -> None:
    """Remove what builds of this user left that were killed: it would take memory for ever."""
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            state = folder.lstat()
            young = time.time() - state.st_mtime < NEW  # perhaps it is just about to be locked
            if state.st_uid != os.geteuid() or not stat.S_ISDIR(state.st_mode) or young:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(handle)


def _serves(folder: Path, size: int) -> bool:
    """Whether programs in the folder may be run, and there is room several times over."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    room = state.f_bavail * state.f_frsize
    runs = not state.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return runs and room > SPARE * size and os.access(folder, os.W_OK | os.X_OK)
