"""Damages a scenario's disks before its boot, and detects writes to them."""

import hashlib
from pathlib import Path

from initpy.scenario.acts import Damage


def apply(damage: Damage, disk: Path) -> None:
    """Overwrite the bytes of a disk's file."""
    with disk.open("r+b") as file:
        file.seek(damage.at, 0 if damage.at >= 0 else 2)
        file.write(damage.data)


def fingerprint(disk: Path) -> str:
    """Return a hash of the disk's content."""
    with disk.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
