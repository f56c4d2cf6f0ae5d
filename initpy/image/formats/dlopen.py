"""Finds the libraries that a program opens with dlopen(3), which no DT_NEEDED entry names.

There are two sources. A program may carry FDO notes (ELF dlopen metadata,
https://uapi-group.org/specifications/specs/elf_dlopen_metadata), as systemd does since 257 and
kmod since 34. And some library functions always open another library: the file's imported symbols
show that it may call them. The second source also covers files without notes.
"""

import json
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

# For types only: the commands' `--help` works without pyelftools.
if TYPE_CHECKING:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile
    from elftools.elf.segments import NoteSegment

OWNER, TYPE = "FDO", 0x407C0C0A
# The specification means `suggested` for full installations; an initramfs is none.
SUGGESTED = "suggested"


class Priority(Enum):
    """How much the file that opens a library depends on it."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"


@dataclass(frozen=True, slots=True)
class Opened:
    """A library that a file opens by name: the first of `names` that exists.

    A name is the argument of dlopen(3): a soname, or a path below one of the linker's folders.
    """

    names: tuple[str, ...]
    feature: str  # the note's `feature`; "" for a symbol
    priority: Priority
    reason: str


# A thread that ends through these functions makes glibc unwind its stack with libgcc_s; without
# the library glibc aborts. Importing them does not mean calling them: Python never does.
# (backtrace(3) only returns an empty result without the library.)
_UNWINDING = Opened(
    ("libgcc_s.so.1",),
    "",
    Priority.RECOMMENDED,
    "where one of its threads ends by pthread_exit, glibc aborts",
)
# The program chooses the provider; OpenSSL installs no other in the system's folder.
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


def noted(segment: "NoteSegment") -> Iterator[Opened]:
    """Yield the libraries that the notes of a segment require or recommend."""
    for note in segment.iter_notes():
        kind: object = note["n_type"]  # a number, as pyelftools has no name for it
        if kind == TYPE and note["n_name"] == OWNER:
            yield from _entries(bytes(note["n_descdata"]))


def _entries(data: bytes) -> Iterator[Opened]:
    """Yield the entries of one note; skip malformed ones, as ld.so does not read notes."""
    try:
        content = json.loads(data.rstrip(b"\0"))
    except (ValueError, RecursionError):
        return
    for entry in content if isinstance(content, list) else [content]:
        if not isinstance(entry, dict):
            continue
        # Before systemd 257 `soname` was a single string.
        names = entry.get("soname")
        names = [names] if isinstance(names, str) else names
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            continue
        feature, reason = str(entry.get("feature", "")), str(entry.get("description", ""))
        if names and entry.get("priority") != SUGGESTED:
            required = entry.get("priority") == Priority.REQUIRED.value
            priority = Priority.REQUIRED if required else Priority.RECOMMENDED
            yield Opened(tuple(names), feature, priority, reason)


def called(elf: "ELFFile", dynamic: "DynamicSegment") -> Iterable[Opened]:
    """Return the libraries that the functions imported by a file open."""
    return dict.fromkeys(SYMBOLS[name] for name in _imports(elf, dynamic) if name in SYMBOLS)


def _imports(elf: "ELFFile", dynamic: "DynamicSegment") -> Iterator[str]:
    """Yield the names of imported symbols, which precede all hashed ones in the symbol table."""
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


def _read(elf: "ELFFile", offset: int, size: int) -> bytes:
    if offset + size > elf.stream_len:
        raise ValueError(f"it ends at {elf.stream_len}, before the end of its symbols")
    elf.stream.seek(offset)
    data: bytes = elf.stream.read(size)
    return data
