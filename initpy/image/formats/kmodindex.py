"""Reads depmod's binary indexes, such as modules.alias.bin.

An index is a trie of patterns; libkmod-index.c of kmod defines the format.
"""

import fnmatch
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from initpy.config.errors import InputError

MAGIC, VERSION = 0xB007F457, 0x00020001
HEADER = struct.Struct(">III")
NUMBER = struct.Struct(">I")
PREFIX, VALUES, CHILDREN, PLACE = 0x80000000, 0x40000000, 0x20000000, 0x0FFFFFFF
WILD = re.compile(r"[*?\[]")
BRACKETS = re.compile(r"(\[[^\]]*\])|[^\[]+|\[")
DEEPEST = 4096  # characters in one key; a longer key means a circle


@dataclass(frozen=True, slots=True)
class _Node:
    prefix: str
    children: tuple[tuple[str, int], ...]
    values: tuple[str, ...]


def normal(key: str) -> str:
    """Return a key in an index's form: dashes outside brackets become underscores (kmod)."""
    if "[" not in key:
        return key.replace("-", "_")
    return BRACKETS.sub(lambda found: found[0].replace("-", "_") if found[1] is None else found[0],
                        key)  # fmt: skip


class Index:
    """An index. Keys may be patterns with `*`, `?` and `[…]`; a key may have several values."""

    def __init__(self, data: bytes, where: str) -> None:
        """Read the header. Raises InputError; `where` names the index in messages."""
        self._data = data
        self._where = where
        if len(data) < HEADER.size:
            raise InputError(where, f"{len(data)} bytes", "an index that depmod wrote")
        magic, version, self._root = HEADER.unpack_from(data)
        if magic != MAGIC or version >> 16 != VERSION >> 16:
            raise InputError(where, f"{magic:#x}, version {version:#x}", "an index of depmod's")

    def find(self, key: str) -> tuple[str, ...]:
        """Return the distinct values of all matching keys, in the order of the index."""
        return tuple(dict.fromkeys(self._search(self._root, normal(key), 0)))

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield all (key, value) pairs. Raises InputError if the index is damaged."""
        yield from self._below(self._root, "")

    def _search(self, place: int, key: str, deep: int) -> Iterator[str]:
        if not place & PLACE:
            return
        node = self._node(place)
        if found := WILD.search(node.prefix):
            if key.startswith(node.prefix[: found.start()]):
                yield from self._matching(place, key)
            return
        if not key.startswith(node.prefix) or deep > DEEPEST:
            return
        rest = key[len(node.prefix) :]
        for letter, child in node.children:
            if letter in "*?[":
                yield from self._matching(child, rest, letter)
            elif rest.startswith(letter):
                yield from self._search(child, rest[1:], deep + 1)
        if not rest:
            yield from node.values

    def _matching(self, place: int, key: str, before: str = "") -> Iterator[str]:
        """Yield the values below a node whose subtree holds patterns, if the key matches."""
        for pattern, value in self._below(place, before):
            if fnmatch.fnmatchcase(key, pattern):
                yield value

    def _below(self, place: int, before: str) -> Iterator[tuple[str, str]]:
        todo = [(place, before)]
        visited = 0
        while todo:
            place, before = todo.pop()
            visited += 1
            # A tree has each node once, and a node takes at least one byte.
            if visited > len(self._data):
                raise InputError(self._where, "nodes that share others", "a tree")
            if not place & PLACE:
                continue
            node = self._node(place)
            key = before + node.prefix
            if len(key) > DEEPEST:
                raise InputError(self._where, key[:40], "keys of a sensible length")
            yield from ((key, value) for value in node.values)
            todo.extend((child, key + letter) for letter, child in reversed(node.children))

    def _node(self, place: int) -> _Node:
        try:
            return self._read(place)
        except (struct.error, IndexError, ValueError):
            where = f"{self._where}: byte {place & PLACE}"
            raise InputError(where, "cut off or damaged", "an index of depmod's") from None

    def _read(self, place: int) -> _Node:
        position = place & PLACE
        prefix = ""
        if place & PREFIX:
            prefix, position = self._text(position)
        children: tuple[tuple[str, int], ...] = ()
        if place & CHILDREN:
            first, last = self._data[position], self._data[position + 1]
            count = last - first + 1
            places = struct.unpack_from(f">{max(count, 0)}I", self._data, position + 2)
            children = tuple(
                (chr(first + number), child) for number, child in enumerate(places) if child
            )
            position += 2 + 4 * count
        values = []
        if place & VALUES:
            (count,) = NUMBER.unpack_from(self._data, position)
            position += 4
            for _ in range(count):
                value, position = self._text(position + 4)  # after its priority
                values.append(value)
        return _Node(prefix, children, tuple(values))

    def _text(self, position: int) -> tuple[str, int]:
        end = self._data.index(b"\0", position)
        return self._data[position:end].decode("utf-8", "replace"), end + 1


class Table:
    """An index made from the text files, for a module tree without binary indexes."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._exact: dict[str, list[str]] = {}
        self._patterns: list[tuple[str, str]] = []
        for written, value in pairs:
            key = normal(written)
            if WILD.search(key):
                self._patterns.append((key, value))
            else:
                self._exact.setdefault(key, []).append(value)

    def find(self, key: str) -> tuple[str, ...]:
        """Return the distinct values of all matching keys."""
        key = normal(key)
        matching = (value for pattern, value in self._patterns if fnmatch.fnmatchcase(key, pattern))
        return tuple(dict.fromkeys((*self._exact.get(key, ()), *matching)))

    def items(self) -> Iterator[tuple[str, str]]:
        """Yield all (key, value) pairs."""
        yield from ((key, value) for key, values in self._exact.items() for value in values)
        yield from self._patterns
