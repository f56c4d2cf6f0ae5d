"""Replaces an image atomically: at any time either the old or the new image is complete.

The new image is written beside the old one, under a fixed hidden name. The old one gets such a
name, too, until the new one is in place: a run that fails pushes out no previous image. A killed
run leaves at most these files. The next run in the folder removes the new one if no process holds a
lock on it (flock(2)), and keeps the old one. A lock ends with its process, so that no stale lock
file can remain. The lock is on the image's own file, so that it also works between containers that
share only /boot.
"""

import contextlib
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
from initpy.image.build import counters
from initpy.image.build.renaming import exchange, renamed, sync_folder
from initpy.image.scratch import FULL

# An unfinished image is called `.NAME.initpy-new`. Boot loaders and kernel-install skip hidden
# names.
UNFINISHED = ".initpy-new"
KEPT = ".initpy-kept"
PREVIOUS = ".old"


# The file system does not support locks, as some FUSE file systems.
UNLOCKABLE = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})

Waiting = Callable[[str], None]


class BusyError(OSError):
    """Another run is writing the same image."""

    def __init__(self, output: Path) -> None:
        super().__init__(f"another run is writing {output}")


class NoSpaceError(OSError):
    """The target's file system has no room for the image."""

    def __init__(
        self, output: Path, free: int, needed: int | None = None, *, quota: bool = False
    ) -> None:
        if quota:
            super().__init__(
                f"{output.parent} has no room for the image: the user's quota there is used up"
            )
            return
        wanted = "the image" if needed is None else f"the image, at least {needed / 1e6:.1f} MB"
        super().__init__(
            f"{output.parent} has no room for {wanted}: {free / 1e6:.1f} MB are free\n"
            "  hint: remove unused kernels (apt autoremove) or images of other tools, "
            "or pass --keep 0"
        )


class PlacedError(OSError):
    """The new image has its name, and what follows has failed."""

    def __init__(self, output: Path, error: OSError) -> None:
        super().__init__(
            f"{output}: the new image is in place, but may be lost at a power cut or crash: "
            f"{error.strerror}\n  hint: look at dmesg; run the command again"
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The lock on an image's path: `file` is the new image, at `temporary` until it replaces it.

    A compressor may write through the file's descriptor.
    """

    output: Path
    temporary: Path
    file: BinaryIO

    def put_in_place(self, mode: int, keep: int = 0) -> tuple[str, ...]:
        """Give the new image the old one's name, keep `keep` previous images, return warnings.

        At any instant the name belongs to a complete image, old or new. If both are equal, the
        previous images stay as they are.
        """
        notes: list[str] = []
        with _named(self.output):
            self._write_out(mode, notes)
            with _alone(self.output.parent):
                if keep and self._differs():
                    notes += self._replace_and_keep(keep)
                else:
                    self.temporary.replace(self.output)
        with _placed(self.output):
            os.fsync(self.file.fileno())  # again after the rename, see renamed
            if not keep:
                _kept(self.output).unlink(missing_ok=True)
            for path in previous(self.output)[keep:]:
                path.unlink(missing_ok=True)
            sync_folder(self.output.parent)
        return tuple(notes)

    def _write_out(self, mode: int, notes: list[str]) -> None:
        """Bring the new image to the disk with its mode."""
        self.file.flush()
        # On vfat the mount options decide the mode: fchmod fails or has no effect.
        with contextlib.suppress(PermissionError):
            os.fchmod(self.file.fileno(), mode)
        if not mode & 0o044 and os.fstat(self.file.fileno()).st_mode & 0o044:
            notes.append(
                f"{self.output} holds secrets, but all users can read it: "
                "mount its file system with umask=0077"
            )
        os.fsync(self.file.fileno())

    def put_entry_in_place(self, mode: int, keep: int, tries: int) -> tuple[tuple[str, ...], Path]:
        """Do the same for a boot entry that gets these tries; return warnings and its path.

        The old entry may have counters in its name. An unchanged entry keeps its own.
        """
        old = counters.present(self.output)
        if old and old[0] != self.output:
            renamed(old[0], self.output)
        self.file.flush()
        same = bool(old) and not self._differs()
        notes = self.put_in_place(mode, keep)
        final = old[0] if same else counters.with_tries(self.output, tries)
        for path in old:
            if path not in (final, self.output):
                path.unlink(missing_ok=True)
        if final != self.output:
            renamed(self.output, final)
        sync_folder(self.output.parent)
        return notes, final

    def room(self) -> int:
        """Return the maximum size of the new image in bytes."""
        return free_space(self.output.parent) + os.fstat(self.file.fileno()).st_blocks * 512

    def _differs(self) -> bool:
        """Return whether an old image exists that differs from the new one."""
        return self.output.exists() and not filecmp.cmp(self.temporary, self.output, shallow=False)

    def _replace_and_keep(self, keep: int) -> list[str]:
        """Replace the old image; it becomes a previous one when the new one is in place."""
        kept = _kept(self.output)
        if kept.exists():  # of a run that was killed
            self._rotate(keep, kept)
        try:
            kept.hardlink_to(self.output)
        except OSError:  # vfat has no hard links
            return self._exchange_and_keep(keep)
        try:
            self.temporary.replace(self.output)
        except OSError:
            kept.unlink(missing_ok=True)
            raise
        with _placed(self.output):
            self._rotate(keep, kept)
        return []

    def _rotate(self, keep: int, replaced: Path) -> None:
        """Make a file the latest of the previous images, unless it is the image itself."""
        if replaced.samefile(self.output):
            replaced.unlink()
            return
        names = _previous_names(self.output, keep)
        for older, newer in reversed([*zip(names[1:], names, strict=False)]):
            if newer.exists():
                renamed(newer, older)
        renamed(replaced, names[0])

    def _exchange_and_keep(self, keep: int) -> list[str]:
        # Until its rename the old image has the unfinished file's name. The lock keeps waiting runs
        # from taking it for an unfinished image.
        with self.output.open("rb") as old:
            with contextlib.suppress(OSError):  # a file system without locks has no waiting runs
                fcntl.flock(old, fcntl.LOCK_EX)
            try:
                exchange(self.temporary, self.output)
            except OSError as error:
                self.temporary.replace(self.output)
                return [f"{self.output}: the previous image was not kept ({error.strerror})"]
            # Sync the new image first: until then the disk has the complete old one at that name.
            with _placed(self.output):
                os.fsync(self.file.fileno())
                os.fsync(old.fileno())
                self._rotate(keep, self.temporary)
            return []


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other run rename images in the folder meanwhile.

    Who waits for the unfinished file goes on as soon as that has the image's name.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _named(output: Path) -> Iterator[None]:
    """Name the image in an error of a system call that has only a descriptor."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(output)) from error


@contextmanager
def _placed(output: Path) -> Iterator[None]:
    """Say of an error that the new image has its name already."""
    try:
        yield
    except OSError as error:
        raise PlacedError(output, error) from error


@contextmanager
def claim(output: Path, waiting: Waiting | None = None) -> Iterator[Claim]:
    """Claim an image's path for the block; remove the unfinished file if it was not put in place.

    While another run holds the claim, call `waiting` once and wait; without `waiting`, raise
    BusyError. Raises InputError if the folder is not writable.
    """
    _refuse_special(output)
    temporary = output.with_name(f".{output.name}{UNFINISHED}")
    try:
        sweep(output.parent)
        handle = _take(output, temporary, waiting)
    except BusyError:
        raise
    except OSError as error:
        if error.errno in FULL:
            quota = error.errno == errno.EDQUOT
            raise NoSpaceError(output, free_space(output.parent), quota=quota) from error
        expected = "a path in an existing folder that can be written to"
        raise InputError("output", str(output), f"{expected} ({error.strerror})") from error
    file = os.fdopen(handle, "wb")
    try:
        yield Claim(output, temporary, file)
    finally:
        if _lies_at(handle, temporary):
            temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # unwritten data does not matter any more
            file.close()


def sweep(folder: Path) -> None:
    """Remove the unfinished images of killed runs."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _lies_at(file.fileno(), path):
                path.unlink()


def previous(output: Path) -> list[Path]:
    """Return the previous images of a path, latest first: NAME.old, NAME.old.2 and so on."""
    pattern = re.compile(re.escape(output.name + PREVIOUS) + r"(?:\.(\d{1,9}))?")
    found: list[tuple[int, Path]] = []
    for path in output.parent.iterdir():
        if match := pattern.fullmatch(path.name):
            found.append((int(match[1] or 1), path))
    return [path for _, path in sorted(found)]


def remove(output: Path) -> list[Path]:
    """Remove an image and its previous images; return the removed paths."""
    entries = counters.present(output) if counters.is_entry(output) else [output]
    older = (_kept(output), *reversed(previous(output)))
    gone = [path for path in (*older, *entries) if path.exists()]
    for path in gone:
        path.unlink(missing_ok=True)
    if gone:
        sync_folder(output.parent)
    return gone


def free_space(folder: Path) -> int:
    """Return the bytes that this process can still write to a folder (statvfs(3))."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 0
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return blocks * found.f_frsize


def _take(output: Path, temporary: Path, waiting: Waiting | None) -> int:
    """Return an open, locked, empty file at `temporary`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    reported = False
    while True:
        handle = os.open(temporary, flags, 0o600)
        try:
            _refuse_foreign(handle, temporary)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise BusyError(output) from None
                if not reported:
                    waiting(f"waiting for another run that is writing {output}")
                    reported = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in UNLOCKABLE:
                    raise
            # The other run may have renamed or removed the file meanwhile; then try again.
            if _lies_at(handle, temporary):
                os.ftruncate(handle, 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _refuse_special(output: Path) -> None:
    """Raise InputError if the path is no regular file, such as /dev/null."""
    with contextlib.suppress(OSError):  # later steps report other errors in the path
        if not stat.S_ISREG(output.stat().st_mode):
            raise InputError("output", str(output), "a regular file, or an unused name")


def _refuse_foreign(handle: int, path: Path) -> None:
    """Raise InputError if another user created the file, as is possible in /tmp.

    The folder's owner may own the file: that user controls the folder anyway, and owns all files
    on vfat.
    """
    found = os.fstat(handle)
    owners = (os.geteuid(), path.parent.stat().st_uid)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1 or found.st_uid not in owners:
        raise InputError("output", str(path), "a folder in which no other user owns this file")


def _lies_at(handle: int, path: Path) -> bool:
    """Return whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _previous_names(output: Path, keep: int) -> list[Path]:
    numbers = ["", *(f".{number}" for number in range(2, keep + 1))]
    return [output.with_name(f"{output.name}{PREVIOUS}{number}") for number in numbers]


def _kept(output: Path) -> Path:
    """Return the name of the replaced image until it becomes a previous one."""
    return output.with_name(f".{output.name}{KEPT}")
