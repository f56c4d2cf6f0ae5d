"""Debian's `RESUME`: the device of a hibernated system (initramfs.conf(5)).

mkinitramfs sources its files as a shell does. Only plain assignments are understood here.
"""

import re
import shlex
from collections.abc import Mapping

CONFIGURATION = "/etc/initramfs-tools/initramfs.conf"
# The files in /etc mask those of the same name in /usr.
FOLDERS = ("/usr/share/initramfs-tools/conf.d", "/etc/initramfs-tools/conf.d")
# mkinitramfs(8) leaves out other names, and what dpkg left.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
AUTO, NONE = "auto", "none"


def is_read(name: str) -> bool:
    """Return whether mkinitramfs reads a file of this name in a folder of FOLDERS."""
    return bool(NAME.fullmatch(name)) and ".dpkg-" not in name


def in_order(texts: Mapping[str, str]) -> list[str]:
    """Return those of these files (path -> text) that mkinitramfs reads, in its order."""
    found = [texts[CONFIGURATION]] if CONFIGURATION in texts else []
    own = {path.rpartition("/")[2] for path in texts if path.rpartition("/")[0] == FOLDERS[1]}
    for folder in FOLDERS:
        for path in sorted(texts):
            place, _, name = path.rpartition("/")
            masked = folder != FOLDERS[1] and name in own
            if place == folder and is_read(name) and not masked:
                found.append(texts[path])
    return found


def resume_of(texts: Mapping[str, str]) -> str:
    """Return the last value of RESUME in these files (path -> text); AUTO if none has one."""
    found = AUTO
    for text in in_order(texts):
        for line in text.splitlines():
            try:
                words = shlex.split(line, comments=True)
            except ValueError:
                continue  # a quotation that goes on: no plain assignment
            for word in words:
                name, separator, value = word.partition("=")
                if name == "RESUME" and separator:
                    found = value or AUTO
    return found


def parameters(resume: str) -> str:
    """Return the text of the image's default parameters for a device; "" for none."""
    word = f'"{resume}"' if re.search(r"\s", resume) else resume
    return f"resume={word}\n" if resume not in ("", NONE, AUTO) else ""
