"""The sections of unified kernel images as the stub in them takes them."""

import struct

import pytest

from initpy.image.formats import pe


def image(*parts: tuple[str, bytes]) -> memoryview:
    """Return a PE file with these sections and no optional header."""
    table = 64 + pe.HEADER.size
    place = table + len(parts) * pe.SECTION.size
    headers = b""
    for name, content in parts:
        fields = (len(content), 0, len(content), place, 0, 0, 0, 0, pe.DATA)
        headers += pe.SECTION.pack(name.encode(), *fields)
        place += len(content)
    start = b"MZ".ljust(pe.POINTER, b"\0") + struct.pack("<I", 64)
    header = pe.HEADER.pack(b"PE\0\0", 0x8664, len(parts), 0, 0, 0, 0, 0)
    return memoryview(start + header + headers + b"".join(content for _, content in parts))


def contents(file: memoryview) -> dict[str, bytes]:
    found = pe.sections(file)
    return {name: bytes(file[at : at + size]) for name, (at, size) in found.items()}


@pytest.mark.parametrize(
    ("parts", "cmdline"),
    [
        ("base", "base"), ("base profile", "base"), ("base profile one profile two", "one"),
        ("profile one profile two", "one"), ("base profile profile two", "base"),
        ("base other", "base"),
    ],
)  # fmt: skip
def test_the_first_profile_starts_by_default(parts: str, cmdline: str) -> None:
    sections = [
        (".profile", b"ID=x") if each == "profile" else (".cmdline", each.encode())
        for each in parts.split()
    ]
    found = contents(image((".initrd", b"i"), *sections))
    assert found[".cmdline"] == cmdline.encode()
    assert found[".initrd"] == b"i"


def test_an_image_with_a_device_tree_of_each_board() -> None:
    trees = [(".dtbauto", b"%d" % number) for number in range(300)]
    found = contents(image((".cmdline", b"c"), *trees, (".initrd", b"i")))
    assert found == {".cmdline": b"c", ".dtbauto": b"0", ".initrd": b"i"}
