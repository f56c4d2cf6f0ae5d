"""Caches what builds derive from Python sources: bytecode, and the imports of each file.

Compilation takes a fifth of the processor time of a small image, and sources change with upgrades
only. The key of an entry is a hash of everything that it depends on, so that no entry can be out
of date. A cache file that is damaged, or that other users can write, is ignored: its content
would go into images.
"""

import hashlib
import marshal
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from initpy.image.hashing import hash_of

# The place for root by FHS 3.0, also if sudo has kept another user's HOME.
SYSTEM = Path("/var/cache")
MAGIC = b"initpy kept 1\n"
DIGEST = 32


def cache_path() -> Path | None:
    """Return this user's cache file (XDG base directory specification); None without a home."""
    folder = SYSTEM
    if os.geteuid() != 0:
        folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not folder.is_absolute():
            try:
                folder = Path.home() / ".cache"
            except RuntimeError:  # a user without a home
                return None
    return folder / "initpy" / f"python-{sys.version_info.major}.{sys.version_info.minor}"


class Cache:
    """Bytes by key, read from a file and written back to it; without a path nothing is stored."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._old: Mapping[str, bytes] = _load(path) if path is not None else {}
        self._used: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """Return the bytes of a key; None if there are none."""
        data = self._old.get(key)
        if data is not None:
            self._used[key] = data
        return data

    def put(self, key: str, data: bytes) -> None:
        """Store the bytes of a key."""
        self._used[key] = data

    def save(self) -> None:
        """Write the entries that this build used, if any is new; drop those of older sources."""
        if self._path is None or self._used.keys() <= self._old.keys():
            return
        # A failure only makes the next build slower.
        with suppress(OSError):
            _store(self._path, self._used)


def key_of(*parts: bytes) -> str:
    """Return a hash over the parts and the version of this interpreter."""
    return hash_of((sys.version.encode(), *parts))


def _load(path: Path) -> dict[str, bytes]:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            state = os.fstat(file.fileno())
            ours = stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid()
            if not ours or state.st_mode & 0o022:
                return {}
            data = file.read()
    except OSError:
        return {}
    begins = len(MAGIC) + DIGEST
    content = memoryview(data)[begins:]
    if data[:begins] != MAGIC + hashlib.sha256(content).digest():
        return {}
    loaded: dict[str, bytes] = marshal.loads(content)
    return loaded


def _store(path: Path, content: Mapping[str, bytes]) -> None:
    """Write to a temporary file and rename it, so that a reader has the old file or the new one.

    The temporary name is fixed, so that killed builds leave one file at most. If two builds write
    it at once, the hash does not match, and the next build ignores the file.
    """
    packed = marshal.dumps(dict(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(making, flags, 0o644), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(MAGIC + hashlib.sha256(packed).digest() + packed)
    making.replace(path)
