"""The font of the machine's console and those of its command lines are in the image (R37)."""

import gzip
import struct
from pathlib import Path

import pytest

from initpy.config.console import FONT_FOLDER
from initpy.config.project import PROJECT
from initpy.image.content import fonts
from initpy.image.content.fonts import LOADER, OWN, RULES, collect
from initpy.image.tree import File

RULES_FOLDER = PROJECT / "rules"


@pytest.fixture(autouse=True)
def _setfont(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a file that each machine has for setfont."""
    monkeypatch.setattr(fonts, "find_program", lambda _: Path("/bin/sh"))


def psf2(height: int) -> bytes:
    return struct.pack("<8I", 0x864AB572, 0, 32, 0, 256, 2 * height, height, 16) + bytes(64)


def system(base: Path, **files: str | bytes) -> str:
    """Write files of a system; `__` in a name stands for a slash, and `_dot_` for a dot."""
    for name, content in files.items():
        path = base / name.replace("__", "/").replace("_dot_", ".").replace("_dash_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(base)


def own(base: Path, **files: str | bytes) -> bytes | None:
    """Return the font that the image has for the system; None without one."""
    entry = collect(system(base, **files), [], RULES_FOLDER).entries.get(OWN)
    return entry.read() if isinstance(entry, File) else None


BIG = gzip.compress(psf2(32))


def test_the_font_of_vconsole_conf(tmp_path: Path) -> None:
    found = own(
        tmp_path,
        etc__vconsole_dot_conf='KEYMAP="us"\nFONT=ter-v32n\n',
        usr__lib__kbd__consolefonts__ter_dash_v32n_dot_psf_dot_gz=BIG,
    )
    assert found == psf2(32)
    assert RULES in collect(str(tmp_path), [], RULES_FOLDER).entries


def test_what_setupcon_chose_goes_before_what_it_would_choose(tmp_path: Path) -> None:
    saved = "/etc/console-setup/cached_Lat15-Fixed16.psf.gz"
    found = own(
        tmp_path,
        etc__default__console_dash_setup='CODESET="guess"\nFONTFACE="Terminus"\nFONTSIZE="16x32"\n',
        usr__share__consolefonts__Lat15_dash_Terminus32x16_dot_psf_dot_gz=BIG,
    )
    assert found == psf2(32)
    found = own(
        tmp_path,
        etc__console_dash_setup__cached_setup_font_dot_sh=f"#!/bin/sh\n\nsetfont '{saved}' \n",
        **{saved[1:].replace("/", "__").replace(".", "_dot_").replace("-", "_dash_"): psf2(16)},
    )
    assert found == psf2(32)  # the saved one's name says that it is compressed, and it is not
    (tmp_path / saved[1:]).write_bytes(gzip.compress(psf2(16)))
    assert own(tmp_path) == psf2(16)


@pytest.mark.parametrize(
    ("size", "name"),
    [("8x16", "Lat2-Fixed16"), ("16x32", "Lat2-Fixed32x16"), ("28x14", "Lat2-Fixed28x14")],
)
def test_the_sizes_of_console_setup(size: str, name: str, tmp_path: Path) -> None:
    text = f'CODESET="Lat2"\nFONTFACE="Fixed"\nFONTSIZE="{size}"\n'
    system(tmp_path, etc__default__console_dash_setup=text)
    folder = tmp_path / "usr/share/consolefonts"
    folder.mkdir(parents=True)
    (folder / f"{name}.psf.gz").write_bytes(BIG)
    assert own(tmp_path) == psf2(32)


def test_nothing_is_there_for_a_system_without_a_font(tmp_path: Path) -> None:
    found = collect(system(tmp_path, etc__vconsole_dot_conf="KEYMAP=us\nFONT=\n"), [], RULES_FOLDER)
    assert (found.entries, found.warnings) == ({}, [])
    assert collect(None, ["root=LABEL=x"], RULES_FOLDER).entries == {}


def test_a_font_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    base = system(
        tmp_path,
        etc__vconsole_dot_conf="FONT=gone\n",
        usr__share__consolefonts__gone_dot_psf="no font",
        usr__share__consolefonts__cut_dot_psf_dot_gz=b"\x1f\x8b\x08",
    )
    (said,) = collect(base, [], RULES_FOLDER).warnings
    assert said.startswith("/etc/vconsole.conf: the font gone is not on this system")
    found = collect(base, ["rd.vconsole.font=cut", "vconsole.font=../../x"], RULES_FOLDER)
    assert found.entries == {} and len(found.warnings) == 3


def test_the_fonts_of_command_lines(tmp_path: Path) -> None:
    base = system(tmp_path, usr__share__consolefonts__big_dot_psfu_dot_gz=BIG)
    found = collect(base, ["root=LABEL=x rd.vconsole.font=big"], RULES_FOLDER).entries
    assert set(found) == {f"{FONT_FOLDER}/big.psf", LOADER, RULES}


def test_a_machine_without_setfont_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = system(
        tmp_path, etc__vconsole_dot_conf="FONT=big", usr__share__consolefonts__big_dot_psf=psf2(32)
    )
    monkeypatch.setattr(fonts, "find_program", lambda _: None)
    found = collect(base, [], RULES_FOLDER)
    assert found.entries == {}
    assert found.warnings == [
        "setfont is not installed (package kbd): prompts have the kernel's font"
    ]


def test_a_font_of_the_kernels_on_the_command_line_wins(tmp_path: Path) -> None:
    base = system(
        tmp_path, etc__vconsole_dot_conf="FONT=big", usr__share__consolefonts__big_dot_psf=psf2(32)
    )
    assert collect(base, ["fbcon=font:TER16x32"], RULES_FOLDER).entries == {}
    assert OWN in collect(base, ["quiet"], RULES_FOLDER).entries
