"""Tells a user whose console has large letters that the prompt before root has not.

No font is loaded in the initramfs: the driver of the screen may come after the prompt and bring the
kernel's font back. The kernel has a large font of its own, which a parameter chooses.
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from initpy.config.assignments import assignments
from initpy.config.commandline import parse
from initpy.image.content.keymaps import text_of

CONSOLE = "/etc/vconsole.conf"  # vconsole.conf(5)
SETUP = "/etc/default/console-setup"  # console-setup(5)
PARAMETERS = ("rd.vconsole.font", "vconsole.font")
KERNELS = "fbcon"  # kernel-parameters.txt: fbcon=font:NAME
FOLDERS = (
    "/usr/share/consolefonts", "/usr/share/kbd/consolefonts", "/usr/lib/kbd/consolefonts",
)  # fmt: skip
ENDINGS = ("", ".psf.gz", ".psfu.gz", ".psf", ".psfu")
USUAL = 16  # pixels: the height of the kernel's own font
PSF1, PSF2 = b"\x36\x04", b"\x72\xb5\x4a\x86"
HEADER = 32  # bytes of PSF2's


def warnings(base: str, lines: Iterable[str]) -> list[str]:
    """Return a warning if the system in a folder has a console font of large letters.

    `lines` are its command lines; one that chooses the kernel's large font is answer enough.
    """
    given = [each for line in lines for each in parse(line).parameters]
    if any(each.key == KERNELS and "font:" in (each.value or "") for each in given):
        return []
    named = [(each.value or "", f"the parameter {each.key}") for each in given
             if each.key in PARAMETERS]  # fmt: skip
    for name, source in (*named, *_configured(base)):
        height = _height(base, name)
        if height > USUAL:
            return [
                f"{source}: the font {name} is not loaded before root: prompts have the kernel's, "
                f"with letters {USUAL} pixels high, not {height}; fbcon=font:TER16x32 on the "
                "command line chooses large ones, if the kernel has them"
            ]
    return []


def _configured(base: str) -> Iterator[tuple[str, str]]:
    """Yield the fonts that the system's files name; sizes stand for fonts of their height."""
    console, setup = (dict(assignments(text_of(f"{base}{path}"))) for path in (CONSOLE, SETUP))
    if name := console.get("FONT"):
        yield name, CONSOLE
    if name := setup.get("FONT"):
        yield name.split()[0], SETUP
    elif size := setup.get("FONTSIZE"):
        yield f"{setup.get('FONTFACE', '')}{size}", SETUP


def _height(base: str, name: str) -> int:
    """Return the height of a font's letters, of its file or as its name says; 0: not known."""
    for folder in ("", *FOLDERS) if name.startswith("/") else FOLDERS:
        for ending in ENDINGS:
            if height := _height_of(Path(f"{base}{folder}/{name.lstrip('/')}{ending}")):
                return height
    # ter-v32n, ter-132b, latarcyrheb-sun32, Terminus16x32 and its older order Terminus32x16.
    size = re.search(r"([0-9]{2})(?:x([0-9]{2}))?[a-z]?$", name)
    return max(int(each) for each in size.groups() if each) if size else 0


def _height_of(path: Path) -> int:
    try:
        if not path.is_file():
            return 0
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            header = file.read(HEADER)
    except (OSError, EOFError, zlib.error):
        return 0
    if header.startswith(PSF1) and len(header) > 3:
        return header[3]
    if header.startswith(PSF2) and len(header) == HEADER:
        return int.from_bytes(header[24:28], "little")
    return 0
