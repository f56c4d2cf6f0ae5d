"""Extracts the uncompressed kernel from a bzImage; QEMU starts it directly.

Under emulation the kernel's decompression takes a quarter of a boot.
Sources: Documentation/arch/x86/boot.rst (header), pvh.rst (entry).
"""

import struct
from pathlib import Path

from initpy.image.formats.decompress import Stream, recognise
from initpy.lab.cache import cache_folder, digest, locked

_SETUP_SECTORS, _PAYLOAD = 0x1F1, 0x248
_MAGIC_AT, _MAGIC = 0x202, b"HdrS"
_SECTOR = 512
_ELF = b"\x7fELF"
# The ELF note with the PVH entry point: name Xen, type 18.
_ENTRY_NOTE = struct.pack("<III4s", 4, 8, 18, b"Xen\0"), struct.pack("<III4s", 4, 4, 18, b"Xen\0")


def uncompressed(kernel: Path) -> Path:
    """Return a kernel that QEMU starts directly; the given one if it has no PVH entry."""
    packed = kernel.read_bytes()
    key = digest([packed])
    with locked("vmlinux"):
        found = cache_folder("vmlinux") / key
        if not found.exists():
            content = _unpack(packed)
            startable = content.startswith(_ELF) and any(note in content for note in _ENTRY_NOTE)
            writing = found.with_suffix(".new")
            writing.write_bytes(content if startable else b"")
            writing.rename(found)
    return found if found.stat().st_size else kernel


def _unpack(image: bytes) -> bytes:
    """Return the decompressed payload of a bzImage; b"" for other files."""
    if image[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] != _MAGIC:
        return b""
    sectors = image[_SETUP_SECTORS] or 4
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    start = (sectors + 1) * _SECTOR + offset
    payload = memoryview(image)[start : start + length]
    compression = recognise(payload)
    return b"".join(Stream(payload, 0, compression).pieces()) if compression else b""
