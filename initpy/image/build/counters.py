"""Names of boot entries whose boots the loader counts: NAME+LEFT-DONE.efi.

"Boot Counting" in the Boot Loader Specification of the UAPI group. kernel-install(8) gives a new
entry the tries in /etc/kernel/tries. systemd-boot counts them down, and systemd-bless-boot(8)
removes the counters after a good boot.
"""

import re
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.textlines import read_file

TRIES = Path("/etc/kernel/tries")
FOLDER = ("efi", "linux")  # of unified kernel images on the ESP; FAT ignores case
MOST = 999


def is_entry(output: Path) -> bool:
    """Return whether boot loaders take the file for an entry."""
    folder = tuple(part.lower() for part in output.absolute().parent.parts[-2:])
    return folder == FOLDER and output.suffix.lower() == ".efi"


def configured(file: Path = TRIES) -> int:
    """Return the tries of a new entry, 0 for none. Raises InputError."""
    try:
        text = read_file(file, "replace").strip()
    except OSError:
        return 0
    if not (text.isascii() and text.isdecimal() and int(text) <= MOST):
        raise InputError(str(file), text, f"a number of tries, at most {MOST}")
    return int(text)


def with_tries(output: Path, tries: int) -> Path:
    """Return the path of an entry that has these tries; 0: its boots are not counted."""
    return output.with_name(f"{output.stem}+{tries}{output.suffix}") if tries else output


def present(output: Path) -> list[Path]:
    """Return the entry's files: that without counters first, then those with counters."""
    stem, suffix = re.escape(output.stem), re.escape(output.suffix)
    pattern = re.compile(rf"{stem}(\+[0-9]+(-[0-9]+)?)?{suffix}")
    try:
        found = [path for path in output.parent.iterdir() if pattern.fullmatch(path.name)]
    except OSError:
        return []
    return sorted(found, key=lambda path: (path != output, path.name))
