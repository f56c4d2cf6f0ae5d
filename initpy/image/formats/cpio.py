"""Writes cpio archives for the kernel, reproducibly.

The format is "newc" (Documentation/driver-api/early-userspace/buffer-format.rst): a header of 110
ASCII characters, the name, the data, each padded to four bytes.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from initpy.image.tree import Entry, File, Folder, Link, Node, Tree

MAGIC = "070701"
TRAILER = "TRAILER!!!"
HEADER = 110  # characters before the name
# The kernel keeps sizes in a 32-bit field.
LARGEST = 0xFFFF_FFFF

Write = Callable[[bytes], object]


def write_archive(
    entries: Iterable[tuple[str, Entry]], write: Write, mtime: int = 0, *, alignment: int = 4
) -> None:
    """Write the entries, which must come with parents first; root owns all of them.

    For an `alignment` above four bytes, zero bytes after a file's name align its data.
    """
    at = 0
    for inode, (path, entry) in enumerate(entries, start=1):
        name = path.lstrip("/") or "."
        mode, major, minor = _mode_and_device(entry)
        data = _data(entry)
        if len(data) > LARGEST:
            raise ValueError(f"{path}: larger than a cpio archive can hold (4 GiB)")
        # Each entry has one link: this writer creates no hard links. The kernel searches for
        # other names only if the count is above one.
        fields = (inode, mode, 0, 0, 1, mtime, len(data), 0, 0, major, minor)
        zeros = 0
        if alignment > 4 and isinstance(entry, File):
            zeros = -(at + HEADER + len(os.fsencode(name)) + 1) % alignment
        header = _header(fields, name, zeros)
        write(header)
        write(data)
        write(_padding(len(data)))
        at += len(header) + len(data) + len(_padding(len(data)))
    write(_header((0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0), TRAILER))


def segment(files: Mapping[str, bytes | Entry]) -> bytes:
    """Return a small uncompressed archive (a crypttab, key or job file) to append to an image."""
    tree = Tree()
    for path, content in files.items():
        tree.add(path, File(content) if isinstance(content, bytes) else content)
    parts: list[bytes] = []
    # Omit the root folder: an entry for it would reset its mode.
    write_archive(((path, entry) for path, entry in tree.items() if path != "/"), parts.append)
    return b"".join(parts)


def append(image: Path, segments: Iterable[bytes], output: Path) -> None:
    """Copy an image and append uncompressed archives, aligned for the kernel.

    init/initramfs.c skips zero bytes between archives. It recognises the magic of an uncompressed
    archive only at a multiple of four. Four zero bytes end a stream of lz4, which tells no length.
    """
    with image.open("rb") as source, output.open("wb") as target:
        shutil.copyfileobj(source, target)
        for data in segments:
            target.write(bytes(4))
            _align(target)
            target.write(data)


def _align(target: BinaryIO) -> None:
    target.write(_padding(target.tell()))


def _mode_and_device(entry: Entry) -> tuple[int, int, int]:
    match entry:
        case File(mode=mode):
            return stat.S_IFREG | mode, 0, 0
        case Folder(mode=mode):
            return stat.S_IFDIR | mode, 0, 0
        case Link():
            return stat.S_IFLNK | 0o777, 0, 0
        case Node(mode=mode, major=major, minor=minor):
            return mode, major, minor


def _data(entry: Entry) -> bytes:
    match entry:
        case File():
            return entry.read()
        case Link(target=target):
            return os.fsencode(target)
        case _:
            return b""


def _header(fields: tuple[int, ...], name: str, zeros: int = 0) -> bytes:
    """Return a header: eleven fields up to rdev, the name's length, a zero checksum, the name.

    The name ends in one zero byte and `zeros` more, which its length includes.
    """
    encoded = os.fsencode(name) + b"\0" * (1 + zeros)
    numbers = (*fields, len(encoded), 0)
    header = (MAGIC + "".join(f"{number:08X}" for number in numbers)).encode() + encoded
    return header + _padding(len(header))


def _padding(length: int) -> bytes:
    return b"\0" * (-length % 4)
