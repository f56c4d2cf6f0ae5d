"""Write the finished image: whole or not at all, the same bytes each time."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image.build.order import arranged
from initpy.image.build.place import FULL, Claim, NoSpaceError, claim
from initpy.image.build.uki import Uki, compose
from initpy.image.formats.compress import NONE, Packing, open_sink
from initpy.image.formats.cpio import write_archive
from initpy.image.process import ToolError
from initpy.image.tree import Entry, File, Tree, content_size

# Many small writes to a pipe cost more than the copying.
CHUNK = 1 << 20

# The generic image is 73 MB, and 17 with xz.
BEST_RATIO = 5


def write_content(
    place: Claim,
    tree: Tree,
    packing: Packing,
    mtime: int,
    early: bytes = b"",
    late: Iterable[tuple[str, Entry]] = (),
) -> None:
    """Write the tree as the new image of a claimed place, without putting it there.

    `late` are entries for its end that come up only while the others are being compressed.
    """
    size = content_size(tree)
    check_space(place, size, packing.method)
    with explaining_full_disk(place):
        place.file.write(early)
        place.file.flush()  # a compressor writes to the same file at the same place
        sink = open_sink(place.file, packing, size)
        waiting = bytearray()

        def gather(data: bytes) -> None:
            waiting.extend(data)
            if len(waiting) >= CHUNK:
                sink.write(bytes(waiting))
                waiting.clear()

        try:
            write_archive(chain(arranged(tree.items()), late), gather, mtime)
            sink.write(bytes(waiting))
        except BaseException:
            sink.abandon()
            raise
        sink.finish()
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
    """The same as a part of a unified kernel image; until then where only we can read it."""
    with TemporaryDirectory(prefix="initpy-uki-") as folder, claim(Path(folder, "initrd")) as part:
        write_content(part, tree, packing, mtime, early, late)
        data = compose(uki, part.temporary.read_bytes())
    with explaining_full_disk(place):
        place.file.write(data)
        place.file.flush()


def check_space(place: Claim, size: int, compression: str) -> None:
    """NoSpaceError if an image of so much content cannot fit, however well it compresses."""
    needed = size // BEST_RATIO if compression != NONE else size
    if needed > place.room():
        raise NoSpaceError(place.output, place.room(), needed)


def image_mode(tree: Tree) -> int:
    """Who may read an image: with a key inside, root alone."""
    return 0o600 if holds_secrets(tree) else 0o644


def holds_secrets(tree: Tree) -> bool:
    """Whether any file in the tree is one that not everyone may read: a key, most likely."""
    return any(isinstance(entry, File) and not entry.mode & 0o004 for _, entry in tree.items())


@contextmanager
def explaining_full_disk(place: Claim) -> Iterator[None]:
    """NoSpaceError in place of a write that failed for want of room, here or in a compressor."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoSpaceError(place.output, place.room()) from error
        raise
    except ToolError as error:
        said = any(os.strerror(number) in str(error) for number in FULL)
        # lz4 says that it cannot write, and not why.
        if said or ("Write error" in str(error) and _is_full(place.output.parent)):
            raise NoSpaceError(place.output, place.room()) from error
        raise


def _is_full(folder: Path) -> bool:
    """Whether a file system has no block left for what needs another one."""
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize < CHUNK // 16
