"""Creates temporary folders for builds, in memory if there is enough of it.

The trial of an image writes some hundred files, 70 MB in all. On a disk this takes a third of the
time that a small image needs: ext4 does not reuse an inode within half a minute of its deletion
(`recently_deleted` in fs/ext4/ialloc.c), and searches for a free one linearly.
"""

import errno
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.process import ToolError

MEMORY = Path("/dev/shm")
DISKS = (Path("/tmp"), Path("/var/tmp"))  # Python's tempfile takes the first that is writable
PREFIX = "initpy-"
NEW = 60.0  # seconds
# Python's tempfile uses the first of these variables that is set; so does this module.
CHOSEN = ("TMPDIR", "TEMP", "TMP")
# /dev/shm may take half of the memory. Other programs need memory too, so leave most of it free.
SPARE = 4
# The file system is full, or the user's quota.
FULL = (errno.ENOSPC, errno.EDQUOT)
LEAST = 1 << 16  # bytes: a file system with less is full
HINT = "TMPDIR=FOLDER names another place"


class NoScratchError(OSError):
    """No folder for temporary files, or no room in it."""


@contextmanager
def scratch_folder(purpose: str, size: int = 0) -> Iterator[Path]:
    """Create a private folder with room for `size` bytes, and remove it afterwards.

    Raises NoScratchError if there is no folder to write to, or if the block has found it full.
    """
    chosen = any(os.environ.get(name) for name in CHOSEN)
    places = () if chosen else (MEMORY, *DISKS)
    base = next((each for each in places if _serves(each, size)), None)
    if base is MEMORY:
        _sweep(base)
    try:
        made = TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", dir=base)
    except OSError as error:
        why = f"there is no folder for temporary files ({error.strerror}): {HINT}"
        raise NoScratchError(why) from error
    with made as name:
        folder = Path(name)
        try:
            with _locked(folder):
                yield folder
        except OSError as error:
            if error.errno not in FULL or not _is_about(error, folder):
                raise
            raise _no_room(folder, size) from error
        except ToolError as error:
            # A tool that could not write has failed for its own reasons, as far as it tells.
            if room(folder) >= LEAST:
                raise
            raise _no_room(folder, size) from error


def room(folder: Path) -> int:
    """Return how many bytes may still be written to a folder's file system."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def _no_room(folder: Path, size: int) -> NoScratchError:
    need = f", which need {size / 1e6:.0f} MB" if size else ""
    return NoScratchError(f"{folder.parent} has no room for temporary files{need}: {HINT}")


def _is_about(error: OSError, folder: Path) -> bool:
    """Return whether an error of a full file system is about a folder's."""
    names = [os.fsdecode(each) for each in (error.filename, error.filename2) if each is not None]
    if names:
        return any(each.startswith(f"{folder}/") for each in names)
    return room(folder) < LEAST


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock the folder with flock(2) while it is in use; the lock ends with the process."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sweep(base: Path) -> None:
    """Remove the folders of this user's killed builds, which would use memory until a reboot."""
    for folder in base.glob(f"{PREFIX}*"):
        with suppress(OSError):
            state = folder.lstat()
            young = time.time() - state.st_mtime < NEW  # its owner may not have locked it yet
            if state.st_uid != os.geteuid() or not stat.S_ISDIR(state.st_mode) or young:
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(handle)


def no_execution(folder: Path) -> str:
    """Return why no program in a folder can run, with the mount to blame; "" if it can."""
    try:
        forbids = os.statvfs(folder).f_flag & os.ST_NOEXEC
    except OSError:
        return ""
    if not forbids:
        return ""
    point = folder.resolve()
    while not point.is_mount():
        point = point.parent
    return f"{point} is mounted noexec; TMPDIR=FOLDER names a place where programs may run"


def _serves(folder: Path, size: int) -> bool:
    """Return whether the folder allows programs to run and has several times the room."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    room = state.f_bavail * state.f_frsize
    runs = not state.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return runs and room > SPARE * size and os.access(folder, os.W_OK | os.X_OK)
