"""A user whose console has large letters is told that the prompt before root has not."""

import gzip
import struct
from pathlib import Path

import pytest

from initpy.image.content.fonts import warnings

PSF2 = struct.pack("<8I", 0x864AB572, 0, 32, 0, 256, 128, 32, 16)


@pytest.mark.parametrize(
    ("path", "text", "height"),
    [
        ("vconsole.conf", "FONT=ter-v32n\n", 32), ("vconsole.conf", 'FONT="latarcyrheb-sun32"', 32),
        ("vconsole.conf", "FONT=solar24x32", 32), ("vconsole.conf", "FONT=ter-132b\r\n", 32),
        ("default/console-setup", 'FONTFACE="Terminus"\nFONTSIZE="16x32"\n', 32),
        ("default/console-setup", 'FONTFACE="TerminusBold"\nFONTSIZE="28x14"\n', 28),
        # As installers leave them: nothing is lost.
        ("vconsole.conf", 'KEYMAP="us"\nFONT="eurlatgr"\n', 0), ("vconsole.conf", "FONT=", 0),
        ("vconsole.conf", "FONT=lat9w-16", 0), ("vconsole.conf", "", 0),
        ("default/console-setup", 'FONTFACE="Fixed"\nFONTSIZE="8x16"\n', 0),
        ("default/console-setup", 'FONTFACE=""\nFONTSIZE=""\n', 0),
    ],
)  # fmt: skip
def test_fonts_that_systems_name(path: str, text: str, height: int, tmp_path: Path) -> None:
    file = tmp_path / "etc" / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    found = warnings(str(tmp_path), ["root=LABEL=x"])
    assert len(found) == bool(height)
    if height:
        assert f"/etc/{path}: the font " in found[0]
        assert f"not {height};" in found[0]
    assert warnings(str(tmp_path), ["root=LABEL=x fbcon=font:TER16x32"]) == []


def test_the_height_is_that_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/kbd/consolefonts"
    folder.mkdir(parents=True)
    (folder / "big.psfu.gz").write_bytes(gzip.compress(PSF2 + bytes(64)))
    (folder / "old64.psf").write_bytes(b"\x36\x04\x00\x10" + bytes(64))
    (folder / "cut32.psf.gz").write_bytes(b"\x1f\x8b\x08")
    (found,) = warnings(str(tmp_path), ["rd.vconsole.font=big"])
    assert "the parameter rd.vconsole.font: the font big" in found
    assert warnings(str(tmp_path), ["vconsole.font=old64"]) == []
    assert len(warnings(str(tmp_path), ["vconsole.font=cut32"])) == 1
    assert warnings(str(tmp_path), ["vconsole.font=nowhere"]) == []
