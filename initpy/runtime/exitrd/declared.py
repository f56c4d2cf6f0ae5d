"""Layers that job files declare: handed on to the exitrd, and looked for there."""

import marshal
import os
from collections.abc import Iterable, Iterator

from initpy.core.shutdown.declared import DeclaredLayer

FILE = "/usr/share/initpy/layers"  # in the exitrd
NAME = "{name}"


def coded(layers: Iterable[DeclaredLayer]) -> str:
    """Return them as one word, for the engine's order to process 1."""
    return packed(layers).hex()


def decoded(word: str) -> tuple[DeclaredLayer, ...]:
    """Return what `coded` was given."""
    return unpacked(bytes.fromhex(word))


def packed(layers: Iterable[DeclaredLayer]) -> bytes:
    """Return them as the exitrd has them in `FILE`."""
    return marshal.dumps([tuple(each) for each in layers])


def unpacked(data: bytes) -> tuple[DeclaredLayer, ...]:
    """Return what `packed` was given."""
    return tuple(DeclaredLayer(*each) for each in marshal.loads(data))


def load(path: str = FILE) -> tuple[DeclaredLayer, ...]:
    """Return the layers that the exitrd was given; none without the file."""
    try:
        with open(path, "rb") as file:
            return unpacked(file.read())
    except FileNotFoundError:
        return ()


def active(layers: Iterable[DeclaredLayer]) -> list[tuple[DeclaredLayer, str]]:
    """Return what is active now: each layer, and its name."""
    return [(each, name) for each in layers for name in _names(each)]


def _names(layer: DeclaredLayer) -> Iterator[str]:
    before, _, after = layer.exists.partition(f"/{NAME}")
    try:
        entries = sorted(os.listdir(before))
    except OSError:
        return
    for name in entries:
        if os.path.exists(f"{before}/{name}{after}"):
            yield name
