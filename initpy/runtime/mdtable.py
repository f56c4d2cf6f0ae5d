"""Tell whether the partition table of an md member was made on the array, or on the disk.

Metadata of versions 0.90 and 1.0 is at the end of a member: the table of a mirror shows on each
disk as well. A GPT has the address of its second copy, which is at the end of the device that the
table was made on: within the array, or behind it. Seldom imported. Reads only.
"""

import os

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h.
MAGIC = 0xA92B4EFC
SECTOR = 512  # bytes; sizes of version 1 count such, whatever the disk's own are
# Where the kernel looks for the superblock: calc_dev_sboffset() and super_1_load() in md.c.
OLDEST_ROOM, ROOM, ALIGNED = 64 << 10, 8 << 10, 4 << 10
# Offsets in the superblocks: words of 0.90 (mdp_super_t), bytes of 1 (mdp_superblock_1).
OLDEST_LEVEL, OLDEST_SIZE = 7 * 4, 8 * 4  # KiB of each member
LEVEL, SIZE, DATA_OFFSET = 72, 80, 128
MIRROR = 1
# The header of a GPT, in the second logical block; UEFI specification, 5.3.2.
SIGNATURE, ALTERNATE, BLOCKS = b"EFI PART", 32, (512, 4096)


def is_of_the_array(node: str) -> bool:
    """True if the GPT on this member of a mirror was made on the mirror.

    Raises OSError if the device cannot be read.
    """
    with open(node, "rb", buffering=0) as device:
        size = device.seek(0, os.SEEK_END)
        array = _bytes_of_array(device.fileno(), size)
        end = _end_of_table(device.fileno())
    return bool(end) and end <= array


def _bytes_of_array(file: int, size: int) -> int:
    """Return how many bytes of the member the mirror shows from the beginning; 0 if none."""
    oldest = os.pread(file, SECTOR, max(0, (size & ~(OLDEST_ROOM - 1)) - OLDEST_ROOM))
    if _number(oldest, 0, 4) == MAGIC and _number(oldest, OLDEST_LEVEL, 4) == MIRROR:
        return _number(oldest, OLDEST_SIZE, 4) << 10
    # 8 KiB before the end, aligned to 4 KiB.
    block = os.pread(file, SECTOR, max(0, size - ROOM) & ~(ALIGNED - 1))
    known = _number(block, 0, 4) == MAGIC and _number(block, 4, 4) == 1
    if known and _number(block, LEVEL, 4) == MIRROR and _number(block, DATA_OFFSET, 8) == 0:
        return _number(block, SIZE, 8) * SECTOR
    return 0


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
