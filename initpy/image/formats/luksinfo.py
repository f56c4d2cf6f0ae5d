"""Reads the names of ciphers, key derivation, hashes and tokens from a LUKS header.

It reads no salts, digests or keys: the result may be shown to anyone.

LUKS1: "LUKS On-Disk Format Specification 1.2.3", 6.2; LUKS2: "LUKS2 On-Disk Format Specification
1.1.1", 2.1 and 3.
"""

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MAGIC = b"LUKS\xba\xbe"
LUKS1 = struct.Struct(">6sH32s32s32sII")
LUKS2 = struct.Struct(">6sHQ")
# A key slot of LUKS1: active or not, then what is no matter here.
SLOTS1, SLOTS1_AT, ACTIVE = struct.Struct(">I44x"), 208, 0x00AC71F3
TEXT_AT = 4096
LARGEST = 4 << 20  # of a header with its JSON text


def read_luks(path: Path) -> Mapping[str, str] | None:
    """Return `version`, `ciphers`, `derivation`, `hashes`, `tokens`, `slots`, each as words.

    Besides, if it has such: `integrity`, and `memory`, the kB that a key slot needs to open.

    None if the file is unreadable or has no valid LUKS header.
    """
    try:
        with path.open("rb") as file:
            start = file.read(LUKS1.size)
            if len(start) < LUKS1.size or not start.startswith(MAGIC):
                return None
            version = LUKS2.unpack_from(start)[1]
            if version == 1:
                file.seek(SLOTS1_AT)
                return _luks1(start, file.read(SLOTS1.size * 8))
            size = min(LUKS2.unpack_from(start)[2], LARGEST)
            file.seek(TEXT_AT)
            return _luks2(file.read(max(size - TEXT_AT, 0)))
    except OSError:
        return None


def _luks1(header: bytes, slots: bytes) -> Mapping[str, str]:
    fields = (field.rstrip(b"\0").decode("ascii", "replace") for field in _header_fields(header))
    cipher, mode, digest = fields
    return {
        "version": "1",
        "ciphers": f"{cipher}-{mode}",
        "derivation": "pbkdf2",
        "hashes": digest,
        "tokens": "",
        "slots": " ".join(str(each) for each in _active(slots)),
    }


def _active(slots: bytes) -> Iterator[int]:
    """Yield the numbers of the key slots of LUKS1 that hold a key."""
    whole = len(slots) - len(slots) % SLOTS1.size
    for number, (state,) in enumerate(SLOTS1.iter_unpack(slots[:whole])):
        if state == ACTIVE:
            yield number


def _header_fields(header: bytes) -> tuple[bytes, bytes, bytes]:
    """Return cipher, mode and hash of a LUKS1 header."""
    _, _, cipher, mode, digest, _, _ = LUKS1.unpack(header)
    return cipher, mode, digest


def _luks2(text: bytes) -> Mapping[str, str] | None:
    try:
        content = json.loads(text.partition(b"\0")[0])
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    segments, slots = _tables(content, "segments"), _tables(content, "keyslots")
    areas = [slot["area"] for slot in slots if isinstance(slot.get("area"), dict)]
    derivations = [slot["kdf"] for slot in slots if isinstance(slot.get("kdf"), dict)]
    stripes = [slot["af"] for slot in slots if isinstance(slot.get("af"), dict)]
    integrity = [each["integrity"] for each in segments if isinstance(each.get("integrity"), dict)]
    return {
        "version": "2",
        "ciphers": _words((*segments, *areas), "encryption"),
        "derivation": _words(derivations, "type"),
        "hashes": _words((*derivations, *stripes), "hash"),
        "tokens": _words(_tables(content, "tokens"), "type"),
        "slots": " ".join(_names(content, "keyslots")),
        **({"integrity": _words(integrity, "type")} if integrity else {}),
        **({"memory": str(most)} if (most := _most(derivations, "memory")) else {}),
    }


def _tables(content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    table = content.get(name)
    values = table.values() if isinstance(table, dict) else ()
    return [each for each in values if isinstance(each, dict)]


def _names(content: dict[str, Any], name: str) -> list[str]:
    table = content.get(name)
    return sorted(map(str, table)) if isinstance(table, dict) else []


def _most(tables: Iterable[dict[str, Any]], key: str) -> int:
    """Return the largest number; 0 if there is none."""
    found = (table.get(key) for table in tables)
    return max((each for each in found if isinstance(each, int)), default=0)


def _words(tables: Any, key: str) -> str:
    return " ".join(dict.fromkeys(_texts(tables, key)))


def _texts(tables: Any, key: str) -> Iterator[str]:
    for table in tables:
        value = table.get(key)
        if isinstance(value, str) and value:
            yield value
