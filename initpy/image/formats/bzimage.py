"""Reads the release of a kernel's file: an x86 kernel says it in its header.

Documentation/arch/x86/boot.rst: the header's magic, and the offset of the version string.
"""

import struct
from pathlib import Path

MAGIC_AT, MAGIC = 0x202, b"HdrS"
VERSION_POINTER = 0x20E
VERSION_BASE = 0x200
# The version string is in the setup code, which has at most 64 sectors.
BEGINNING = 64 * 512 + VERSION_BASE


def kernel_version(data: bytes) -> str:
    """Return the release in an x86 kernel's header; "" for other kernels."""
    if data[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC or len(data) < VERSION_POINTER + 2:
        return ""
    (pointer,) = struct.unpack_from("<H", data, VERSION_POINTER)
    text = data[pointer + VERSION_BASE :][:256].partition(b"\0")[0] if pointer else b""
    return text.decode("ascii", "replace").partition(" ")[0]


def release_of(path: Path) -> str | None:
    """Return the release of a kernel's file; "" if it does not say, None if it is unreadable."""
    try:
        with path.open("rb") as file:
            return kernel_version(file.read(BEGINNING))
    except (OSError, ValueError):
        return None
