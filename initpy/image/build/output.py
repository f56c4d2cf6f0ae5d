"""Writes the image file, reproducibly; a failed build leaves no partial file."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.build.order import divided
from initpy.image.build.place import Claim, NoSpaceError, claim
from initpy.image.build.uki import Uki, compose
from initpy.image.formats.compress import NONE, Packing, open_sink
from initpy.image.formats.cpio import write_archive
from initpy.image.process import ToolError
from initpy.image.scratch import FULL
from initpy.image.tree import Entry, File, Tree

# Buffering costs less than many small writes to a pipe.
CHUNK = 1 << 20

# GNU cpio reads blocks of this size; scripts read what follows an archive after it.
BLOCK = 512

# The content without modules is 35 MB, and 10 MB large with xz.
BEST_RATIO = 5


def write_content(
    place: Claim,
    tree: Tree,
    packing: Packing,
    mtime: int,
    early: bytes = b"",
    late: Iterable[tuple[str, Entry]] = (),
) -> None:
    """Write the tree to the claim's temporary file.

    `late` yields entries for the end of the archive, computed while the others are compressed.
    """
    plain, rest = divided(tree.items())
    size = _size(rest)
    check_space(place, size, packing.method, len(early) + _size(plain))
    with explaining_full_disk(place):
        place.file.write(early)
        if plain:
            write_archive(plain, place.file.write, mtime)
            place.file.write(b"\0" * (-place.file.tell() % BLOCK))
        place.file.flush()  # the compressor continues writing at this file offset
        sink = open_sink(place.file, packing, size)
        waiting = bytearray()

        def gather(data: bytes) -> None:
            waiting.extend(data)
            if len(waiting) >= CHUNK:
                sink.write(bytes(waiting))
                waiting.clear()

        try:
            write_archive(chain(rest, late), gather, mtime)
            sink.write(bytes(waiting))
        except BaseException:
            sink.abandon()
            raise
        sink.finish()
        if packing.method == "lz4":
            # The format has no end, and a boot loader may append another archive. A chunk of
            # size zero ends the stream for every reader (lib/decompress_unlz4.c).
            place.file.write(bytes(4))
        place.file.flush()


def write_unified(
    place: Claim,
    uki: Uki,
    tree: Tree,
    packing: Packing,
    mtime: int,
    early: bytes = b"",
    late: Iterable[tuple[str, Entry]] = (),
) -> None:
    """Write the tree as the initrd of a unified kernel image; intermediate files are private."""
    with TemporaryDirectory(prefix="initpy-uki-") as folder, claim(Path(folder, "initrd")) as part:
        write_content(part, tree, packing, mtime, early, late)
        data = compose(uki, part.temporary.read_bytes())
    with explaining_full_disk(place):
        place.file.write(data)
        place.file.flush()


def check_space(place: Claim, size: int, compression: str, plain: int = 0) -> None:
    """Raise NoSpaceError if an image of this content cannot fit at any compression ratio.

    `plain` bytes are not compressed.
    """
    needed = plain + (size // BEST_RATIO if compression != NONE else size)
    if needed > place.room():
        raise NoSpaceError(place.output, place.room(), needed)


def image_mode(tree: Tree) -> int:
    """Return the mode of an image: readable by root only if it holds a secret."""
    return 0o600 if holds_secrets(tree) else 0o644


def holds_secrets(tree: Tree) -> bool:
    """Return whether a file in the tree is not world-readable, such as a key."""
    return any(isinstance(entry, File) and not entry.mode & 0o004 for _, entry in tree.items())


@contextmanager
def explaining_full_disk(place: Claim) -> Iterator[None]:
    """Turn a write that failed on a full disk, here or in the compressor, into NoSpaceError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            quota = error.errno == errno.EDQUOT
            raise NoSpaceError(place.output, place.room(), quota=quota) from error
        raise
    except ToolError as error:
        said = any(os.strerror(number) in str(error) for number in FULL)
        # lz4 reports a write error without errno.
        if said or ("Write error" in str(error) and _is_full(place.output.parent)):
            quota = os.strerror(errno.EDQUOT) in str(error)
            raise NoSpaceError(place.output, place.room(), quota=quota) from error
        raise


def _is_full(folder: Path) -> bool:
    """Return whether a file system is full."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize < CHUNK // 16


def _size(entries: Iterable[tuple[str, Entry]]) -> int:
    return sum(entry.size() for _, entry in entries if isinstance(entry, File))
