"""Finds the end of an lzop(1) stream, and decompresses it with lzop.

Python has no common library for LZO. The container is simple (lib/decompress_unlzo.c).
"""

import struct
import subprocess
import tempfile
from collections.abc import Iterator

from initpy.image.missing import package_hint
from initpy.image.process import CLEAN_ENVIRONMENT, ToolError

MAGIC = b"\x89LZO\x00\x0d\x0a\x1a\x0a"
PIECE = 1 << 18

# Flags of the header: the checksums of each block, and optional fields.
ADLER_PLAIN, ADLER_PACKED, EXTRA, CRC_PLAIN, CRC_PACKED, FILTER = 1, 2, 0x40, 0x100, 0x200, 0x800
# Headers of this version and later have more fields.
NEWER = 0x0940
LARGEST_BLOCK = 64 << 20


class DamagedLzoError(ValueError):
    """The stream is cut off or damaged at an offset from its start."""

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(problem)
        self.offset = offset
        self.problem = problem


def length(data: memoryview) -> int:
    """Return the length of the stream at the start of the data."""
    try:
        position, flags = _header(data)
        return _blocks(data, position, flags)
    except struct.error:
        raise DamagedLzoError(len(data), "the lzo stream is cut off") from None


def _header(data: memoryview) -> tuple[int, int]:
    """Return the position of the first block, and the flags."""
    position = len(MAGIC)
    (version,) = struct.unpack_from(">H", data, position)
    # Version, library version, version needed, method, level.
    position += 2 + 2 + (2 if version >= NEWER else 0) + 1 + (1 if version >= NEWER else 0)
    (flags,) = struct.unpack_from(">I", data, position)
    position += 4 + (4 if flags & FILTER else 0)
    # Mode, time, and the upper half of the time.
    position += 4 + 4 + (4 if version >= NEWER else 0)
    (name,) = struct.unpack_from(">B", data, position)
    position += 1 + name + 4
    if flags & EXTRA:
        (extra,) = struct.unpack_from(">I", data, position)
        position += 4 + extra + 4
    return position, flags


def _blocks(data: memoryview, position: int, flags: int) -> int:
    """Return the end of the blocks from a position: after an uncompressed size of zero."""
    plain_sums = 4 * bool(flags & ADLER_PLAIN) + 4 * bool(flags & CRC_PLAIN)
    packed_sums = 4 * bool(flags & ADLER_PACKED) + 4 * bool(flags & CRC_PACKED)
    while True:
        (unpacked,) = struct.unpack_from(">I", data, position)
        if unpacked == 0:
            return position + 4
        (packed,) = struct.unpack_from(">I", data, position + 4)
        if unpacked > LARGEST_BLOCK or packed > unpacked:
            raise DamagedLzoError(position, "a block of an impossible size")
        # A block that does not compress is stored, without checksums of its compressed form.
        position += 8 + plain_sums + (packed_sums if packed < unpacked else 0) + packed


def pieces(data: memoryview) -> Iterator[bytes]:
    """Decompress a whole stream with lzop. Raises ToolError if lzop is not installed."""
    command = ("lzop", "-dc")
    with tempfile.TemporaryFile() as packed, tempfile.TemporaryFile() as complaint:
        packed.write(data)
        packed.seek(0)
        try:
            process = subprocess.Popen(
                command,
                stdin=packed,
                stdout=subprocess.PIPE,
                stderr=complaint,
                env=CLEAN_ENVIRONMENT,
            )
        except OSError as error:
            problem = f"could not be started: {error.strerror}"
            raise ToolError(command, problem, "", package_hint("lzop")) from error
        assert process.stdout is not None
        try:
            while piece := process.stdout.read(PIECE):
                yield piece
        except GeneratorExit:
            process.kill()
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode != 0:
            complaint.seek(0)
            raise DamagedLzoError(0, complaint.read(200).decode(errors="replace").strip())
