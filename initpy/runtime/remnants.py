"""Looks for superblocks that are damaged, so that udev takes the device for an empty one.

Imported when the failure screen or `initpy status` is shown, not before. Reads only.
"""

import os
from collections.abc import Iterable

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h: magic, and the array's name in version 1.
MD_MAGIC = 0xA92B4EFC.to_bytes(4, "little")
MD_NAME = slice(32, 64)
LUKS = (b"LUKS\xba\xbe", b"SKUL\xba\xbe")  # LUKS2 on-disk format, 2.1: first and second header
LUKS_AT = (0, 16 << 10)
LVM = b"LABELONE"  # in one of the first four sectors, see pvcreate(8)
SECTOR = 512


def look(nodes: Iterable[str]) -> dict[str, str]:
    """Device node -> what is left there."""
    found = {}
    for node in nodes:
        try:
            with open(node, "rb", buffering=0) as device:
                size = device.seek(0, os.SEEK_END)
                if remnant := _remnant(device.fileno(), size):
                    found[node] = remnant
        except OSError:
            continue  # gone, or it cannot be read: the kernel says so
    return found


def _remnant(device: int, size: int) -> str:
    # Version 1.1, 1.2, 1.0 and 0.90.
    for place in (0, 4096, (size // SECTOR - 16 & ~7) * SECTOR, (size & ~0xFFFF) - 0x10000):
        block = os.pread(device, MD_NAME.stop, place) if place >= 0 else b""
        if block.startswith(MD_MAGIC):
            name = block[MD_NAME].split(b"\0")[0].decode("ascii", "replace")
            known = name.isprintable() and name and place != (size & ~0xFFFF) - 0x10000
            of = f" of the array {name}" if known else ""
            return f"a damaged md superblock{of}; nothing is written to it"
    if any(os.pread(device, 6, place) in LUKS for place in LUKS_AT):
        return "a damaged LUKS header; nothing is written to it"
    if any(os.pread(device, 8, sector * SECTOR) == LVM for sector in range(4)):
        return "a damaged LVM label; nothing is written to it"
    return ""
