"""md superblocks of version 0.90 that are seen on the wrong device.

They lie at the end of a device. Where an array stands on another one, its superblock may be at the
very end of a disk of that one as well, and udev shows it there, as mdadm would take it. But it
names its own device, by number, and that is then an array's. Seldom imported. Reads only.
"""

import os

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h: the magic, and of version 0.90 the number
# of the disk that this copy is on (this_disk.major).
MAGIC = 0xA92B4EFC
OLDEST_BYTES, THIS_MAJOR = 4096, (992 + 1) * 4
MD_MAJOR = 9  # include/uapi/linux/major.h
# Where those of version 1 are; 1.0, at the end too, cannot be beside one of version 0.90.
AT_THE_START = {"1.1": 0, "1.2": 4096}


def own_metadata(node: str) -> str:
    """The version of the superblock that is meant for this device; "" if that is the 0.90 one.

    Raises OSError where the device cannot be read.
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
    """32 bits. Version 0.90 has the order of its machine: a big-endian one's is left as it is."""
    return int.from_bytes(block[at : at + 4], "little")
