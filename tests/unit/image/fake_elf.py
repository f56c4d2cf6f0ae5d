"""Fake programs: 64-bit ELF files (elf(5)) with notes and without code."""

import json
import struct
from collections.abc import Mapping, Sequence

FDO, DLOPEN = "FDO", 0x407C0C0A
PACKAGING = 0xCAFE1A7E
PT_NOTE = 4
HEADERS = 64 + 56


def note(content: bytes, owner: str = FDO, kind: int = DLOPEN) -> bytes:
    """Return one note; name and content are padded to four bytes."""
    name = owner.encode() + b"\0"
    header = struct.pack("<III", len(name), len(content), kind)
    return header + b"".join(each + b"\0" * (-len(each) % 4) for each in (name, content))


def opens(*entries: Mapping[str, object]) -> bytes:
    """Return a note that declares libraries for dlopen(3)."""
    return note(json.dumps(entries).encode() + b"\0")


def with_notes(notes: Sequence[bytes]) -> bytes:
    """Return a shared object that has only notes."""
    body = b"".join(notes)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack(
        "<IIQQQQQQ", PT_NOTE, 4, HEADERS, HEADERS, HEADERS, len(body), len(body), 4
    )
    return ident + header + segment + body
