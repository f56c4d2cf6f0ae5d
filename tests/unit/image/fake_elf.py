"""Programs made up for a test: 64-bit ELF files (elf(5)) with notes, and nothing that would run."""

import json
import struct
from collections.abc import Mapping, Sequence

FDO, DLOPEN = "FDO", 0x407C0C0A
PACKAGING = 0xCAFE1A7E
PT_NOTE = 4
HEADERS = 64 + 56


def note(content: bytes, owner: str = FDO, kind: int = DLOPEN) -> bytes:
    """One note; name and content are padded to four bytes."""
    name = owner.encode() + b"\0"
    header = struct.pack("<III", len(name), len(content), kind)
    return header + b"".join(each + b"\0" * (-len(each) % 4) for each in (name, content))


def opens(*entries: Mapping[str, object]) -> bytes:
    """A note that libraries are opened by name."""
    return note(json.dumps(entries).encode() + b"\0")


def with_notes(notes: Sequence[bytes]) -> bytes:
    """A shared object of which the loader reads only notes."""
    body = b"".join(notes)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack(
        "<IIQQQQQQ", PT_NOTE, 4, HEADERS, HEADERS, HEADERS, len(body), len(body), 4
    )
    return ident + header + segment + body
