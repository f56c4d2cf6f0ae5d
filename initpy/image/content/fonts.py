"""Finds the console fonts of an image: the machine's own, and those that its command lines name.

udev loads them (rules/90-initpy-font.rules) each time a driver takes the console over, which brings
the kernel's own font back. vconsole.conf(5), console-setup(5).
"""

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from initpy.config.assignments import assignments, environment
from initpy.config.commandline import parse
from initpy.config.console import FONT_FOLDER, FONT_PARAMETERS, is_name
from initpy.image.content.keymaps import text_of
from initpy.image.content.programs import find_program
from initpy.image.tree import Entry, File, host_file

CONSOLE = "/etc/vconsole.conf"
SETUP = "/etc/default/console-setup"
# The script that setupcon(1) leaves for the next boot, with the font that it chose.
SAVED = "/etc/console-setup/cached_setup_font.sh"
SAVED_FONT = re.compile(r"setfont\s+(?:-\S+\s+\S+\s+)*'([^']+)'")
RULES = "/usr/lib/udev/rules.d/90-initpy-font.rules"
OWN = f"{FONT_FOLDER}/default.psf"
# busybox's loadfont does not do: Debian's takes letters 8 pixels wide only.
LOADER = "/usr/bin/setfont"  # kbd's
KERNELS = "fbcon"  # kernel-parameters.txt: fbcon=font:NAME
FOLDERS = (
    "/usr/share/consolefonts", "/usr/share/kbd/consolefonts", "/usr/lib/kbd/consolefonts",
)  # fmt: skip
ENDINGS = ("", ".psf.gz", ".psfu.gz", ".psf", ".psfu")
GUESSED = ("guess", "")
USUAL_SET = "Lat15"  # Debian's for languages that are written in Latin letters
PSF1, PSF2 = b"\x36\x04", b"\x72\xb5\x4a\x86"
# The kernel takes 512 characters, of 64 by 128 pixels at most; their names in Unicode follow.
MOST_BYTES = 1 << 20


@dataclass(slots=True)
class Fonts:
    """The entries of the image, and what the user is told."""

    entries: dict[str, Entry] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def collect(base: str | None, lines: Iterable[str], rules: Path) -> Fonts:
    """Return the fonts of the system in a folder and of command lines, with the rules from `rules`.

    `base` is "" for this machine's system; None: of no machine. A font that cannot be read is a
    warning: prompts then have the kernel's. A command line that chooses the kernel's font wins.
    """
    found = Fonts()
    given = [each for line in lines for each in parse(line).parameters]
    if any(each.key == KERNELS and "font:" in (each.value or "") for each in given):
        return found
    named = [each.value or "" for each in given if each.key in FONT_PARAMETERS]
    for name in dict.fromkeys(filter(None, named)):
        data = _font(base or "", name) if is_name(name) else None
        if data is None:
            what = f"{FONT_PARAMETERS[0]}={name} of the command line"
            found.warnings.append(f"{what}: no such font here: prompts have the machine's own")
        else:
            found.entries[f"{FONT_FOLDER}/{name}.psf"] = File(data)
    if base is not None:
        _own(found, base)
    if found.entries:
        _add_loader(found, rules)
    return found


def _add_loader(found: Fonts, rules: Path) -> None:
    program = find_program(Path(LOADER).name)
    if program is None:
        found.entries.clear()
        found.warnings.append(
            "setfont is not installed (package kbd): prompts have the kernel's font"
        )
        return
    found.entries[LOADER] = host_file(program)
    found.entries[RULES] = File((rules / Path(RULES).name).read_bytes())


def _own(found: Fonts, base: str) -> None:
    console = dict(environment(text_of(f"{base}{CONSOLE}")))
    choices = [*_configured(base, console)]
    for name, _ in choices:
        if data := _font(base, name):
            found.entries[OWN] = File(data)
            if unimap := console.get("FONT_UNIMAP"):
                what = f"{CONSOLE}: FONT_UNIMAP={unimap}"
                found.warnings.append(f"{what} is not applied to the font of prompts")
            return
    for name, source in choices[:1]:
        found.warnings.append(
            f"{source}: the font {name} is not on this system, or no PSF font: prompts have the "
            "kernel's"
        )


def _configured(base: str, console: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the fonts that the system's files name, with the file, in the order of preference."""
    if name := console.get("FONT"):
        yield name, CONSOLE
        return
    for name in SAVED_FONT.findall(text_of(f"{base}{SAVED}")):
        yield name, SAVED
    setup = dict(assignments(text_of(f"{base}{SETUP}")))
    names = setup.get("FONT", "").split()
    yield from ((name, SETUP) for name in names)
    face, size = setup.get("FONTFACE", ""), setup.get("FONTSIZE", "")
    if not names and face and size:
        chosen = setup.get("CODESET", "")
        charset = USUAL_SET if chosen in GUESSED else chosen
        yield f"{charset}-{face}{_in_name(size)}", SETUP


def _in_name(size: str) -> str:
    """Return a size as names of fonts have it: 8x16 -> 16, 16x32 and 32x16 -> 32x16."""
    numbers = sorted((int(each) for each in re.findall(r"\d+", size)), reverse=True)
    return "x".join(map(str, (each for each in numbers if each != 8))) if numbers else size


def _font(base: str, name: str) -> bytes | None:
    """Return the content of a font, unpacked; None if there is none, or in another format."""
    for folder in ("",) if name.startswith("/") else FOLDERS:
        for ending in ENDINGS:
            data = _content(Path(f"{base}{folder}/{name.lstrip('/')}{ending}"))
            if data.startswith((PSF1, PSF2)):
                return data
    return None


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            return b""
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        return b""
    return data if len(data) <= MOST_BYTES else b""
