"""The archive's order helps the compressor, and each folder still precedes its content (R27)."""

from pathlib import Path

from initpy.image.build.order import arranged
from initpy.image.formats.compress import LARGEST, SHARES, SMALLEST, share_of
from initpy.image.tree import Entry, File, Folder, Link, Tree

CONTENT: dict[str, Entry] = {
    "/etc/passwd": File(b"root:x:0:0"),
    "/init": File(b"#!/bin/sh\n", 0o755),
    "/usr/bin/small": File(b"1", 0o755),
    "/usr/lib/x86_64-linux-gnu/libbig.so.1": File(b"12345"),
    "/usr/lib/modules/6/kernel/b.ko": File(b"1"),
    "/usr/lib/modules/6/kernel/a/c.ko": File(b"123"),
    "/usr/lib/python3.11/os.pyc": File(b"12"),
    "/usr/sbin/middle": File(b"123", 0o755),
    "/bin": Link("usr/bin"),
    "/a/very/deep/one": File(b""),
}


def names(content: dict[str, Entry]) -> list[str]:
    tree = Tree()
    for path, entry in content.items():
        tree.add(path, entry)
    return [path for path, _ in arranged(tree.items())]


def test_a_folder_comes_before_its_content() -> None:
    found = names(CONTENT)
    for number, path in enumerate(found):
        assert all(str(parent) in found[:number] for parent in Path(path).parents if path != "/")


def test_code_comes_largest_first_then_modules_bytecode_and_texts() -> None:
    found = [path for path in names(CONTENT) if isinstance(CONTENT.get(path), File)]
    assert found == [
        "/usr/lib/x86_64-linux-gnu/libbig.so.1", "/usr/sbin/middle", "/usr/bin/small",
        "/usr/lib/modules/6/kernel/a/c.ko", "/usr/lib/modules/6/kernel/b.ko",
        "/usr/lib/python3.11/os.pyc",
        "/a/very/deep/one", "/etc/passwd", "/init",
    ]  # fmt: skip


def test_the_order_of_adding_does_not_matter() -> None:
    assert names(CONTENT) == names(dict(reversed(CONTENT.items())))


def test_the_order_has_every_entry() -> None:
    tree = Tree()
    tree.add("/etc/x", File(b""))
    assert dict(arranged(tree.items())) == {
        "/": Folder(), "/etc": Folder(), "/etc/x": File(b"")
    }  # fmt: skip


def test_processors_get_equal_shares_of_a_sensible_size() -> None:
    assert share_of(40_000_000) * SHARES >= 40_000_000 > share_of(40_000_000) * (SHARES - 1)
    assert share_of(1000) == SMALLEST
    assert share_of(10**12) == LARGEST
