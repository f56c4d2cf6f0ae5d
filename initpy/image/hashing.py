"""Hashes a sequence of byte strings, as a key for caches."""

import hashlib
from collections.abc import Iterable


def hash_of(parts: Iterable[bytes]) -> str:
    """Return SHA-256 in hex over the parts; each part's length is hashed, to keep them apart."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()
