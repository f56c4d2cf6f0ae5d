"""Looks at the members of arrays once their machine is off: a clean shutdown leaves them clean."""

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

from initpy.image.process import run
from initpy.scenario.model import RAID, Layer

_SECTOR = 512
# Superblock of version 1.2, 4 KiB from the start: magic, and after 200 bytes the count of events
# and the sector from which a resync would go on, all ones if the array is clean (md_p.h).
_PLACE, _MAGIC = 4096, 0xA92B4EFC
_COUNTS = struct.Struct("<QQ")
_IN_SYNC = (1 << 64) - 1


def off_facts(layers: Iterable[Layer], disks: Mapping[str, Path]) -> str:
    """Return lines of facts: `off.ARRAY` is `clean`, or says which members are not.

    Only arrays of version 1.2 on disks and partitions are looked at.
    """
    places = {name: (path, 0) for name, path in disks.items()}
    lines = []
    for layer in layers:
        if layer.kind == "partitions" and layer.on[0] in disks:
            path = disks[layer.on[0]]
            starts = _starts(path)
            places |= {
                part.name: (path, start) for part, start in zip(layer.parts, starts, strict=False)
            }
        elif layer.kind in RAID and layer.metadata in ("", "1.2"):
            members = {name: _counts(*places[name]) for name in layer.on if name in places}
            lines.append(f"INITPY-LAB fact off.{layer.name}={_words(members)}\n")
    return "".join(lines)


def _starts(path: Path) -> list[int]:
    table = json.loads(run(["sfdisk", "--json", str(path)]))["partitiontable"]
    return [part["start"] * _SECTOR for part in table.get("partitions", ())]


def _counts(path: Path, start: int) -> tuple[int, int] | None:
    """Return the events and the resync offset of a member; None without a superblock."""
    with path.open("rb") as disk:
        disk.seek(start + _PLACE)
        block = disk.read(_SECTOR)
    if struct.unpack_from("<I", block)[0] != _MAGIC:
        return None
    return _COUNTS.unpack_from(block, 200)


def _words(members: Mapping[str, tuple[int, int] | None]) -> str:
    newest = max((each[0] for each in members.values() if each is not None), default=0)
    bad = []
    for name, counts in members.items():
        if counts is None:
            bad.append(f"{name} has no superblock")
        elif counts[0] != newest:
            bad.append(f"{name} is out of date")
        elif counts[1] != _IN_SYNC:
            bad.append(f"{name} is dirty")
    return ", ".join(bad) or "clean"
