"""The lines of a system's crypttab as an image gets them."""

import re

from initpy.config.crypttab import MARKS
from initpy.config.textlines import fields as fields_of
from initpy.config.textlines import lines

IN_INITRAMFS = "crypttab.initramfs"  # beside crypttab: Arch's, for the initramfs alone
ATTACH = MARKS[1]


def joined(own: str, initramfs: str) -> str:
    """Return a system's crypttab with its crypttab.initramfs, Arch's file for the initramfs.

    Its lines go before those of the same name, and get systemd's mark.
    """
    if not initramfs.strip():
        return own
    first = [marked(line) for line in lines(initramfs)]
    names = {words[0] for line in first if (words := fields_of(line))}
    rest = [
        "" if fields_of(line)[:1] and fields_of(line)[0] in names else line for line in lines(own)
    ]
    return "\n".join((*first, *rest))


def placed(where: str, path: str, initramfs: str) -> str:
    """Return where a line of `joined` really is, given `PATH:NUMBER…`, the place of own lines."""
    found = re.fullmatch(rf"{re.escape(path)}:([0-9]+)(.*)", where, re.DOTALL)
    if found is None or not initramfs.strip():
        return where
    number, count = int(found[1]), len(lines(initramfs))
    if number > count:
        return f"{path}:{number - count}{found[2]}"
    return f"{path.rpartition('/')[0]}/{IN_INITRAMFS}:{number}{found[2]}"


def marked(line: str) -> str:
    """Return a line with systemd's mark, if it has none; "" for one that names no volume."""
    fields = fields_of(line)
    if len(fields) < 2 or fields[0].startswith("#"):
        return ""
    fields += ["none", ""][len(fields) - 2 :]
    options = fields[3].split(",")
    if not any(mark in options for mark in MARKS):
        fields[3] = ",".join(filter(None, (fields[3], ATTACH)))
    return " ".join(fields)
