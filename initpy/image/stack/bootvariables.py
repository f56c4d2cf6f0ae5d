"""Reads the firmware's boot entries that start Linux themselves: an EFI stub or a unified image.

UEFI keeps each in a variable: attributes, a description, the path of the program, and data that the
program takes for its command line (UEFI specification, 3.1.3). Entries of boot loaders have none.
"""

import re
import struct
from collections.abc import Iterator

from initpy.image.stack.bootlines import CommandLine
from initpy.image.stack.bootmenus import without_images
from initpy.image.stack.system import System

FOLDER = "/sys/firmware/efi/efivars"
GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
LOADER, SECURE = "the firmware", "the firmware, with Secure Boot"
ATTRIBUTES = 4  # bytes, which efivarfs puts before the content
ENTRY = re.compile(rf"Boot([0-9A-F]{{4}})-{GLOBAL}")
ACTIVE = 1
HEADER = struct.Struct("<IH")  # attributes, length of the path
NODE = struct.Struct("<BBH")  # type, subtype, length
MEDIA, FILE, END = 0x04, 0x04, 0x7F


def entries(system: System) -> Iterator[CommandLine]:
    """Yield the entries with words, in the order in which the firmware tries them.

    A unified image takes the words of its entry in place of its own command line, unless Secure
    Boot is on (systemd-stub(7)).
    """
    loader = SECURE if _variable(system, f"SecureBoot-{GLOBAL}")[:1] == b"\1" else LOADER
    names = [name for name in system.names(FOLDER) if ENTRY.fullmatch(name)]
    order = [*_numbers(system, "BootNext"), *_numbers(system, "BootOrder")]
    ranks = {f"{number:04X}": rank for rank, number in reversed([*enumerate(order)])}
    for name in sorted(names, key=lambda each: ranks.get(each[4:8], len(ranks))):
        found = _entry(_variable(system, name))
        if found is None or name[4:8] not in ranks:
            continue
        title, path, text = found
        words, images = without_images(text)
        origin = f"the EFI entry {name[:8]} ({title})"
        starts = tuple(filter(None, images)) or (path,)
        yield CommandLine(" ".join(words.split()), origin, path, starts, loader)


def _numbers(system: System, name: str) -> tuple[int, ...]:
    data = _variable(system, f"{name}-{GLOBAL}")
    return struct.unpack(f"<{len(data) // 2}H", data[: len(data) & ~1])


def _variable(system: System, name: str) -> bytes:
    return (system.data(f"{FOLDER}/{name}") or b"")[ATTRIBUTES:]


def _entry(data: bytes) -> tuple[str, str, str] | None:
    """Return (description, path, words) of an active entry; None without file or words."""
    if len(data) < HEADER.size:
        return None
    attributes, length = HEADER.unpack_from(data)
    end = HEADER.size
    while data[end : end + 2] not in (b"\0\0", b"\0", b""):
        end += 2
    title = data[HEADER.size : end].decode("utf-16-le", "replace")
    begin = end + 2
    path, text = _path(data[begin : begin + length]), _words(data[begin + length :])
    return (title, path, text) if attributes & ACTIVE and path and text else None


def _path(nodes: bytes) -> str:
    """Return the file that a device path names, with slashes; "" if it names none."""
    found, place = [], 0
    while place + NODE.size <= len(nodes):
        kind, inner, length = NODE.unpack_from(nodes, place)
        if kind == END or length < NODE.size:
            break
        if (kind, inner) == (MEDIA, FILE):
            text = nodes[place + NODE.size : place + length].decode("utf-16-le", "replace")
            found.append(text.rstrip("\0"))
        place += length
    return "/".join(found).replace("\\", "/")


def _words(data: bytes) -> str:
    """Return the data as a command line: UTF-16, or ASCII as some tools write it; "" if none."""
    for encoding in ("utf-16-le", "ascii"):
        try:
            text = data.decode(encoding).rstrip("\0 \n")
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text.isascii():
            return text
    return ""
