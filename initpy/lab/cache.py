"""The lab's cache of disks, images and kernels by content hash, and its locks."""

import fcntl
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

from initpy.image.hashing import hash_of

_Value = TypeVar("_Value")
_IN_USE_SECONDS = 2 * 3600  # longer than all boots of one run


def cache_folder(*parts: str) -> Path:
    """Return a folder of the cache; create it (XDG base directory specification)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base, "initpy", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock by name across processes; flock(2) releases it when the holder is killed."""
    path = cache_folder("locks") / name
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def counted(name: str, values: Sequence[_Value]) -> Iterator[_Value]:
    """Reserve the value with the fewest reservations, across processes."""
    for turn in count():
        for value in values:
            with (cache_folder("locks") / f"{name}-{value}.{turn}").open("w") as handle:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield value
                return


def digest(parts: Iterable[bytes]) -> str:
    """Return a short hash over the parts."""
    return hash_of(parts)[:16]


def tree_digest(roots: Iterable[Path], extra: Iterable[str] = ()) -> str:
    """Return a hash over names and contents of all files below the roots, without bytecode."""
    parts: list[bytes] = [text.encode() for text in extra]
    for root in roots:
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                parts += [str(path.relative_to(root.parent)).encode(), path.read_bytes()]
    return digest(parts)


def write_whole(path: Path, content: bytes) -> None:
    """Write a cache file atomically unless it has this content; another test may read it."""
    if path.is_file() and path.read_bytes() == content:
        return
    making = path.with_name(f".{path.name}.{os.getpid()}")
    making.write_bytes(content)
    making.replace(path)


def prune(files: Iterable[Path], most: int) -> None:
    """Remove the files that were not used for longest, all but `most`, and none of late.

    Another process may be about to start a machine with one: who uses a file calls `os.utime`.
    """
    by_use = sorted((each.stat().st_mtime, each) for each in files)
    for used, old in by_use[:-most]:
        if time.time() - used > _IN_USE_SECONDS:
            old.unlink(missing_ok=True)
