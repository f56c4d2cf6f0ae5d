"""Reads which versions of symbols an ELF file needs of its libraries, and which it defines.

ld.so starts no program whose library lacks a version: `version GLIBC_2.38 not found`. The tables
are those of the Linux Standard Base, Symbol Versioning.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile

WEAK = 2  # VER_FLG_WEAK: a missing version is a warning of ld.so only
BASE = 1  # VER_FLG_BASE: the name of the library itself
MOST = 10_000  # entries of a table; a damaged file may have endless ones
NEEDED, DEFINED = ("DT_VERNEED", "DT_VERNEEDNUM"), ("DT_VERDEF", "DT_VERDEFNUM")


def needed(elf: "ELFFile", segment: "DynamicSegment") -> Mapping[str, tuple[str, ...]]:
    """Return the versions that a file needs, by the name of the library."""
    found: dict[str, tuple[str, ...]] = {}
    for at, (_, _, file, first, _) in _entries(elf, segment, NEEDED, "HHIII"):
        versions = []
        for _, flags, _, name, _ in _chain(elf, at + first, "IHHII"):
            if not flags & WEAK:
                versions.append(_name(elf, segment, name))
        library = _name(elf, segment, file)
        found[library] = (*found.get(library, ()), *versions)
    return found


def defined(elf: "ELFFile", segment: "DynamicSegment") -> frozenset[str]:
    """Return the versions that a library defines; nothing if it has none."""
    found = set()
    for at, (_, flags, _, _, _, first, _) in _entries(elf, segment, DEFINED, "HHHHIII"):
        if not flags & BASE:
            found.add(_name(elf, segment, _at(elf, at + first, "II")[0]))
    return frozenset(found)


def _entries(
    elf: "ELFFile", segment: "DynamicSegment", tags: tuple[str, str], form: str
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield the offset and fields of each entry of a table; the last field leads to the next."""
    table, number = tags
    _, start = segment.get_table_offset(table)
    if start is None:
        return
    offset = int(start)
    count = next((int(tag.entry.d_val) for tag in segment.iter_tags(number)), 0)
    for _ in range(min(count, MOST)):
        fields = _at(elf, offset, form)
        yield offset, fields
        offset += fields[-1]


def _chain(elf: "ELFFile", offset: int, form: str) -> Iterator[tuple[int, ...]]:
    """Yield the fields of entries that lead to each other; 0 ends the chain."""
    for _ in range(MOST):
        fields = _at(elf, offset, form)
        yield fields
        if not fields[-1]:
            return
        offset += fields[-1]


def _at(elf: "ELFFile", offset: int, form: str) -> tuple[int, ...]:
    layout = struct.Struct(f"{'<' if elf.little_endian else '>'}{form}")
    elf.stream.seek(offset)
    data = elf.stream.read(layout.size)
    if len(data) < layout.size:
        raise ValueError("a table of versions that ends early")
    return layout.unpack(data)


def _name(elf: "ELFFile", segment: "DynamicSegment", offset: int) -> str:
    from elftools.common.utils import parse_cstring_from_stream

    _, strings = segment.get_table_offset("DT_STRTAB")
    name = parse_cstring_from_stream(elf.stream, (strings or 0) + offset)
    return (name or b"").decode("utf-8", "replace")
