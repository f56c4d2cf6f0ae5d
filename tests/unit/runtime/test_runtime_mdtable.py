"""R4: whether a partition table on a member of a mirror was made on the mirror, or on the disk."""

from pathlib import Path

import pytest

from initpy.runtime.mdtable import is_of_the_array

SIZE = 4 << 20
MAGIC = (0xA92B4EFC).to_bytes(4, "little")
OLDEST = (SIZE & ~0xFFFF) - 0x10000  # where mdadm writes version 0.90
NEW = SIZE - 8192  # and 1.0


def number(value: int, count: int) -> bytes:
    return value.to_bytes(count, "little")


def member(version: str, array: int, level: int = 1, offset: int = 0) -> bytearray:
    """A disk with the superblock of a mirror of that many bytes."""
    content = bytearray(SIZE)
    if version == "0.90":
        content[OLDEST : OLDEST + 4] = MAGIC
        content[OLDEST + 28 : OLDEST + 36] = number(level, 4) + number(array >> 10, 4)
    else:
        content[NEW : NEW + 8] = MAGIC + number(1, 4)
        content[NEW + 72 : NEW + 76] = number(level, 4)
        content[NEW + 80 : NEW + 88] = number(array >> 9, 8)
        content[NEW + 128 : NEW + 136] = number(offset, 8)
    return content


def with_table(content: bytearray, end: int, block: int = 512) -> bytearray:
    """The same with a GPT on a device of so many bytes; its second copy is in the last block."""
    content[block : block + 8] = b"EFI PART"
    content[block + 32 : block + 40] = number(end // block - 1, 8)
    return content


def found(folder: Path, content: bytearray) -> bool:
    (folder / "disk").write_bytes(content)
    return is_of_the_array(str(folder / "disk"))


@pytest.mark.parametrize(("version", "array"), [("0.90", OLDEST), ("1.0", NEW - 8192)])
@pytest.mark.parametrize("block", [512, 4096])
def test_a_table_that_ends_with_the_array_is_the_array_s(
    tmp_path: Path, version: str, array: int, block: int
) -> None:
    assert found(tmp_path, with_table(member(version, array), array, block))
    assert not found(tmp_path, with_table(member(version, array), SIZE, block))


def test_without_a_mirror_or_a_gpt_it_tells_nothing(tmp_path: Path) -> None:
    array = NEW - 8192
    assert not found(tmp_path, member("1.0", array))
    assert not found(tmp_path, with_table(bytearray(SIZE), array))
    assert not found(tmp_path, with_table(member("1.0", array, level=0), array))
    assert not found(tmp_path, with_table(member("1.0", array, offset=8), array))


def test_a_disk_that_is_too_small_tells_nothing(tmp_path: Path) -> None:
    assert not found(tmp_path, bytearray(512))


def test_a_disk_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        is_of_the_array(str(tmp_path / "none"))
