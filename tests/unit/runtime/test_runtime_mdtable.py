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


def member(version: str, array: int, level: int = 1, offset: int = 0, time: int = 0) -> bytearray:
    """A disk with the superblock of a mirror of that many bytes."""
    content = bytearray(SIZE)
    at, place = (OLDEST, 128) if version == "0.90" else (NEW, 192)
    content[at + place : at + place + 4] = number(time, 4)
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


PARTS = ((1 << 20, 1 << 20), (2 << 20, 1 << 20))  # where a partition begins and ends


def with_mbr(content: bytearray, *parts: tuple[int, int], kind: int = 0x83) -> bytearray:
    """The same with an MBR; or with the table of a logical partition."""
    table = bytearray(512)
    for at, (start, size) in enumerate(parts):
        entry = bytes((0, 0, 0, 0, kind, 0, 0, 0)) + number(start >> 9, 4) + number(size >> 9, 4)
        table[446 + at * 16 : 462 + at * 16] = entry
    table[510:] = b"\x55\xaa"
    content[:512] = table
    return content


def with_member(content: bytearray, start: int, size: int, time: int, version: str) -> bytearray:
    """The same with a superblock in a partition."""
    at = {"1.2": start + 4096, "1.1": start, "1.0": start + size - 8192,
          "0.90": start + size - 65536}[version]  # fmt: skip
    content[at : at + 8] = MAGIC + number(0 if version == "0.90" else 1, 4)
    place = at + (128 if version == "0.90" else 192)
    content[place : place + 4] = number(time, 4)
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


@pytest.mark.parametrize(("version", "array"), [("0.90", OLDEST), ("1.0", NEW - 8192)])
@pytest.mark.parametrize("upper", ["0.90", "1.0", "1.1", "1.2"])
@pytest.mark.parametrize(("age", "ours"), [(-3, False), (0, True), (5, True)])
def test_an_mbr_is_the_array_s_unless_its_members_are_newer_than_the_array(
    tmp_path: Path, version: str, array: int, upper: str, age: int, ours: bool
) -> None:
    content = with_mbr(member(version, array, time=1000 + age), *PARTS)
    assert found(tmp_path, with_member(content, *PARTS[1], 1000, upper)) is ours


@pytest.mark.parametrize(("version", "array"), [("0.90", OLDEST), ("1.0", NEW - 8192)])
def test_an_mbr_with_a_partition_behind_the_array_is_the_disk_s(
    tmp_path: Path, version: str, array: int
) -> None:
    parts = (PARTS[0], (2 << 20, 2 << 20))
    content = with_mbr(member(version, array, time=2000), *parts)
    assert not found(tmp_path, with_member(content, *PARTS[0], 1000, "1.2"))


def test_an_mbr_without_members_tells_nothing(tmp_path: Path) -> None:
    assert not found(tmp_path, with_mbr(member("1.0", NEW - 8192, time=5), *PARTS))


@pytest.mark.parametrize(("age", "ours"), [(-3, False), (3, True)])
def test_logical_partitions_count(tmp_path: Path, age: int, ours: bool) -> None:
    logical = (1 << 20) + (64 << 10)
    content = with_mbr(member("1.0", NEW - 8192, time=1000 + age), (1 << 20, 1 << 20), kind=0x0F)
    table = with_mbr(bytearray(512), (64 << 10, 512 << 10))
    content[1 << 20 : (1 << 20) + 512] = table
    assert found(tmp_path, with_member(content, logical, 512 << 10, 1000, "1.2")) is ours


def test_a_chain_of_logical_partitions_that_has_no_end_is_left(tmp_path: Path) -> None:
    content = with_mbr(member("1.0", NEW - 8192, time=5), (1 << 20, 1 << 20), kind=0x05)
    content[1 << 20 : (1 << 20) + 512] = with_mbr(bytearray(512), (0, 1 << 19), kind=0x05)
    assert not found(tmp_path, content)
