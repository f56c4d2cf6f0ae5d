"""Look for damaged superblocks, which make udev take the device for an empty one.

Imported only when the failure screen or `initpy status` is shown. Reads only.
"""

import errno
import os

from initpy.runtime.superblocks import suspended

SUSPENDED = "it is suspended: `dmsetup resume` ends that"

# md.4, "MD SUPER BLOCK"; include/uapi/linux/raid/md_p.h: magic, and the array's name in version 1.
MD_MAGIC = 0xA92B4EFC.to_bytes(4, "little")
MD_NAME = slice(32, 64)
LUKS = (b"LUKS\xba\xbe", b"SKUL\xba\xbe")  # LUKS2 on-disk format, 2.1: first and second header
LUKS_AT = (0, 16 << 10)
LVM = b"LABELONE"  # in one of the first four sectors, see pvcreate(8)
SECTOR = 512


def look(node: str) -> str:
    """Say which damaged superblock the device has; return "" if it has none.

    Raises OSError if the device cannot be read. May hang, so a child process calls it.
    """
    if suspended(node.removeprefix("/dev/")):
        raise OSError(errno.EAGAIN, SUSPENDED)
    with open(node, "rb", buffering=0) as device:
        size = device.seek(0, os.SEEK_END)
        return _remnant(device.fileno(), size)


def _remnant(device: int, size: int) -> str:
    oldest = (size & ~0xFFFF) - 0x10000  # of version 0.90; before it 1.1, 1.2 and 1.0
    for place in (0, 4096, (size // SECTOR - 16 & ~7) * SECTOR, oldest):
        block = os.pread(device, 4096, place) if place >= 0 else b""
        if not block.startswith(MD_MAGIC):
            continue
        if _is_whole(block, place == oldest):
            return ""  # other signatures are inside the array
        name = block[MD_NAME].split(b"\0")[0].decode("ascii", "replace")
        of = f" of the array {name}" if place != oldest and name.isprintable() and name else ""
        return f"a damaged md superblock{of}; nothing is written to it"
    if any(os.pread(device, 6, place) in LUKS for place in LUKS_AT):
        return "a damaged LUKS header; nothing is written to it"
    if any(os.pread(device, 8, sector * SECTOR) == LVM for sector in range(4)):
        return "a damaged LVM label; nothing is written to it"
    return ""


def _is_whole(block: bytes, oldest: bool) -> bool:
    """True if the checksum fits; see calc_sb_csum and calc_sb_1_csum in the kernel's md.c."""
    at = 152 if oldest else 216
    size = 4096 if oldest else 256 + 2 * int.from_bytes(block[220:224], "little")
    size = min(size, len(block))  # the number of devices may be damaged
    summed = block[:at] + bytes(4) + block[at + 4 : size]
    total = sum(int.from_bytes(summed[each : each + 4], "little") for each in range(0, size, 4))
    folded = (total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF
    return folded == int.from_bytes(block[at : at + 4], "little")
