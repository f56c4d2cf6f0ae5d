"""Where the formats on a disk keep what makes them, for damage that is done on purpose."""

import random

_SECTOR = 512
# Where the formats keep what makes them: bytes from the start of the disk or, negative, its end.
PLACES = {
    "mbr": 0,
    # UEFI specification, 5.3: header in the second sector, entries behind it, copies at the end.
    "gpt-header": _SECTOR,
    "gpt-entries": 2 * _SECTOR,
    "gpt-backup": -_SECTOR,
    "gpt-backup-entries": -33 * _SECTOR,
    # md(4): version 1.2, 4 KiB from the start.
    "md-superblock": 4096,
    # LUKS2 on-disk format, 2.1: two headers of 16 KiB unless other sizes were asked for.
    "luks-header": 0,
    "luks-second-header": 16 << 10,
    # pvcreate(8): label in the second sector, the metadata area from 4 KiB on.
    "lvm-label": _SECTOR,
    "lvm-metadata": 4096,
}


def pattern_bytes(kind: str, size: int) -> bytes:
    """So many zeros, or so many bytes of noise, the same each time."""
    return bytes(size) if kind == "zero" else random.Random(size).randbytes(size)
