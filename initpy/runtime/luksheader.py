"""Check both copies of a LUKS2 header: cryptsetup would repair one from the other unasked.

A user who boots from a damaged disk may want to look at it first, so the boot
writes nothing to it, and cryptsetup gets a copy of the good header. See LUKS2
On-Disk Format Specification, 2.1 and 2.2: a binary header, JSON text behind it,
and a checksum over both; the second copy follows the first.
"""

import errno
import os
import struct

from initpy.core.tuples import NamedTuple

try:
    from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found] # from Python 3.12 on
    except ImportError:
        from hashlib import sha256

MAGIC, SECOND_MAGIC = b"LUKS\xba\xbe", b"SKUL\xba\xbe"
BINARY = struct.Struct(">6sHQQ48s32s64s40s48sQ184s64s")
CHECKSUM_AT = 448
# of one copy with its JSON text; see 2.1 of the specification
SIZES = tuple(0x4000 << turn for turn in range(9))
CHUNK = 1 << 20


class Copy(NamedTuple):
    """A copy with a right checksum."""

    size: int
    sequence: int
    text: bytes


def check(node: str, keep: str) -> str:
    """Return "" if both copies are good; if one is, copy it to `keep` and return that path.

    Raises OSError if none is.
    """
    device = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        first = _read(device, 0, MAGIC)
        places = (first.size,) if first is not None else SIZES
        found = (_read(device, place, SECOND_MAGIC) for place in places)
        second = next((each for each in found if each is not None), None)
        if first is not None and second is not None and first.sequence == second.sequence:
            return ""
        good = max((each for each in (first, second) if each), key=lambda each: each.sequence,
                   default=None)  # fmt: skip
        if good is None:
            raise OSError(errno.EILSEQ, "both copies of it are damaged")
        _save(device, keep, good)
        return keep
    finally:
        os.close(device)


def _read(device: int, place: int, magic: bytes) -> Copy | None:
    """Return the copy at this place, None if it is damaged."""
    start = os.pread(device, BINARY.size, place)
    if len(start) < BINARY.size or not start.startswith(magic):
        return None
    fields = BINARY.unpack(start)
    size, sequence, algorithm, offset, checksum = (fields[each] for each in (2, 3, 5, 9, 11))
    if size not in SIZES or offset != place:
        return None
    data = bytearray(os.pread(device, size, place))
    if len(data) < size:
        return None
    data[CHECKSUM_AT : CHECKSUM_AT + len(checksum)] = bytes(len(checksum))
    if algorithm.rstrip(b"\0") == b"sha256" and sha256(data).digest() != checksum[:32]:
        return None
    return Copy(size, sequence, bytes(data[4096:]))


def _save(device: int, path: str, good: Copy) -> None:
    """Copy headers and key slots to a file in memory."""
    import json

    try:
        slots = json.loads(good.text.partition(b"\0")[0])["config"]["keyslots_size"]
        length = 2 * good.size + int(slots)
    except (ValueError, KeyError, TypeError):
        raise OSError(errno.EILSEQ, "its JSON text makes no sense") from None
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for position in range(0, length, CHUNK):
            chunk = os.pread(device, min(CHUNK, length - position), position)
            os.pwrite(target, chunk, position)
        os.ftruncate(target, length)
    finally:
        os.close(target)
