"""Which drivers mount what udev has found."""

import pytest

from initpy.core.devices.filesystems import aliases_of, drivers_for
from initpy.core.devices.graph import Device


@pytest.mark.parametrize(
    ("kind", "drivers"),
    [("ext4", ("ext4",)), ("exfat", ("exfat",)), ("ntfs", ("ntfs3", "ntfs")), ("", ())],
)
def test_a_type_of_udev_is_mounted_by_its_drivers(kind: str, drivers: tuple[str, ...]) -> None:
    """blkid(8) calls ntfs what the kernel's driver calls ntfs3."""
    assert drivers_for(Device("sdb1", {"ID_FS_TYPE": kind} if kind else {})) == drivers


def test_what_the_kernel_asks_modprobe_for() -> None:
    assert aliases_of("exfat") == ("fs-exfat", "exfat")
    assert aliases_of("ntfs") == ("fs-ntfs3", "ntfs3", "fs-ntfs", "ntfs")
