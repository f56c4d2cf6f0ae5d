"""Take the place of an image in one step, so that the old one boots until the new one does.

The new image grows beside the old one, under a fixed hidden name. Whoever is
killed leaves at most that file, and the next run in the folder removes it: a
file that nobody holds locked (flock(2)) belongs to nobody. The lock ends with
the process, so there is no lock file to be left behind either, and it is on the
file itself, so that it holds between containers that share nothing but /boot.
"""

import contextlib
import ctypes
import errno
import fcntl
import filecmp
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from initpy.config.errors import InputError

# An unfinished image is called `.NAME.initpy-new`. Boot loaders and
# kernel-install pass over hidden names.
UNFINISHED = ".initpy-new"
PREVIOUS = ".old"

# rename(2), linux/fs.h
AT_FDCWD = -100
RENAME_EXCHANGE = 2

# No room, or no more of it for this user.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

# A file system that knows no locks, as some that are served by programs.
UNLOCKABLE = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})

Waiting = Callable[[str], None]


class BusyError(OSError):
    """Another run is writing the same image."""

    def __init__(self, output: Path) -> None:
        super().__init__(f"another run is writing {output}")


class NoSpaceError(OSError):
    """The image does not fit where it should go."""

    def __init__(self, output: Path, free: int, needed: int | None = None) -> None:
        wanted = "the image" if needed is None else f"the image, {needed / 1e6:.1f} MB at the least"
        super().__init__(
            f"{output.parent} has no room for {wanted}: {free / 1e6:.1f} MB are free\n"
            "  hint: remove kernels that are not in use (apt autoremove), images of other tools, "
            "or give --keep 0"
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write one image: `file` is the new one, at `temporary` until it is put in place.

    What it opened may be written through its descriptor by a compressor.
    """

    output: Path
    temporary: Path
    file: BinaryIO

    def put_in_place(self, mode: int, keep: int = 0) -> tuple[str, ...]:
        """Let the new image take the old one's name, and keep `keep` previous images.

        Returns what a person should know of. At any instant the name is that of
        the old image or of the new one, whole. An image that equals the old one
        does not push a previous one out.
        """
        notes: list[str] = []
        self.file.flush()
        # On vfat it is decided where it is mounted who may read; it says so, or just does nothing.
        with contextlib.suppress(PermissionError):
            os.fchmod(self.file.fileno(), mode)
        if not mode & 0o044 and os.fstat(self.file.fileno()).st_mode & 0o044:
            notes.append(
                f"{self.output} holds what only root may read, but everyone can read it: "
                "mount its file system with umask=0077"
            )
        os.fsync(self.file.fileno())
        if keep and self._differs():
            notes += self._replace_and_keep(keep)
        else:
            self.temporary.replace(self.output)
        os.fsync(self.file.fileno())  # again: see _renamed
        for path in previous(self.output)[keep:]:
            path.unlink(missing_ok=True)
        _sync_folder(self.output.parent)
        return tuple(notes)

    def room(self) -> int:
        """Bytes that the new image can have at the most."""
        return free_space(self.output.parent) + os.fstat(self.file.fileno()).st_blocks * 512

    def _differs(self) -> bool:
        """Whether there is an old image, and it is another one."""
        return self.output.exists() and not filecmp.cmp(self.temporary, self.output, shallow=False)

    def _replace_and_keep(self, keep: int) -> list[str]:
        names = _previous_names(self.output, keep)
        for older, newer in reversed([*zip(names[1:], names, strict=False)]):
            if newer.exists():
                _renamed(newer, older)
        latest = names[0]
        latest.unlink(missing_ok=True)  # with `keep` 1, the rotation's last
        try:
            latest.hardlink_to(self.output)
        except OSError:  # vfat has no links
            return self._exchange_and_keep(latest)
        self.temporary.replace(self.output)
        return []

    def _exchange_and_keep(self, latest: Path) -> list[str]:
        # Until it is renamed the old image lies at our unfinished file's name,
        # where a waiting run would take it for one: hence the lock.
        with self.output.open("rb") as old:
            with contextlib.suppress(OSError):  # where there are no locks nobody waits for one
                fcntl.flock(old, fcntl.LOCK_EX)
            try:
                exchange(self.temporary, self.output)
            except OSError as error:
                self.temporary.replace(self.output)
                return [f"{self.output}: the previous image was not kept ({error.strerror})"]
            # The new one first: until then the disk has the old one at that name, whole.
            os.fsync(self.file.fileno())
            os.fsync(old.fileno())
            _renamed(self.temporary, latest)
            return []


@contextmanager
def claim(output: Path, waiting: Waiting | None = None) -> Iterator[Claim]:
    """Claim an image's place until the block ends; the unfinished file goes if it was not used.

    While another run has the place, `waiting` is told once and this one waits;
    without it, BusyError. InputError for a folder that cannot be written to.
    """
    _refuse_others(output)
    temporary = output.with_name(f".{output.name}{UNFINISHED}")
    try:
        sweep(output.parent)
        handle = _take(output, temporary, waiting)
    except BusyError:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise NoSpaceError(output, free_space(output.parent)) from error
        expected = "a path in an existing folder that can be written to"
        raise InputError("output", str(output), f"{expected} ({error.strerror})") from error
    file = os.fdopen(handle, "wb")
    try:
        yield Claim(output, temporary, file)
    finally:
        if _lies_at(handle, temporary):
            temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # what could not be written is of no use any more
            file.close()


def sweep(folder: Path) -> None:
    """Remove the unfinished images of runs that were killed."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _lies_at(file.fileno(), path):
                path.unlink()


def previous(output: Path) -> list[Path]:
    """The kept images of a path, latest first: NAME.old, NAME.old.2 and so on."""
    pattern = re.compile(re.escape(output.name + PREVIOUS) + r"(?:\.(\d{1,9}))?")
    found: list[tuple[int, Path]] = []
    for path in output.parent.iterdir():
        if match := pattern.fullmatch(path.name):
            found.append((int(match[1] or 1), path))
    return [path for _, path in sorted(found)]


def remove(output: Path) -> list[Path]:
    """Remove an image and what was kept of it; returns what was there."""
    gone = [path for path in (*reversed(previous(output)), output) if path.exists()]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        _sync_folder(output.parent)
    return gone


def free_space(folder: Path) -> int:
    """Bytes that this process can still write there (statvfs(3))."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return blocks * found.f_frsize


def exchange(one: Path, other: Path) -> None:
    """Swap two files' names in one step (renameat2(2)); OSError where the file system cannot."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


def _take(output: Path, temporary: Path, waiting: Waiting | None) -> int:
    """An open, locked, empty file at `temporary`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    told = False
    while True:
        handle = os.open(temporary, flags, 0o600)
        try:
            _refuse_foreign(handle, temporary)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise BusyError(output) from None
                if not told:
                    waiting(f"waiting for another run that is writing {output}")
                    told = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in UNLOCKABLE:
                    raise
            # The other run renamed or removed it meanwhile, most likely.
            if _lies_at(handle, temporary):
                os.ftruncate(handle, 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _refuse_others(output: Path) -> None:
    """What is no file must not be replaced by one: `/dev/null` least of all."""
    with contextlib.suppress(OSError):  # what else is wrong with a path turns up in its time
        if not stat.S_ISREG(output.stat().st_mode):
            raise InputError("output", str(output), "a file, or a name that nothing has yet")


def _refuse_foreign(handle: int, path: Path) -> None:
    """A file that someone else put there, in a folder such as /tmp, must not become our image.

    The folder's owner can do what he likes with it anyway; vfat's files are all his.
    """
    found = os.fstat(handle)
    owners = (os.geteuid(), path.parent.stat().st_uid)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_uid not in owners:
        raise InputError("output", str(path), "a folder where nobody else puts files of this name")


def _lies_at(handle: int, path: Path) -> bool:
    """Whether the open file is the one that the path names now."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _previous_names(output: Path, keep: int) -> list[Path]:
    numbers = ["", *(f".{number}" for number in range(2, keep + 1))]
    return [output.with_name(f"{output.name}{PREVIOUS}{number}") for number in numbers]


def _renamed(path: Path, new: Path) -> None:
    """Rename a file so that it lasts, with its content.

    vfat has length and place of a file in its folder, and a new name has none at first: they get
    to the disk with the file (fs/fat/namei_vfat.c), not with the folder.
    """
    path.replace(new)
    handle = os.open(new, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """A rename lasts only once the folder is on the disk (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
