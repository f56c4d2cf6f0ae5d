"""Write the finished image: whole or not at all, the same bytes each time."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from initpy.config.errors import InputError
from initpy.image.compress import open_sink
from initpy.image.cpio import write_archive
from initpy.image.tree import File, Tree

# Many small writes to a pipe cost more than the copying.
CHUNK = 1 << 20


def write_image(tree: Tree, output: Path, compression: str, level: int | None, mtime: int) -> int:
    """Write the tree to `output`, replacing an older image in one step; returns the size."""
    mode = 0o600 if holds_secrets(tree) else 0o644
    with replacing(output, mode) as file:
        sink = open_sink(file, compression, level)
        waiting = bytearray()

        def gather(data: bytes) -> None:
            waiting.extend(data)
            if len(waiting) >= CHUNK:
                sink.write(bytes(waiting))
                waiting.clear()

        try:
            write_archive(tree.items(), gather, mtime)
            sink.write(bytes(waiting))
        except BaseException:
            sink.abandon()
            raise
        sink.finish()
    return output.stat().st_size


def holds_secrets(tree: Tree) -> bool:
    """Whether any file in the tree is one that not everyone may read: a key, most likely."""
    return any(isinstance(entry, File) and not entry.mode & 0o004 for _, entry in tree.items())


@contextmanager
def replacing(output: Path, mode: int) -> Iterator[BinaryIO]:
    """A file that takes the place of `output` when the block ends well, and is gone if not."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    except OSError as error:
        expected = "a path in an existing folder that can be written to"
        raise InputError("output", str(output), f"{expected} ({error.strerror})") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            # What a compressor wrote through the same descriptor is synced as well.
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.replace(output)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The rename itself lasts only once the folder is on the disk (fsync(2)).
    folder = os.open(output.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
