"""kmod's binary indexes: we read those of the real depmod, and name damaged ones (R28)."""

import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from fake_kernel import VERSION, Module, make_kernel
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.errors import InputError
from initpy.image.formats.kmodindex import Index, Table
from initpy.image.formats.modinfo import DamagedModuleError, read_module

MODULES = (
    Module("kernel/a.ko", (), ("pci:v00008086d*sv*", "pci:v00008086d00001237sv*", "fs-a")),
    Module(
        "kernel/b.ko", ("a",), ("usb:v[0-9]*p*", "hid-[0-9]", "pci:v0000808?d00001237sv*", "fs-a")
    ),
    Module("kernel/long-name-with-dashes.ko", (), ("fs-ab", "x" * 300)),
)
KEYS = [
    "pci:v00008086d00001237sv00000000", "pci:v00008086d00009999sv1", "pci:v00001AF4d1sv1",
    "usb:v1234p5678", "usb:vXp1", "fs-a", "fs-ab", "fs_a", "fs-", "",
    "hid-1", "hid--", "x" * 300, "x" * 299, "pci:",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_kernel(tmp_path_factory.mktemp("kernel"), MODULES)


@pytest.mark.parametrize("key", KEYS)
def test_index_and_text_file_agree(folder: Path, key: str) -> None:
    lines = (line.split() for line in (folder / "modules.alias").read_text().splitlines())
    table = Table((words[1], words[2]) for words in lines if words[0] == "alias")
    index = Index((folder / "modules.alias.bin").read_bytes(), "x")
    assert set(index.find(key)) == set(table.find(key))
    assert set(index.items()) == set(table.items())


@pytest.mark.parametrize("key", [key for key in KEYS if key])
def test_index_and_modprobe_agree(folder: Path, key: str) -> None:
    base = str(folder.parents[2])
    command = ["/sbin/modprobe", "-d", base, "-S", VERSION, "-R", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = Index((folder / "modules.alias.bin").read_bytes(), "x").find(key)
    assert set(found) == set(done.stdout.split())


def answers(data: bytes) -> None:
    index = Index(data, "some.img: modules.alias.bin")
    list(index.items())
    index.find("pci:v00008086d00001237sv00000000")


@given(st.data())
def test_damage_is_an_error_that_names_the_file_or_a_smaller_index(data: st.DataObject) -> None:
    content = bytearray(_sample())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        try:
            answers(damaged)
        except InputError as error:
            assert error.where.startswith("some.img: modules.alias.bin")


def _sample() -> bytes:
    """Return a small index: a node with a prefix and two children, one of them a pattern."""
    leaf = b"ext4\0"
    values = (1).to_bytes(4, "big") + (0).to_bytes(4, "big")
    first = 12
    one = values + leaf
    second = first + len(one)
    two = b"tail\0" + values + b"other\0"
    root = second + len(two)
    node = b"fs_\0" + b"*+"
    node += (0x40000000 | first).to_bytes(4, "big") + (0xC0000000 | second).to_bytes(4, "big")
    head = bytes.fromhex("b007f457 00020001") + (0xA0000000 | root).to_bytes(4, "big")
    return head + one + two + node


def test_the_sample_is_valid() -> None:
    index = Index(_sample(), "x")
    assert set(index.items()) == {("fs_*", "ext4"), ("fs_+tail", "other")}
    assert index.find("fs-ext4") == ("ext4",)
    assert index.find("fs-+tail") == ("ext4", "other")


@given(st.integers(0, 2000), st.integers(0, 255))
def test_a_damaged_module_is_an_error_or_another_module(place: int, value: int) -> None:
    content = bytearray(Module("kernel/a.ko", ("b",), ("fs-a",)).content())
    content[place % len(content)] = value
    for damaged in (bytes(content), bytes(content[: place % len(content)])):
        with suppress(DamagedModuleError):
            read_module(damaged)


def test_our_reader_and_modinfo_agree(folder: Path) -> None:
    path = folder / "kernel/b.ko"
    info = read_module(path.read_bytes())
    for field, values in (("alias", info.alias), ("depends", info.depends)):
        done = subprocess.run(
            ["/sbin/modinfo", "-F", field, path], capture_output=True, text=True, check=True
        )
        assert tuple(done.stdout.split()) == values
    assert info.vermagic.split()[0] == VERSION


@pytest.mark.parametrize("tool", [["xz", "--check=crc32"], ["gzip"], ["zstd", "-q"]])
def test_compressed_modules_are_read(folder: Path, tool: list[str]) -> None:
    content = (folder / "kernel/b.ko").read_bytes()
    packed = subprocess.run([*tool, "-c"], input=content, capture_output=True, check=True).stdout
    assert read_module(packed) == read_module(content)
