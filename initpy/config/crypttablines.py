"""The lines of a system's crypttab as an image gets them."""

from initpy.config.crypttab import MARKS
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
    names = {words[0] for line in first if (words := line.split())}
    rest = [line for line in lines(own) if not (words := line.split()) or words[0] not in names]
    return "\n".join((*first, *rest))


def marked(line: str) -> str:
    """Return a line with systemd's mark, if it has none; "" for one that names no volume."""
    fields = line.split()
    if len(fields) < 2 or fields[0].startswith("#"):
        return ""
    fields += ["none", ""][len(fields) - 2 :]
    options = fields[3].split(",")
    if not any(mark in options for mark in MARKS):
        fields[3] = ",".join(filter(None, (fields[3], ATTACH)))
    return " ".join(fields)
