"""Malformed disks: bytes of a scenario's disk overwritten before its boot, and what was written."""

import hashlib
from pathlib import Path

from initpy.scenario.model import Damage


def apply(damage: Damage, disk: Path) -> None:
    """Overwrite the bytes of a disk's file."""
    with disk.open("r+b") as file:
        file.seek(damage.at, 0 if damage.at >= 0 else 2)
        file.write(damage.data)


def fingerprint(disk: Path) -> str:
    """Differs for any two different contents."""
    with disk.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
