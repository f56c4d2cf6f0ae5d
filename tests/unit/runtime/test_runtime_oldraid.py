"""R4: whose a superblock of version 0.90 is that lies at the end of a disk."""

from pathlib import Path

import pytest

from initpy.runtime.oldraid import own_metadata

SIZE = 3 << 20
END = SIZE - 0x10000
MAGIC = (0xA92B4EFC).to_bytes(4, "little")
SD, MD = 8, 9


def disk(tmp_path: Path, *, oldest: int | None, first: int | None = None, size: int = SIZE) -> str:
    """A disk with a 0.90 superblock that names a device of this major, and one of version 1."""
    content = bytearray(size)
    if oldest is not None:
        content[END : END + 4] = MAGIC
        content[END + 3972 : END + 3976] = oldest.to_bytes(4, "little")
    if first is not None:
        content[first : first + 8] = MAGIC + (1).to_bytes(4, "little")
    path = tmp_path / "disk"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("oldest", "first", "version"),
    [
        (MD, 4096, "1.2"),  # of an array on the array of this disk
        (MD, 0, "1.1"),
        (SD, 4096, ""),  # the disk's own; the other one is a left-over
        (MD, None, ""),  # there is no other: it may have been copied from an array
        (None, 4096, ""),
        (SD, None, ""),
    ],
)
def test_the_superblock_that_is_meant_for_the_disk(
    tmp_path: Path, oldest: int | None, first: int | None, version: str
) -> None:
    assert own_metadata(disk(tmp_path, oldest=oldest, first=first)) == version


def test_it_lies_at_a_multiple_of_64_kib(tmp_path: Path) -> None:
    assert own_metadata(disk(tmp_path, oldest=MD, first=4096, size=SIZE + 0x8000)) == "1.2"


def test_a_disk_that_is_too_small_has_none(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"x" * 100)
    assert own_metadata(str(path)) == ""
