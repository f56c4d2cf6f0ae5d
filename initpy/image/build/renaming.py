"""Renames that last: of one file or of two at once, with what a power cut needs."""

import ctypes
import os
from pathlib import Path

# rename(2), linux/fs.h
AT_FDCWD = -100
RENAME_EXCHANGE = 2


def exchange(one: Path, other: Path) -> None:
    """Exchange two files' names atomically (renameat2(2)). Raises OSError if not supported."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def renamed(path: Path, new: Path) -> None:
    """Rename a file, and sync it so that the new name has its content after a power cut.

    vfat keeps a file's length and first cluster in its folder entry. The entry of a new name is
    empty at first. A sync of the file fills it (fs/fat/namei_vfat.c); one of the folder does not.
    """
    path.replace(new)
    handle = os.open(new, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Sync a folder, without which a rename may be lost (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
