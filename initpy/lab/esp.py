"""Prepares a disk for UEFI firmware: a boot loader on its ESP, and what it boots."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from initpy.image.process import run
from initpy.lab.errors import LabError
from initpy.scenario.model import ESP_TYPE

CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
LOADER = Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi")
NEEDED = ((CODE, "ovmf"), (LOADER, "systemd-boot-efi"), (Path("/usr/bin/mcopy"), "mtools"))
GRUB = (
    (Path("/usr/lib/grub/x86_64-efi/moddep.lst"), "grub-efi-amd64-bin"),
    (Path("/usr/bin/grub-editenv"), "grub-common"),
)
BOOTED = "EFI/BOOT/BOOTX64.EFI"  # what the firmware starts
SECTOR = 512
# The offsets of the type names of FAT16 and FAT32.
KINDS = ((54, b"FAT"), (82, b"FAT"))


class Place(NamedTuple):
    """A partition on a disk, in bytes."""

    offset: int
    size: int


def needs(grub: bool = False) -> None:
    """Raise LabError with the packages for UEFI boots that are not installed."""
    needed = (*NEEDED, *(GRUB if grub else ()))
    lacking = [package for path, package in needed if not path.exists()]
    if lacking:
        raise LabError(f"{', '.join(lacking)} not installed\n  try: make setup")


def find(disks: list[Path]) -> tuple[Path, Place] | None:
    """Return the first EFI system partition."""
    for disk in disks:
        with disk.open("rb") as file:
            file.seek(SECTOR)
            if file.read(8) != b"EFI PART":
                continue
        table = json.loads(run(["sfdisk", "--json", str(disk)]))["partitiontable"]
        for part in table.get("partitions", ()):
            if str(part["type"]).upper() == ESP_TYPE:
                return disk, Place(part["start"] * SECTOR, part["size"] * SECTOR)
    return None


def furnish(disk: Path, place: Place, files: Mapping[str, bytes]) -> None:
    """Copy these files, by their paths, to a partition; create a FAT file system if there is none.

    systemd-boot is the boot loader unless they have one.
    """
    if not _has_fat(disk, place):
        offset, blocks = place.offset // SECTOR, place.size // 1024
        # mkfs.vfat would choose the kind by the size of the whole file. FAT16 has up to 2 GiB.
        words = ["-F", "16", f"--offset={offset}", "-n", "ESP", str(disk), str(blocks)]
        run(["mkfs.vfat", *words])
    at = f"{disk}@@{place.offset}"
    with TemporaryDirectory(prefix="initpy-esp-") as folder:
        for path, data in {BOOTED: LOADER.read_bytes(), **files}.items():
            file = Path(folder, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        content = sorted(str(each) for each in Path(folder).iterdir())
        # -s: recursively; -o: overwrite.
        run(["mcopy", "-i", at, "-s", "-o", *content, "::/"], hint="apt install mtools")


def _has_fat(disk: Path, place: Place) -> bool:
    with disk.open("rb") as file:
        file.seek(place.offset)
        head = file.read(SECTOR)
    return any(head[at : at + len(kind)] == kind for at, kind in KINDS)
