"""Reads the members of cpio archives as init/initramfs.c does, but rejects malformed ones.

The kernel continues after many errors. A reader that checks an image must not: every malformed
archive raises an error. It trusts neither sizes nor names, and reads no more than the limits allow.
"""

import binascii
import os
import stat
import struct
from collections.abc import Iterator
from typing import NamedTuple

from initpy.image.formats.cpio import TRAILER
from initpy.image.tree import Entry, File, Folder, Link, Node

# "newc", and "crc": newc with a checksum of the data.
NEWC, CRC = b"070701", b"070702"
OTHER = {
    b"070707": "the old ASCII format",
    b"\xc7\x71": "the old binary format",
    b"\x71\xc7": "the old binary format",
}
HEADER = 110
FIELDS = struct.Struct(">13I")
# include/uapi/linux/limits.h; includes the final zero byte.
PATH_MAX = 4096


class Limits(NamedTuple):
    """Upper limits for an image's content, against decompression bombs."""

    entries: int = 1_000_000
    file: int = 1 << 30  # bytes of one file
    total: int = 2 << 30  # bytes of all archives, unpacked
    image: int = 2 << 30  # bytes of the image itself


DEFAULT_LIMITS = Limits()


class Member(NamedTuple):
    """One entry of an archive; later entries may replace it."""

    name: str  # without leading slashes; "." for the root folder
    entry: Entry
    uid: int
    gid: int
    mtime: int
    inode: tuple[int, int, int]  # device's major and minor number, inode
    links: int

    @property
    def size(self) -> int:
        return self.entry.size() if isinstance(self.entry, File) else 0


class DamagedArchiveError(ValueError):
    """The archive is malformed: offset in the uncompressed data, value found, value expected."""

    def __init__(self, offset: int, value: object, expected: str) -> None:
        super().__init__(f"byte {offset}: {value!r}: expected {expected}")
        self.offset = offset
        self.value = value
        self.expected = expected


class Reader:
    """Reads from pieces of any size, counts the bytes and enforces a limit."""

    def __init__(self, pieces: Iterator[bytes], limit: int) -> None:
        self._pieces = pieces
        self._limit = limit
        self._buffer = b""
        self._position = 0
        self.offset = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes, fewer at the end. Raises DamagedArchiveError above the limit."""
        if self.offset + length > self._limit:
            expected = f"at most {self._limit} bytes in all"
            raise DamagedArchiveError(self.offset, self.offset + length, expected)
        end = self._position + length
        if end > len(self._buffer):
            parts = [self._buffer[self._position :]]
            have = len(parts[0])
            while have < length and (piece := next(self._pieces, b"")):
                parts.append(piece)
                have += len(piece)
            self._buffer = b"".join(parts)
            self._position, end = 0, length
        taken = self._buffer[self._position : end]
        self._position += len(taken)
        self.offset += len(taken)
        return taken

    def drain(self) -> None:
        """Read up to the end, within the limit."""
        while self.take(1 << 16):
            pass

    def skip_zeros(self) -> bytes:
        """Skip zero bytes, four at a time; return the next four bytes (or fewer at the end)."""
        while (word := self.take(4)) and not word.strip(b"\0"):
            pass
        return word


def read_members(reader: Reader, limits: Limits, first: bytes = b"") -> Iterator[Member]:
    """Yield the members of one archive up to its trailer.

    `first` are bytes of the archive that the caller has already taken from the reader.
    Padding is to a multiple of four from the start of the data.
    """
    count = 0
    while True:
        at = reader.offset - len(first)
        header = first + reader.take(HEADER - len(first))
        first = b""
        fields = _fields(header, at)
        inode, mode, uid, gid, links, mtime, size = fields[:7]
        name = _name(reader, fields[11], at)
        if name == TRAILER:
            return
        count += 1
        if count > limits.entries:
            raise DamagedArchiveError(at, name, f"at most {limits.entries} entries")
        if size > limits.file:
            raise DamagedArchiveError(at, size, f"at most {limits.file} bytes in {name}")
        _skip_padding(reader, at)
        data = _data(reader, size, name)
        # The kernel sums up files only, and GNU cpio has no sums for links.
        summed = header.startswith(CRC) and stat.S_ISREG(mode)
        if summed and sum(data) & 0xFFFF_FFFF != fields[12]:
            raise DamagedArchiveError(at, fields[12], f"the sum of the bytes of {name}")
        entry = _entry(mode, data, fields[9:11], name, at)
        yield Member(_clean(name, at), entry, uid, gid, mtime, (fields[7], fields[8], inode), links)


def _fields(header: bytes, at: int) -> tuple[int, ...]:
    for magic, what in OTHER.items():
        if header.startswith(magic):
            raise DamagedArchiveError(at, what, "a cpio archive in the newc format")
    if not header:
        raise DamagedArchiveError(at, "the end of the data", f"an entry, {TRAILER} being the last")
    if header[:6] not in (NEWC, CRC)[: 2 if len(header) >= 6 else 0]:
        expected = "the header of a cpio archive in the newc format (070701)"
        raise DamagedArchiveError(at, header[:6], expected)
    if len(header) < HEADER:
        raise DamagedArchiveError(at, "the end of the data", f"a header of {HEADER} bytes")
    try:
        return FIELDS.unpack(binascii.unhexlify(header[6:]))
    except binascii.Error:
        raise DamagedArchiveError(at, header[6:], "hexadecimal digits") from None


def _name(reader: Reader, length: int, at: int) -> str:
    if not 1 < length <= PATH_MAX:
        raise DamagedArchiveError(at, length, f"a name's length from 2 to {PATH_MAX}")
    raw = reader.take(length)
    if len(raw) < length:
        raise DamagedArchiveError(at, "the end of the data", f"a name of {length} bytes")
    # The kernel reads a name up to its first zero byte, and rejects a name without one.
    name, zero, _ = raw.partition(b"\0")
    if not zero or not name:
        raise DamagedArchiveError(at, raw[:40], "a name that ends in a zero byte")
    return os.fsdecode(name)


def _clean(name: str, at: int) -> str:
    """Return the name without empty and "." parts. Raises DamagedArchiveError for ".."."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise DamagedArchiveError(at, name, "a name without ..")
    return "/".join(parts) or "."


def _skip_padding(reader: Reader, at: int) -> None:
    padding = reader.take(-reader.offset % 4)
    if padding.strip(b"\0"):
        raise DamagedArchiveError(at, padding, "zero bytes up to a multiple of four")


def _data(reader: Reader, size: int, name: str) -> bytes:
    at = reader.offset
    data = reader.take(size)
    if len(data) < size:
        expected = f"{size} bytes of {name}; the archive has {len(data)}"
        raise DamagedArchiveError(at, "the end of the data", expected)
    _skip_padding(reader, at)
    return data


def _entry(mode: int, data: bytes, device: tuple[int, ...], name: str, at: int) -> Entry:
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return File(data, stat.S_IMODE(mode))
        case stat.S_IFDIR:
            return Folder(stat.S_IMODE(mode))
        case stat.S_IFLNK if data and len(data) < PATH_MAX and b"\0" not in data.rstrip(b"\0"):
            return Link(os.fsdecode(data.rstrip(b"\0")))
        case stat.S_IFLNK:
            raise DamagedArchiveError(at, data[:40], f"the target of the link {name}")
        case stat.S_IFCHR | stat.S_IFBLK | stat.S_IFIFO | stat.S_IFSOCK:
            return Node(mode, device[0], device[1])
        case _:
            raise DamagedArchiveError(at, oct(mode), f"the type of {name} among its mode's bits")
