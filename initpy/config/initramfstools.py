"""Debian's settings for an initramfs that initpy obeys: of initramfs-tools and of cryptsetup.

`RESUME` (initramfs.conf(5)) is the device of a hibernated system. `KEYFILE_PATTERN` (README.Debian
of cryptsetup) names key files that belong into the image. Shells source these files; only plain
assignments are understood here.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from initpy.config.assignments import assignments

CONFIGURATION = "/etc/initramfs-tools/initramfs.conf"
KEY_FILES = "/etc/cryptsetup-initramfs/conf-hook"
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
    values = [value for text in in_order(texts) for value in _assigned(text, "RESUME")]
    return (values[-1] if values else "") or AUTO


def is_for_image(path: str, conf_hook: str) -> bool:
    """Return whether KEYFILE_PATTERN in the text of KEY_FILES matches a key file of crypttab."""
    patterns = [*_assigned(conf_hook, "KEYFILE_PATTERN")]
    return bool(patterns) and fnmatchcase(path, patterns[-1])


def _assigned(text: str, variable: str) -> Iterator[str]:
    return (value for name, value in assignments(text) if name == variable)


def parameters(resume: str) -> str:
    """Return the text of the image's default parameters for a device; "" for none."""
    word = f'"{resume}"' if re.search(r"\s", resume) else resume
    return f"resume={word}\n" if resume not in ("", NONE, AUTO) else ""
