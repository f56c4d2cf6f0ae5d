"""Reads the command lines of zipl, ukify and mkinitcpio, whose files name further files.

zipl (s390x) has its boot entries in `/etc/zipl.conf`. ukify and mkinitcpio make unified kernel
images, whose command line is in `uki.conf` or below `/etc/cmdline.d`.
"""

from collections.abc import Iterator

from initpy.config import ukify
from initpy.config.textlines import lines
from initpy.image.formats.cmdline import without_comments
from initpy.image.stack.bootmenus import Entry
from initpy.image.stack.system import System

ZIPL = "/etc/zipl.conf"
MKINITCPIO = "/etc/cmdline.d"


def zipl(system: System, base: str) -> Iterator[Entry]:
    """Yield the entries of zipl.conf(5), the default one first."""
    sections: dict[str, dict[str, str]] = {}
    keys: dict[str, str] = {}
    for line in lines(system.text(base + ZIPL) or ""):
        bare = line.strip()
        if bare.startswith(("[", ":")):
            keys = sections.setdefault(bare.strip("[]"), {})
        elif not bare.startswith("#"):
            key, _, value = bare.partition("=")
            keys.setdefault(key.strip().lower(), _unquoted(value.strip()))
    first = sections.get("defaultboot", {})
    menu = sections.get(f":{first.get('defaultmenu', '')}", {})
    default = first.get("default") or menu.get(menu.get("default", ""), "")
    for name in sorted(sections, key=lambda each: each != default):
        entry = sections[name]
        if kernel := entry.get("image"):
            # zipl puts the words of the file before those of the section.
            file = system.text(base + _place(entry["parmfile"])) if "parmfile" in entry else ""
            words = f"{file or ''} {entry.get('parameters', '')}".split()
            images = (_place(entry["ramdisk"]),) if entry.get("ramdisk") else ()
            yield name, " ".join(words), _place(kernel), images


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
    return value[1:-1] if quoted else value


def _place(value: str) -> str:
    """Return a path without the address in memory that may follow: `/boot/image,0x10000`."""
    return value.partition(",")[0]


def unified(system: System, base: str) -> Iterator[tuple[str, str]]:
    """Yield (file, command line) for unified kernel images, the one that goes before first."""
    for path in ukify.PLACES:
        found = ukify.parse(system.text(base + path) or "") or {}
        said = found.get("UKI", {}).get("cmdline", "")
        if said.startswith("@"):
            # ukify takes the file as it is: `#` begins no comment.
            said = system.text(base + said[1:]) or ""
        if words := said.replace("\0", " ").split():
            yield path, " ".join(words)
    files = [name for name in system.names(base + MKINITCPIO) if name.endswith(".conf")]
    texts = (system.text(f"{base}{MKINITCPIO}/{name}") for name in files)
    if joined := " ".join(filter(None, (without_comments(text or "") for text in texts))):
        yield f"{MKINITCPIO}/*.conf", joined
