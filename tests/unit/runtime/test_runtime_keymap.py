"""A keymap goes into the kernel key by key; one that cannot be loaded is said (R37)."""

import fcntl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.config.settings import read_settings
from initpy.runtime import keymap, start

PLAIN, SHIFT = 0, 1


def binary(tables: dict[int, dict[int, int]]) -> bytes:
    flags = bytes(number in tables for number in range(256))
    values = [tables[number].get(key, 0x200) for number in sorted(tables) for key in range(128)]
    return b"bkeymap" + flags + struct.pack(f"{len(values)}H", *values)


GERMAN = binary({PLAIN: {21: 0xB7A, 44: 0xB79}, SHIFT: {21: 0xB5A}})


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[tuple[int, ...]]]:
    """The calls that a terminal would get; keymaps are in a folder of the test."""
    calls: list[tuple[int, ...]] = []

    def ioctl(_: int, request: int, argument: bytes) -> bytes:
        if request == keymap.KDSKBENT:
            calls.append(struct.unpack("=BBH", argument))
        return argument

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    monkeypatch.setattr(keymap, "VIRTUAL", "/dev/null")
    monkeypatch.setattr(keymap, "console_paths", lambda: ["/dev/ttyS0", "/dev/tty0"])
    monkeypatch.setattr(keymap, "FOLDER", str(tmp_path))
    monkeypatch.setattr(keymap, "DEFAULT", str(tmp_path / "default.bmap"))
    return lambda: calls


def test_each_key_of_the_machines_keymap_is_set(
    kernel: Callable[[], list[tuple[int, ...]]], tmp_path: Path
) -> None:
    (tmp_path / "default.bmap").write_bytes(GERMAN)
    keymap.load("")
    assert kernel() == [(PLAIN, 21, 0xB7A), (PLAIN, 44, 0xB79), (SHIFT, 21, 0xB5A)]


def test_the_command_line_chooses_another(
    kernel: Callable[[], list[tuple[int, ...]]], tmp_path: Path
) -> None:
    (tmp_path / "default.bmap").write_bytes(GERMAN)
    (tmp_path / "fr.bmap").write_bytes(binary({PLAIN: {16: 0xB61}}))
    keymap.load("fr")
    assert kernel() == [(PLAIN, 16, 0xB61)]


def test_the_kernels_own_layout_may_be_asked_for(
    kernel: Callable[[], list[tuple[int, ...]]], tmp_path: Path
) -> None:
    (tmp_path / "default.bmap").write_bytes(GERMAN)
    keymap.load("us")
    assert kernel() == []


def test_a_keymap_that_the_image_lacks_leaves_the_machines_own(
    kernel: Callable[[], list[tuple[int, ...]]], tmp_path: Path
) -> None:
    (tmp_path / "default.bmap").write_bytes(GERMAN)
    with pytest.raises(InputError, match=r"'fr'.*in the image \(default\)"):
        keymap.load("fr")
    assert len(kernel()) == 3


def test_without_a_virtual_terminal_among_the_consoles_nothing_is_loaded(
    kernel: Callable[[], list[tuple[int, ...]]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "default.bmap").write_bytes(GERMAN)
    monkeypatch.setattr(keymap, "console_paths", lambda: ["/dev/ttyS0", "/dev/ttyAMA0"])
    keymap.load("")
    assert kernel() == []


@pytest.mark.parametrize("data", [b"", b"bkeymap", GERMAN[:-1], b"keycode 21 = z\n"])
def test_what_is_no_keymap_is_said(
    kernel: Callable[[], list[tuple[int, ...]]], tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "default.bmap").write_bytes(data)
    with pytest.raises(InputError, match="binary keymap of loadkeys"):
        keymap.load("")
    assert kernel() == []


def test_a_start_goes_on_without_its_keymap() -> None:
    assert start.keymap_problems("") == ()


@pytest.mark.parametrize(("text", "name"), [
    ("rd.vconsole.keymap=de-latin1", "de-latin1"),
    ("vconsole.keymap=fr rd.vconsole.keymap=de", "de"),
    ("KEYMAP=fr.map.gz", "fr"),
    ("rd.vconsole.keymap=../../etc/x", ""),
    ("rd.vconsole.keymap=", ""),
    ("rd.vconsole.font=ter-v16", ""),
])  # fmt: skip
def test_parameters_name_a_keymap(text: str, name: str) -> None:
    assert read_settings(text)[0].keymap == name
