"""Makes the keymaps of an image: the machine's own, and those that its command lines name (R37).

A boot only copies them into the kernel (`initpy.runtime.keymap`). loadkeys(1) compiles them;
ckbcomp(1) makes keymaps of X11's layouts, of which Debian and Ubuntu keep the result, too.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from initpy.config.keyboard import (
    CONSOLE,
    DEFAULT,
    ENDING,
    FOLDER,
    KERNELS,
    RECORD,
    XKB,
    Layout,
    layout_of,
    named_in,
)
from initpy.image import process
from initpy.image.content.programs import find_program
from initpy.image.tree import Entry, File, Link

# What setupcon(1) saved, by the last key of its name: Debian's DELETE sends DEL.
SAVED = ("cached_UTF-8_del.kmap.gz", "cached.kmap.gz")
SAVED_IN = "/etc/console-setup"
SWITCH = "grp:alt_shift_toggle"
# keyboard.h: the table of plain keys comes first; a letter is KT_LETTER or KT_LATIN.
HEADER = 7 + 256
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
LETTERS = {kind << 8 | code for kind in (0, 11) for code in ALPHABET}


@dataclass(slots=True)
class Keymaps:
    """The entries of the image, and what the user is told."""

    entries: dict[str, Entry] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def collect(base: str | None, lines: Iterable[str], names: Iterable[str] = ()) -> Keymaps:
    """Return the keymaps of the system in a folder, of command lines, and of these names.

    `base` is "" for this machine's system; None: of no machine. What cannot be made is a warning:
    the prompt then has the kernel's layout.
    """
    found = Keymaps()
    if base is not None:
        texts = {path: text_of(f"{base}{path}") for path in (CONSOLE, XKB)}
        _own(found, base, layout_of(texts))
    for name in dict.fromkeys((*names, *named_in(lines))):
        made = _compiled(_of_console(Layout(keymap=name), "") or _of_xkb(Layout(layout=name)))
        if made is None:
            what = f"the keymap {name}, which the command line or `keymaps` names"
            found.warnings.append(f"{what}: {_why_not(name)}; a prompt has the machine's own")
        else:
            found.entries[f"{FOLDER}/{name}{ENDING}"] = File(made)
    return found


def _own(found: Keymaps, base: str, layout: Layout) -> None:
    if layout.is_kernels:
        return
    console, saved = _of_console(layout, base), _saved(base)
    if layout.keymap:
        made = _compiled(console)
    else:
        made = _compiled(_of_xkb(layout) or saved or console)
        if made is not None and not _has_latin(made) and (both := _of_xkb(_with_us(layout))):
            made = _compiled(both)
            found.warnings.append(
                f"the keyboard's layout {layout} has no Latin letters: prompts begin with us, and "
                "Alt+Shift switches"
            )
    if made is None:
        what = f"passphrases are typed as on a US keyboard, not {layout}"
        found.warnings.append(f"{what}: {_why_not(str(layout))}")
        return
    if not _has_latin(made):
        what = f"the keyboard's layout {layout} has no Latin letters"
        found.warnings.append(f"{what}: a passphrase of such cannot be typed at the prompt")
    found.entries[RECORD] = File(f"{layout.record}\n".encode(errors="surrogateescape"))
    name = Path(layout.keymap).name.split(".")[0]
    if name:
        found.entries[f"{FOLDER}/{name}{ENDING}"] = File(made)
        found.entries[DEFAULT] = Link(f"{FOLDER}/{name}{ENDING}")
    else:
        found.entries[DEFAULT] = File(made)


def text_of(path: str) -> str:
    """Return what a file of the machine's console says; nothing if it cannot be read."""
    try:
        there = Path(path).is_file()
        return Path(path).read_text("utf-8", "surrogateescape") if there else ""
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class _Source:
    """What loadkeys compiles: files that it finds, or a text."""

    arguments: tuple[str, ...] = ()
    text: bytes = b""


def _of_console(layout: Layout, base: str) -> _Source | None:
    """Return the source of a keymap of the console, by its name or path."""
    if find_program("loadkeys") is None:
        return None
    if layout.keymap:
        given = [each for each in (layout.keymap, layout.toggle) if each]
        return _Source(tuple(f"{base}{each}" if each.startswith("/") else each for each in given))
    # localed's names of keymaps (kbd-model-map) are mostly those of the layouts.
    first, variant = (each.split(",")[0] for each in (layout.layout, layout.variant))
    for name in dict.fromkeys((f"{first}-{variant}" if variant else first, first)):
        if _compiled(_Source((name,))) is not None:
            return _Source((name,))
    return None


def _of_xkb(layout: Layout) -> _Source | None:
    """Return the source of a layout of X11; None if ckbcomp is absent or does not know it."""
    program = find_program("ckbcomp")
    if program is None:
        return None
    words = {"-model": layout.model, "-variant": layout.variant, "-option": layout.options}
    given = [each for key, value in words.items() if value for each in (key, value)]
    try:
        text = process.run([str(program), *given, "-layout", layout.layout])
    except process.ToolError:
        return None
    return _Source(text=text) if text else None


def _with_us(layout: Layout) -> Layout:
    options = ",".join(filter(None, (layout.options, SWITCH)))
    return layout._replace(
        layout=f"us,{layout.layout}", variant=f",{layout.variant}", options=options
    )


def _saved(base: str) -> _Source | None:
    paths = (Path(f"{base}{SAVED_IN}") / name for name in SAVED)
    return next((_Source((str(path),)) for path in paths if path.is_file()), None)


def _compiled(source: _Source | None) -> bytes | None:
    """Return the binary keymap; None without a source, or if loadkeys refuses it or is absent."""
    program = find_program("loadkeys")
    if program is None or source is None:
        return None
    command = [str(program), "--unicode", "--bkeymap", *source.arguments]
    try:
        made = process.run(command, stdin=source.text)
    except process.ToolError:
        return None
    return made if made.startswith(b"bkeymap") and len(made) > HEADER else None


def _why_not(name: str) -> str:
    if name in KERNELS:
        return "the kernel has it by itself"
    if find_program("loadkeys") is None:
        return "loadkeys is not installed (package kbd)"
    return f"neither loadkeys nor ckbcomp finds {name} (packages kbd, console-setup)"


def _has_latin(made: bytes) -> bool:
    plain = made[HEADER : HEADER + 256]
    values = {int.from_bytes(plain[at : at + 2], sys.byteorder) for at in range(0, len(plain), 2)}
    return len({value & 0xFF for value in values & LETTERS}) == len(ALPHABET)
