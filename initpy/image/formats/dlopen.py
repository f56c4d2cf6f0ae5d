"""Libraries that a program opens by name at run time: of these no DT_NEEDED tells.

Two sources tell of them. A program may say so itself in notes of type FDO (ELF dlopen metadata,
https://uapi-group.org/specifications/specs/elf_dlopen_metadata): systemd does since 257, kmod
since 34. And some functions open a library whoever calls them, which shows in the symbols that a
file imports; this holds for files without notes too, and names no program.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import NoteSegment

OWNER, TYPE = "FDO", 0x407C0C0A
# `suggested` is for full installations, which an initramfs is not.
SUGGESTED = "suggested"


class Priority(Enum):
    """What the library is to the file that opens it."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"


@dataclass(frozen=True, slots=True)
class Opened:
    """A library that is opened by name: the first of `names` that is there.

    A name is what dlopen(3) gets: a soname, or a path below one of the linker's folders.
    """

    names: tuple[str, ...]
    feature: str  # the note's word; "" from a symbol
    priority: Priority
    reason: str


# glibc unwinds the stack of a thread that ends in these with libgcc_s, and aborts without it.
# Whoever imports them need not come to it: Python does not. (backtrace(3) merely returns nothing.)
_UNWINDING = Opened(
    ("libgcc_s.so.1",),
    "",
    Priority.RECOMMENDED,
    "where one of its threads ends by pthread_exit, glibc aborts",
)
# The program says which provider; in the system's folder OpenSSL has no other than this one.
_PROVIDER = Opened(
    ("ossl-modules/legacy.so",),
    "",
    Priority.RECOMMENDED,
    "OpenSSL's provider of old hashes, such as ripemd160",
)
SYMBOLS = {
    "pthread_exit": _UNWINDING,
    "pthread_cancel": _UNWINDING,
    "thrd_exit": _UNWINDING,
    "OSSL_PROVIDER_load": _PROVIDER,
    "OSSL_PROVIDER_try_load": _PROVIDER,
}


def noted(segment: NoteSegment) -> Iterator[Opened]:
    """What the notes of a segment tell, but for what is merely suggested."""
    for note in segment.iter_notes():
        kind: object = note["n_type"]  # a number, where pyelftools has no name for it
        if kind == TYPE and note["n_name"] == OWNER:
            yield from _entries(bytes(note["n_descdata"]))


def _entries(data: bytes) -> Iterator[Opened]:
    """The entries of one note. What is no entry is passed over: the file can be loaded."""
    try:
        content = json.loads(data.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for entry in content if isinstance(content, list) else [content]:
        if not isinstance(entry, dict):
            continue
        # Before systemd 257 the format had a single name.
        names = entry.get("soname")
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            continue
        feature, reason = str(entry.get("feature", "")), str(entry.get("description", ""))
        if names and entry.get("priority") != SUGGESTED:
            required = entry.get("priority") == Priority.REQUIRED.value
            priority = Priority.REQUIRED if required else Priority.RECOMMENDED
            yield Opened(tuple(names), feature, priority, reason)


def called(elf: ELFFile, dynamic: DynamicSegment) -> Iterable[Opened]:
    """What the functions open that a file imports."""
    return dict.fromkeys(SYMBOLS[name] for name in _imports(elf, dynamic) if name in SYMBOLS)


def _imports(elf: ELFFile, dynamic: DynamicSegment) -> Iterator[str]:
    """The names of symbols from elsewhere: in the table they come before all that are hashed."""
    _, hashed = dynamic.get_table_offset("DT_GNU_HASH")
    _, symbols = dynamic.get_table_offset("DT_SYMTAB")
    _, strings = dynamic.get_table_offset("DT_STRTAB")
    size = next((tag.entry.d_val for tag in dynamic.iter_tags("DT_STRSZ")), 0)
    if hashed is None or symbols is None or strings is None:
        return
    order = "<" if elf.little_endian else ">"
    # st_name is the first word of an entry, in both word sizes (elf(5)).
    entry = struct.Struct(f"{order}I{12 if elf.elfclass == 32 else 20}x")
    (first,) = struct.unpack(f"{order}4xI", _read(elf, hashed, 8))
    names = _read(elf, strings, size)
    for (start,) in entry.iter_unpack(_read(elf, symbols, first * entry.size)):
        yield names[start : names.index(b"\0", start)].decode("utf-8", "replace")


def _read(elf: ELFFile, offset: int, size: int) -> bytes:
    if offset + size > elf.stream_len:
        raise ValueError(f"it ends at {elf.stream_len}, before the end of its symbols")
    elf.stream.seek(offset)
    data: bytes = elf.stream.read(size)
    return data
