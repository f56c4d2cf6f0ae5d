"""Reads the sections of a PE file and appends sections to it, as objcopy(1) does.

A unified kernel image is a PE file (uapi-group.org, UKI). Microsoft's "PE Format" defines the
fields.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

MAGIC = b"MZ"
# The position of the PE header's offset, and the layout of the header.
POINTER = 0x3C
HEADER = struct.Struct("<4sHHIIIHH")
SECTION = struct.Struct("<8sIIIIIIHHI")
# The format allows 65535. Images for many boards have a device tree of each (`.dtbauto`).
MOST_SECTIONS = 4096
PROFILE = ".profile"  # begins the sections of a profile (UKI specification)


class Section(NamedTuple):
    """The place of a section's content in the file; the rest of it in memory is zero."""

    offset: int
    size: int


class DamagedPeError(ValueError):
    """The PE file is malformed: offset, value found, value expected."""

    def __init__(self, offset: int, value: object, expected: str) -> None:
        super().__init__(f"byte {offset}: {value!r}: expected {expected}")
        self.offset = offset
        self.value = value
        self.expected = expected


def is_pe(data: memoryview) -> bool:
    return bytes(data[:2]) == MAGIC


def sections(data: memoryview) -> Mapping[str, Section]:
    """Return name -> place of the content; of several sections with one name, the first.

    Of an image with profiles it is that of the first profile, which starts by default, else that
    of all profiles.

    Raises DamagedPeError for headers or sections outside the file.
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
    profile: dict[str, Section] = {}
    profiles = 0
    for number in range(count):
        at = table + number * SECTION.size
        try:
            raw, in_memory, _, stored, offset, *_ = SECTION.unpack_from(data, at)
        except struct.error:
            raise DamagedPeError(at, "the end of the file", "a section's header") from None
        # The file pads a section; its size in memory is the real one.
        size = min(in_memory, stored) if in_memory else stored
        if offset + size > len(data):
            expected = f"a section within the file's {len(data)} bytes"
            raise DamagedPeError(at, offset + size, expected)
        name = raw.rstrip(b"\0").decode("ascii", errors="replace")
        profiles += name == PROFILE
        if profiles < 2:
            (profile if profiles else found).setdefault(name, Section(offset, size))
    return found | profile


# Offsets in the optional header, the same in PE32 and PE32+.
SECTION_ALIGNMENT, FILE_ALIGNMENT, IMAGE_SIZE, HEADERS_SIZE, CHECKSUM = 32, 36, 56, 60, 64
# The certificate table: magic of the optional header -> offset of the entry.
CERTIFICATES = {0x10B: 96 + 4 * 8, 0x20B: 112 + 4 * 8}
# Initialised data that can be read (IMAGE_SCN_CNT_INITIALIZED_DATA, IMAGE_SCN_MEM_READ).
DATA = 0x4000_0040
PAGE = 4096
# Addresses are 32 bits wide.
LARGEST = 0xFFFF_FFFF


def append(file: bytes, new: Mapping[str, bytes]) -> bytes:
    """Return the file with sections appended, each page-aligned in memory.

    The result has no signatures and no symbols. Raises DamagedPeError if the file is no PE file,
    has no room for more headers, or already has a section of the name.
    """
    data = bytearray(file)
    present = sections(memoryview(file))
    (start,) = struct.unpack_from("<I", data, POINTER)
    count, size = struct.unpack_from("<H", data, start + 6)[0], _word(data, start + 20)
    optional = start + HEADER.size
    kind = _word(data, optional)
    if kind not in CERTIFICATES:
        raise DamagedPeError(optional, kind, "a PE32 or PE32+ header")
    alignment, in_file, _ = struct.unpack_from("<III", data, optional + SECTION_ALIGNMENT)
    table = optional + size
    (headers,) = struct.unpack_from("<I", data, optional + HEADERS_SIZE)
    room = (headers - table) // SECTION.size
    if count + len(new) > room:
        raise DamagedPeError(table, room, f"room for the headers of {count + len(new)} sections")
    old = [SECTION.unpack_from(data, table + number * SECTION.size) for number in range(count)]
    memory = max((each[2] + max(each[1], each[3]) for each in old), default=headers)
    # Cut off symbols and everything else after the sections.
    del data[max((each[4] + each[3] for each in old), default=headers) :]
    struct.pack_into("<II", data, start + 12, 0, 0)
    struct.pack_into("<II", data, optional + CERTIFICATES[kind], 0, 0)
    for number, (name, content) in enumerate(new.items(), start=count):
        if name in present or len(name) > 8:
            raise DamagedPeError(table, name, "a new section, of a name of eight letters at most")
        memory = _aligned(memory, max(alignment, PAGE))
        data += bytes(-len(data) % in_file)
        stored = _aligned(len(content), in_file)
        header = (name.encode(), len(content), memory, stored, len(data), 0, 0, 0, 0, DATA)
        if memory + stored > LARGEST:
            raise DamagedPeError(table, len(content), "sections of 4 GiB at most together")
        SECTION.pack_into(data, table + number * SECTION.size, *header)
        data += content + bytes(stored - len(content))
        memory += len(content)
    struct.pack_into("<H", data, start + 6, count + len(new))
    struct.pack_into("<I", data, optional + IMAGE_SIZE, _aligned(memory, max(alignment, 1)))
    # UEFI firmware ignores the checksum; signing tools compute it again.
    struct.pack_into("<I", data, optional + CHECKSUM, 0)
    return bytes(data)


def _word(data: bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _aligned(number: int, to: int) -> int:
    return number + -number % to
