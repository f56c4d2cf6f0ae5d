"""Read from a btrfs superblock how many devices the file system has, and which of them this is.

Offsets are those of struct btrfs_super_block in the kernel's uapi/linux/btrfs_tree.h.
"""

import os

SUPERBLOCK = 0x10000
SIZE = 0x1000
MAGIC, MAGIC_AT = b"_BHRfS_M", 0x40
DEVICES_AT = 0x88  # num_devices
NUMBER_AT = 0xC9  # dev_item.devid


def facts(node: str) -> dict[str, str]:
    """Return the numbers as properties of the device; none if the device cannot be read."""
    try:
        descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
        try:
            block = os.pread(descriptor, SIZE, SUPERBLOCK)
        finally:
            os.close(descriptor)
    except OSError:
        return {}
    return numbers(block)


def numbers(block: bytes) -> dict[str, str]:
    """Return the same properties from the bytes of a superblock."""
    if len(block) < SIZE or block[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
        return {}
    return {
        "btrfs/num_devices": str(int.from_bytes(block[DEVICES_AT : DEVICES_AT + 8], "little")),
        "btrfs/devid": str(int.from_bytes(block[NUMBER_AT : NUMBER_AT + 8], "little")),
    }
