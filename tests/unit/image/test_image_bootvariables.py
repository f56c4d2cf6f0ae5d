"""The firmware's boot entries are read: a stale one gives an image a command line that fails."""

import random
import struct
from pathlib import Path

import pytest
from fake_system import FakeSystem, nested
from test_image_parameters import about, image

from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.bootvariables import FOLDER, GLOBAL, entries
from initpy.image.stack.describe import describe
from initpy.image.stack.system import Recorded, Recording

RIGHT, STALE = "root=UUID=7a0c", "root=UUID=stale"
UNIFIED = r"\EFI\Linux\a.efi"
DISK = struct.pack("<BBH", 4, 1, 42) + bytes(38)
END = struct.pack("<BBH", 0x7F, 0xFF, 4)


def option(path: str, words: bytes, active: int = 1) -> bytes:
    name = path.encode("utf-16-le") + b"\0\0"
    nodes = DISK + struct.pack("<BBH", 4, 4, 4 + len(name)) + name + END
    title = "Linux".encode("utf-16-le") + b"\0\0"
    return struct.pack("<IH", active, len(nodes)) + title + nodes + words


def variables(order: bytes = b"\x01\x00", secure: bytes = b"\0", **options: bytes) -> FakeSystem:
    system = nested()
    found = {"BootOrder": order, "SecureBoot": secure, **options}
    for name, data in found.items():
        system.contents[f"{FOLDER}/{name}-{GLOBAL}"] = b"\7\0\0\0" + data
    return system


def wide(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


@pytest.mark.parametrize(
    ("own", "words", "secure", "verdict"),
    [
        (RIGHT, wide(STALE), b"\0", Verdict.MISSING),
        (STALE, wide(RIGHT), b"\0", Verdict.OK),
        (RIGHT, wide(STALE), b"\1", Verdict.OK),  # the image then leaves the entry's words
        (None, wide(RIGHT), b"\1", Verdict.OK),
        (RIGHT, RIGHT.encode(), b"\0", Verdict.OK),
        (RIGHT, STALE.encode(), b"\0", Verdict.MISSING),
        (RIGHT, b"", b"\0", Verdict.OK),
        (RIGHT, bytes(range(256)), b"\0", Verdict.OK),  # a vendor's own data
    ],
)
def test_the_words_of_an_entry_take_the_place_of_a_unified_images_own(
    own: str | None, words: bytes, secure: bytes, verdict: Verdict
) -> None:
    system = variables(Boot0001=option(UNIFIED, words), secure=secure)
    sections = {".linux": b"k"} | ({".cmdline": own.encode()} if own is not None else {})
    path = Path("/efi/EFI/Linux/a.efi")
    archive = Archive(path, 0, entries=image().entries, sections=sections)
    stack = describe("/", system)
    rows = about(prove(archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False))
    assert rows["root="][0] is verdict, rows


def test_the_kernels_stub_gets_an_image_and_words() -> None:
    words = rf"{RIGHT} ro initrd=\initpy.img"
    system = variables(
        b"\x02\x00\x01\x00",
        Boot0001=option(r"\vmlinuz-linux", wide(words)),
        Boot0002=option(r"\EFI\debian\shimx64.efi", b""),
        Boot0003=option(r"\vmlinuz-linux", wide(STALE)),  # not in the order
    )
    (found,) = entries(system)
    assert (found.text, found.kernel) == (f"{RIGHT} ro", "/vmlinuz-linux")
    assert found.starts("/boot/initpy.img") == 1
    assert found.origin == "the EFI entry Boot0001 (Linux)"
    recording = Recording(system)
    assert [*entries(recording)] == [found]
    assert [*entries(Recorded(recording.to_json(), "test"))] == [found]


def test_entries_that_do_not_count() -> None:
    assert [*entries(nested())] == []
    assert [*entries(variables(Boot0001=option(UNIFIED, wide(RIGHT), active=0)))] == []
    assert [*entries(variables(b"", Boot0001=option(UNIFIED, wide(RIGHT))))] == []


def test_damaged_variables_do_no_harm() -> None:
    draw = random.Random(1)
    whole = option(UNIFIED, wide(RIGHT))
    for _ in range(300):
        data = bytearray(whole[: draw.randrange(len(whole) + 1)])
        for _ in range(draw.randrange(4) if data else 0):
            data[draw.randrange(len(data))] = draw.randrange(256)
        assert len([*entries(variables(bytes(data[:3]) or b"\1\0", Boot0001=bytes(data)))]) < 2
