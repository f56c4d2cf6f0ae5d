"""A hash over several things, for what is kept by its content."""

import hashlib
from collections.abc import Iterable


def hash_of(parts: Iterable[bytes]) -> str:
    """SHA-256 in hex over the parts, each with its length, so that they cannot run together."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()
