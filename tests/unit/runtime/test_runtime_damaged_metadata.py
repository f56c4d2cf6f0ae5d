"""What is left of damaged contents is found and named (R23, R40 of the scenarios)."""

from pathlib import Path

import pytest

from initpy.core.explanation import Node
from initpy.core.failure.damaged_metadata import doubtful, with_remnants
from initpy.runtime.damaged_metadata import MD_MAGIC, look


def disk(path: Path, at: int, content: bytes) -> str:
    data = bytearray(1 << 20)
    data[at : at + len(content)] = content
    path.write_bytes(data)
    return str(path)


def test_damaged_contents_are_named(tmp_path: Path) -> None:
    superblock = MD_MAGIC + bytes(28) + b"any:data".ljust(32, b"\0")
    md = disk(tmp_path / "md", 4096, superblock)
    old = disk(tmp_path / "old", (1 << 20) - 0x10000, MD_MAGIC)
    luks = disk(tmp_path / "luks", 16384, b"SKUL\xba\xbe")
    lvm = disk(tmp_path / "lvm", 512, b"LABELONE")
    empty = disk(tmp_path / "empty", 0, b"")
    assert {path: look(path) for path in (md, old, luks, lvm, empty)} == {
        md: "a damaged md superblock of the array any:data; nothing is written to it",
        old: "a damaged md superblock; nothing is written to it",
        luks: "a damaged LUKS header; nothing is written to it",
        lvm: "a damaged LVM label; nothing is written to it",
        empty: "",
    }
    with pytest.raises(FileNotFoundError):
        look(str(tmp_path / "gone"))


def test_the_tree_says_so() -> None:
    empty = Node("/dev/vdb", "ready", reason="no known content, QEMU", doubtful="/dev/vdb")
    tree = Node("root", "waiting", children=(Node("/dev/vda", "ready", reason="ext4"), empty))
    assert list(doubtful(tree)) == ["/dev/vdb"]
    shown = with_remnants(tree, {"/dev/vdb": "a damaged LUKS header"})
    assert shown.children[0] == tree.children[0]
    reason = "a damaged LUKS header, QEMU"
    assert shown.children[1] == empty._replace(state="damaged", reason=reason)


def test_a_whole_superblock_is_none(tmp_path: Path) -> None:
    block = bytearray(MD_MAGIC + bytes(252))
    block[216:220] = MD_MAGIC  # the sum of all words, this one left out
    assert look(disk(tmp_path / "md", 4096, bytes(block))) == ""
