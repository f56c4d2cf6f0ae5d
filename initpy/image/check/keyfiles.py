"""Judges files of the image that volumes are opened with: keys, detached headers, key scripts.

What they contain is compared, and shown nowhere.
"""

from initpy.core.volumes import KeySpec
from initpy.image.check.machine import Machine
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.formats.luksinfo import MAGIC
from initpy.image.tree import File

UUID_AT, UUID_LENGTH = 168, 40  # in headers of LUKS1 and LUKS2
# The beginning of the mapping's UUID (dm_prepare_uuid() of libcryptsetup).
MAPPINGS = ("CRYPT-LUKS1-", "CRYPT-LUKS2-")
AGAIN = "build the image again"


def row(
    title: str, need: str, path: str, archive: Archive, machine: Machine, doubt: Verdict
) -> Row:
    """Return the row of a file that the image has; it has a doubt if the machine's is another."""
    theirs = machine(path)
    if theirs is not None and theirs != archive.read(path):
        reason = f"{path} of this machine has changed since: {AGAIN}"
        return Row(title, need, doubt, reason)
    return Row(title, need, Verdict.OK, path)


def shortage(path: str, archive: Archive, key: KeySpec) -> str:
    """Return why a file holds no such key; "" if it does."""
    entry = archive.get(path)
    size = len(entry.read()) if isinstance(entry, File) else 0
    if not size:
        return f"{path} is empty"
    if key.offset >= size or (key.size and key.offset + key.size > size):
        return f"{path} has {size} bytes, fewer than keyfile-offset= and keyfile-size= say"
    return ""


def wrong_header(path: str, archive: Archive, mapping: str) -> str:
    """Return why a file is not the header of a volume whose mapping has this UUID; "" if it is."""
    content = archive.read(path)
    if not content.startswith(MAGIC):
        return f"{path} is no LUKS header"
    uuid = content[UUID_AT : UUID_AT + UUID_LENGTH].partition(b"\0")[0].decode("ascii", "replace")
    start = next((each for each in MAPPINGS if mapping.startswith(each)), "")
    if start and not mapping.removeprefix(start).startswith(f"{uuid.replace('-', '')}-"):
        return f"{path} is the header of the volume {uuid}, not of this one: {AGAIN}"
    return ""
