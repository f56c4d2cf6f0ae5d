"""Tell whether the partition table of an md member was made on the array, or on the disk.

Metadata of versions 0.90 and 1.0 is at the end of a member: the table of a mirror shows on each
disk as well. A GPT has the address of its second copy, which is at the end of the device that the
table was made on: within the array, or behind it.

An MBR does not tell how large its device is. One with a partition that ends behind the array was
made on the disk. Otherwise the superblock of the disk may be left over from before the disk had
partitions; then it is older than those of the members on the partitions. Where the partitions are
within the array, each write to them is one to the array as well, whose superblock tells of it.
Seldom imported. Reads only.
"""

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator

from initpy.core.tuples import NamedTuple

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h.
MAGIC = 0xA92B4EFC
SECTOR = 512  # bytes; sizes of version 1 count such, whatever the disk's own are
# Where the kernel looks for the superblock: calc_dev_sboffset() and super_1_load() in md.c.
OLDEST_ROOM, ROOM, ALIGNED = 64 << 10, 8 << 10, 4 << 10
# Offsets in the superblocks: words of 0.90 (mdp_super_t), bytes of 1 (mdp_superblock_1).
OLDEST_LEVEL, OLDEST_SIZE = 7 * 4, 8 * 4  # KiB of each member
LEVEL, SIZE, DATA_OFFSET = 72, 80, 128
MIRROR = 1
OLDEST_TIME, TIME = 32 * 4, 192  # of the last change, in seconds; of version 1 in 40 bits
STARTS = (0, 4096)  # of the superblocks of versions 1.1 and 1.2
# The header of a GPT, in the second logical block; UEFI specification, 5.3.2.
SIGNATURE, ALTERNATE, BLOCKS = b"EFI PART", 32, (512, 4096)
# The first sector of an MBR, and of each logical partition: four entries, and the mark at the end.
ENTRIES, ENTRY_BYTES, MARK = 446, 16, b"\x55\xaa"
EXTENDED, MOST_LOGICAL = (0x05, 0x0F, 0x85), 60
BLKSSZGET = 0x1268  # include/uapi/linux/fs.h


class Superblock(NamedTuple):
    """What a superblock says: when it was changed, and what its array shows of the member."""

    time: int
    bytes: int = 0  # from the member's beginning; 0: not a mirror with its metadata at the end


def is_of_the_array(node: str) -> bool:
    """True if the partition table on this member of a mirror was made on the mirror.

    Raises OSError if the device cannot be read.
    """
    with open(node, "rb", buffering=0) as device:
        file, size = device.fileno(), device.seek(0, os.SEEK_END)
        own = _at_the_end(file, 0, size)
        if own is None or not own.bytes:
            return False
        if end := _end_of_table(file):
            return end <= own.bytes
        parts = tuple(_primary(file))
        if not parts or max(start + count for start, count in parts) > own.bytes:
            return False
        members = tuple(_members(file, parts))
    return bool(members) and own.time >= max(members)


def _members(file: int, parts: tuple[tuple[int, int], ...]) -> Iterator[int]:
    """Yield when the superblocks of members on the partitions were changed."""
    for start, count in parts:
        if (last := _at_the_end(file, start, count)) is not None:
            yield last.time
        for place in STARTS:
            block = os.pread(file, SECTOR, start + place)
            if _number(block, 0, 4) == MAGIC and _number(block, 4, 4) == 1:
                yield _number(block, TIME, 5)


def _at_the_end(file: int, start: int, size: int) -> Superblock | None:
    """Return what the superblock at the end of a device says; it begins at `start` of the file."""
    place = start + max(0, (size & ~(OLDEST_ROOM - 1)) - OLDEST_ROOM)
    oldest = os.pread(file, SECTOR, place)
    if _number(oldest, 0, 4) == MAGIC:
        mirror = _number(oldest, OLDEST_LEVEL, 4) == MIRROR
        shown = _number(oldest, OLDEST_SIZE, 4) << 10 if mirror else 0
        return Superblock(_number(oldest, OLDEST_TIME, 4), shown)
    # 8 KiB before the end, aligned to 4 KiB.
    block = os.pread(file, SECTOR, start + (max(0, size - ROOM) & ~(ALIGNED - 1)))
    if _number(block, 0, 4) != MAGIC or _number(block, 4, 4) != 1:
        return None
    mirror = _number(block, LEVEL, 4) == MIRROR and _number(block, DATA_OFFSET, 8) == 0
    shown = _number(block, SIZE, 8) * SECTOR if mirror else 0
    return Superblock(_number(block, TIME, 5), shown)


def _primary(file: int) -> Iterator[tuple[int, int]]:
    """Yield where the partitions of an MBR begin and how large they are, logical ones included."""
    for kind, start, count in _entries(file, 0):
        yield start, count
        if kind in EXTENDED:
            yield from _logical(file, start)


def _logical(file: int, first: int) -> Iterator[tuple[int, int]]:
    """Each logical partition has a table: its own place, and that of the next one's table."""
    table = first
    for _ in range(MOST_LOGICAL):
        following = 0
        for kind, start, count in _entries(file, table):
            if kind in EXTENDED:
                following = first + start
            else:
                yield table + start, count
        if not following:
            return
        table = following


def _entries(file: int, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield type, beginning and size of the entries of the table at this place, in bytes."""
    block, unit = os.pread(file, SECTOR, at), _sector(file)
    if block[-2:] != MARK:
        return
    for number in range(4):
        entry = block[ENTRIES + number * ENTRY_BYTES :][:ENTRY_BYTES]
        if entry[4] and (count := _number(entry, 12, 4)):
            yield entry[4], _number(entry, 8, 4) * unit, count * unit


def _sector(file: int) -> int:
    """Return the size of a disk's sectors, in which an MBR counts."""
    answer = bytearray(4)
    with contextlib.suppress(OSError):  # a file has none
        fcntl.ioctl(file, BLKSSZGET, answer)
    return struct.unpack("=i", answer)[0] or SECTOR


def _end_of_table(file: int) -> int:
    """Return where the second copy of the GPT ends, in bytes; 0 if there is no GPT."""
    for block in BLOCKS:
        header = os.pread(file, SECTOR, block)
        if header.startswith(SIGNATURE):
            return (_number(header, ALTERNATE, 8) + 1) * block
    return 0


def _number(block: bytes, at: int, count: int) -> int:
    """Return a number, little-endian: arrays of version 0.90 of big-endian machines differ."""
    return int.from_bytes(block[at : at + count], "little")
