"""Decompresses one stream of an image in pieces, and finds where it ends.

The kernel reads an image as a sequence of archives, each plain or one compressed stream
(init/initramfs.c). The next archive begins where a stream ends. Each decoder yields one piece at
a time, so that a reader stops a decompression bomb by asking for no more pieces.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from initpy.image.formats import lzo

# Bytes of input and of output in one step.
PIECE = 1 << 18
# A stream's header names the memory to allocate, and the kernel obeys it. This limit is what
# `xz -9e` and `zstd --ultra --long=27` need.
MOST_MEMORY = 1 << 28

# lib/decompress.c. lz4 is the legacy format. lzma has no magic: these are its usual properties.
MAGICS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x1f\x9e", "gzip"),
    (b"BZh", "bzip2"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\xfd7zXZ\x00", "xz"),
    (lzo.MAGIC, "lzo"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
# lib/decompress_unlz4.c: chunks of at most this size, each preceded by its compressed size.
LZ4_CHUNK = 8 << 20
LZ4_MAGIC = 0x184C2102
LZ4_LARGEST = LZ4_CHUNK + LZ4_CHUNK // 255 + 16


class DamagedStreamError(ValueError):
    """A stream cannot be decompressed: the offset in the data, and the reason."""

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(problem)
        self.offset = offset
        self.problem = problem


@dataclass(slots=True)
class Stream:
    """A compressed stream that begins at `start`; `end` is set once `pieces` is exhausted.

    `unfinished`: the kernel's decompressor goes on into what follows, and fails.
    """

    data: memoryview
    start: int
    compression: str
    end: int = -1
    unfinished: bool = False

    def pieces(self) -> Iterator[bytes]:
        """Yield the content, at most some megabytes at a time. Raises DamagedStreamError."""
        yield from _DECODERS[self.compression](self)

    def rest(self) -> memoryview:
        return self.data[self.start :]


def recognise(data: memoryview) -> str | None:
    """Return the compression of data by its magic; None if the kernel does not support it."""
    head = bytes(data[:12])
    return next((name for magic, name in MAGICS if head.startswith(magic)), None)


def xz_check(data: memoryview) -> str:
    """Return the integrity check of a stream of xz; "" for one that the kernel knows.

    The type is in the lower half of the second stream flag (The .xz File Format, 2.1.1.2).
    """
    kind = data[7] & 15 if len(data) > 7 else 0
    return {0: "", 1: "", 4: "CRC64", 10: "SHA-256"}.get(kind, f"a check of type {kind}")


def plain(data: memoryview) -> Iterator[bytes]:
    """Yield uncompressed data in pieces."""
    for start in range(0, len(data), PIECE):
        yield bytes(data[start : start + PIECE])


class _Decompressor(Protocol):
    """The interface that the decoders of lzma and bz2 share."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _standard(
    make: Callable[[], _Decompressor], errors: tuple[type[Exception], ...]
) -> Callable[[Stream], Iterator[bytes]]:
    """Return a function that yields the pieces of a stream through a standard-library decoder."""

    def pieces(stream: Stream) -> Iterator[bytes]:
        decoder = make()
        position = stream.start
        while not decoder.eof:
            fed = b""
            if decoder.needs_input:
                fed = bytes(stream.data[position : position + PIECE])
                if not fed:
                    raise DamagedStreamError(position, _cut(stream))
            position += len(fed)
            try:
                piece = decoder.decompress(fed, PIECE)
            except errors as error:
                raise DamagedStreamError(position - len(fed), str(error)) from None
            if piece:
                yield piece
        stream.end = position - len(decoder.unused_data)

    return pieces


def _gzip(stream: Stream) -> Iterator[bytes]:
    # 31: a window of 32 KiB, with gzip's header and checksum (zlib.h).
    decoder = zlib.decompressobj(31)
    position = stream.start
    waiting = b""
    while not decoder.eof:
        if not waiting:
            waiting = bytes(stream.data[position : position + PIECE])
            position += len(waiting)
            if not waiting:
                raise DamagedStreamError(position, _cut(stream))
        try:
            piece = decoder.decompress(waiting, PIECE)
        except zlib.error as error:
            raise DamagedStreamError(position - len(waiting), str(error)) from None
        waiting = decoder.unconsumed_tail
        if piece:
            yield piece
    stream.end = position - len(decoder.unused_data)


def reading_modules(compression: str) -> tuple[str, ...]:
    """Return the Python modules, outside the standard library, that read such a stream."""
    return {"zstd": ("zstandard",), "lz4": ("lz4",)}.get(compression, ())


def _zstd(stream: Stream) -> Iterator[bytes]:
    import zstandard  # costs time to load, and other formats do not need it

    try:
        stream.end = _zstd_end(stream)
        frame = stream.data[stream.start : stream.end]
        decoder = zstandard.ZstdDecompressor(max_window_size=MOST_MEMORY)
        with decoder.stream_reader(frame, read_across_frames=False) as reader:
            while piece := reader.read(PIECE):
                yield piece
    except zstandard.ZstdError as error:
        raise DamagedStreamError(stream.start, str(error)) from None


def _zstd_end(stream: Stream) -> int:
    """Return the end of a frame: the end of the block marked as last (RFC 8878, 3.1.1)."""
    import zstandard

    head = bytes(stream.data[stream.start : stream.start + 18])
    parameters = zstandard.get_frame_parameters(head)
    position = stream.start + zstandard.frame_header_size(head)
    last = False
    while not last:
        block = stream.data[position : position + 3]
        if len(block) < 3:
            raise DamagedStreamError(min(position, len(stream.data)), _cut(stream))
        header = int.from_bytes(block, "little")
        last = bool(header & 1)
        kind, size = header >> 1 & 3, header >> 3
        # Type 1 repeats a single byte; type 3 is reserved.
        if kind == 3:
            raise DamagedStreamError(position, "a block of an unknown kind")
        position += 3 + (1 if kind == 1 else size)
    position += 4 if parameters.has_checksum else 0
    if position > len(stream.data):
        raise DamagedStreamError(len(stream.data), _cut(stream))
    return position


def _lz4(stream: Stream) -> Iterator[bytes]:
    import lz4.block

    position = stream.start + 4
    while position + 4 <= len(stream.data):
        (size,) = struct.unpack_from("<I", stream.data, position)
        # Another archive would be taken for the size of a chunk (lib/decompress_unlz4.c).
        if not 0 < size <= LZ4_LARGEST:
            stream.unfinished = size not in (0, LZ4_MAGIC)
            break
        chunk = stream.data[position + 4 : position + 4 + size]
        if len(chunk) < size:
            raise DamagedStreamError(position, _cut(stream))
        try:
            yield lz4.block.decompress(chunk, uncompressed_size=LZ4_CHUNK)
        except lz4.block.LZ4BlockError as error:
            raise DamagedStreamError(position, str(error)) from None
        position += 4 + size
    stream.end = position


def _lzo(stream: Stream) -> Iterator[bytes]:
    try:
        stream.end = stream.start + lzo.length(stream.rest())
        yield from lzo.pieces(stream.data[stream.start : stream.end])
    except lzo.DamagedLzoError as error:
        raise DamagedStreamError(stream.start + error.offset, error.problem) from None


def _cut(stream: Stream) -> str:
    return f"the {stream.compression} stream is cut off"


_DECODERS: dict[str, Callable[[Stream], Iterator[bytes]]] = {
    "gzip": _gzip,
    "bzip2": _standard(bz2.BZ2Decompressor, (OSError, ValueError)),
    "lzma": _standard(
        lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=MOST_MEMORY), (lzma.LZMAError,)
    ),
    "xz": _standard(
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY), (lzma.LZMAError,)
    ),
    "lzo": _lzo,
    "lz4": _lz4,
    "zstd": _zstd,
}
