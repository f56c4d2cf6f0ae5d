"""What builds made of Python's sources, kept for later ones: bytecode, and the imports of a file.

Compiling takes a fifth of the processor time of a small image, and the sources change with
upgrades only. Everything is filed under a hash of all that it was made of, so that nothing in
here can be out of date. A file that is damaged, or that others than its owner may write, counts
for nothing: what it held goes into images.
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

# Root's place is FHS 3.0's for what programs can make anew, also where HOME is another user's.
SYSTEM = Path("/var/cache")
MAGIC = b"initpy kept 1\n"
DIGEST = 32


def kept_path() -> Path | None:
    """Where the builds of this user keep it (XDG base directory specification); None: nowhere."""
    folder = SYSTEM
    if os.geteuid() != 0:
        folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
        if not folder.is_absolute():
            try:
                folder = Path.home() / ".cache"
            except RuntimeError:  # a user without a home
                return None
    return folder / "initpy" / f"python-{sys.version_info.major}.{sys.version_info.minor}"


class Kept:
    """Bytes by hash, read from a file and written back to it; without a path nothing is kept."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._old: Mapping[str, bytes] = _load(path) if path is not None else {}
        self._used: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """What was filed under the key. Raises nothing."""
        data = self._old.get(key)
        if data is not None:
            self._used[key] = data
        return data

    def put(self, key: str, data: bytes) -> None:
        """File what has been made under its key."""
        self._used[key] = data

    def save(self) -> None:
        """Write what this build took, if any of it is new: the rest is from before an upgrade."""
        if self._path is None or self._used.keys() <= self._old.keys():
            return
        # Without it the next build takes longer, that is all.
        with suppress(OSError):
            _store(self._path, self._used)


def key_of(*parts: bytes) -> str:
    """A hash over the parts and the version of this interpreter."""
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
    """Beside its place first: whoever reads meanwhile has the old file or the new one.

    Always under the same name, so that builds that are killed leave one file at most. If two
    write it at once the hash gives it away, and the next build makes it anew.
    """
    packed = marshal.dumps(dict(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(making, flags, 0o644), "wb") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(MAGIC + hashlib.sha256(packed).digest() + packed)
    making.replace(path)
