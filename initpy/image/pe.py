"""The sections of a PE file, which is what a unified kernel image is (uapi-group.org, UKI)."""

import struct
from collections.abc import Mapping
from typing import NamedTuple

MAGIC = b"MZ"
# Microsoft's PE format: where the header's offset stands, and the header's size.
POINTER = 0x3C
HEADER = struct.Struct("<4sHHIIIHH")
SECTION = struct.Struct("<8sIIIIIIHHI")
# The format allows 65535; a boot image has a dozen.
MOST_SECTIONS = 96


class Section(NamedTuple):
    """A section's content in the file; what memory has beyond it is zero."""

    offset: int
    size: int


class DamagedPeError(ValueError):
    """No well-formed PE file: what is wrong, at which offset."""

    def __init__(self, offset: int, value: object, expected: str) -> None:
        super().__init__(f"byte {offset}: {value!r}: expected {expected}")
        self.offset = offset
        self.value = value
        self.expected = expected


def is_pe(data: memoryview) -> bool:
    return bytes(data[:2]) == MAGIC


def sections(data: memoryview) -> Mapping[str, Section]:
    """Name -> place of the content; the first of several with one name counts.

    Raises DamagedPeError for headers or sections that lie outside the file.
    """
    try:
        (start,) = struct.unpack_from("<I", data, POINTER)
        fields = HEADER.unpack_from(data, start)
    except struct.error:
        raise DamagedPeError(POINTER, len(data), "a file that holds the PE header") from None
    if fields[0] != b"PE\0\0":
        raise DamagedPeError(start, fields[0], "the letters PE and two zero bytes")
    count, optional = fields[2], fields[6]
    if count > MOST_SECTIONS:
        raise DamagedPeError(start, count, f"at most {MOST_SECTIONS} sections")
    table = start + HEADER.size + optional
    found: dict[str, Section] = {}
    for number in range(count):
        at = table + number * SECTION.size
        try:
            raw, in_memory, _, stored, offset, *_ = SECTION.unpack_from(data, at)
        except struct.error:
            raise DamagedPeError(at, "the end of the file", "a section's header") from None
        # In the file a section is padded; in memory it has its own size.
        size = min(in_memory, stored) if in_memory else stored
        if offset + size > len(data):
            expected = f"a section within the file's {len(data)} bytes"
            raise DamagedPeError(at, offset + size, expected)
        name = raw.rstrip(b"\0").decode("ascii", errors="replace")
        found.setdefault(name, Section(offset, size))
    return found
