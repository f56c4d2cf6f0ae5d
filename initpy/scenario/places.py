"""Offsets of superblocks, headers and tables on a disk, for [[damage]]."""

import random

_SECTOR = 512
# Name -> bytes from the start of the disk, or (negative) from its end.
PLACES = {
    "mbr": 0,
    # UEFI specification, 5.3: header in the second sector, then entries; copies at the end.
    "gpt-header": _SECTOR,
    "gpt-entries": 2 * _SECTOR,
    "gpt-backup": -_SECTOR,
    "gpt-backup-entries": -33 * _SECTOR,
    # md(4): version 1.2, 4 KiB from the start.
    "md-superblock": 4096,
    # LUKS2 on-disk format, 2.1: two headers, 16 KiB each by default.
    "luks-header": 0,
    "luks-second-header": 16 << 10,
    # pvcreate(8): label in the second sector, metadata area at 4 KiB.
    "lvm-label": _SECTOR,
    "lvm-metadata": 4096,
}


def pattern_bytes(kind: str, size: int) -> bytes:
    """Return zeros, or reproducible random bytes."""
    return bytes(size) if kind == "zero" else random.Random(size).randbytes(size)
