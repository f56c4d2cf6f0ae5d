"""Recognise md superblocks of version 0.90 that udev shows on the wrong device.

They lie at the end of a device. If an array stands on another array, the end of its device may be
the end of a disk of the lower array too. udev shows the superblock there, and mdadm would take the
disk in. But the superblock has the number of its own device, which is then an array's. Seldom
imported. Reads only.
"""

import os

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h: the magic, and of version 0.90 the number
# of the disk that this copy is on (this_disk.major).
MAGIC = 0xA92B4EFC
OLDEST_BYTES, THIS_MAJOR = 4096, (992 + 1) * 4
MD_MAJOR = 9  # include/uapi/linux/major.h
# Offsets of version 1. 1.0 is at the end too, so it cannot be beside a 0.90 superblock.
AT_THE_START = {"1.1": 0, "1.2": 4096}


def own_metadata(node: str) -> str:
    """Return the version of this device's own superblock; "" if that is the 0.90 one.

    Raises OSError if the device cannot be read.
    """
    with open(node, "rb", buffering=0) as device:
        size = device.seek(0, os.SEEK_END)
        oldest = os.pread(device.fileno(), OLDEST_BYTES, max(0, (size & ~0xFFFF) - 0x10000))
        if _word(oldest, 0) != MAGIC or _word(oldest, THIS_MAJOR) != MD_MAJOR:
            return ""
        for version, place in AT_THE_START.items():
            block = os.pread(device.fileno(), 8, place)
            if _word(block, 0) == MAGIC and _word(block, 4) == 1:
                return version
    return ""


def _word(block: bytes, at: int) -> int:
    """Return 32 bits, little-endian: arrays of version 0.90 of big-endian machines differ."""
    return int.from_bytes(block[at : at + 4], "little")
