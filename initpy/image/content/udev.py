"""Finds udev rules for the image, and the programs, users and groups that they use."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from initpy.config.textlines import read_file
from initpy.image.missing import Missing

# udev(7): the folder of programs that a rule names without a path.
HELPERS = Path("/usr/lib/udev")
# Of files with one name udev reads the first folder's; a link to /dev/null hides the others, too
# (udev(7)).
SYSTEM_RULES = (
    Path("/etc/udev/rules.d"),
    Path("/run/udev/rules.d"),
    Path("/usr/local/lib/udev/rules.d"),
    Path("/usr/lib/udev/rules.d"),
    Path("/lib/udev/rules.d"),
)

# The Debian packages of rules, by the end of their names; the others are udev's.
RULE_PACKAGES = {
    "md-raid-arrays.rules": "mdadm",
    "dm.rules": "dmsetup",
    "persistent-storage-dm.rules": "dmsetup",
    "dm-notify.rules": "dmsetup",
    "lvm.rules": "lvm2",
}

CALL = re.compile(r'(?:PROGRAM|IMPORT\{program\}|RUN(?:\{program\})?)\s*[=+:!]+\s*"([^"\s]+)')
OWNER = re.compile(r'OWNER\s*:?\+?=\s*"([a-z_][-a-z0-9_]*)"')
GROUP = re.compile(r'GROUP\s*:?\+?=\s*"([a-z_][-a-z0-9_]*)"')


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules files found, sorted by name, and the missing ones."""

    files: tuple[Path, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Mentions:
    """The programs (absolute paths, as udev finds them), users and groups in rules."""

    programs: tuple[str, ...]
    owners: tuple[str, ...]
    groups: tuple[str, ...]


def find_rules(
    wanted: Iterable[tuple[str, str]], own: Path, folders: Iterable[Path] = SYSTEM_RULES
) -> Rules:
    """Find rules by (file name, source that wants it), the project's before the system's.

    A hidden file is a path to /dev/null.
    """
    places = (own, *folders)
    found: dict[str, Path] = {}
    missing: list[Missing] = []
    for name, by in wanted:
        paths = (folder / name for folder in places)
        path = next((path for path in paths if path.is_file() or is_hidden(path)), None)
        if path is None:
            hint = f"not in {own} nor {HELPERS}/rules.d"
            if "initpy" not in name:
                hint = f"apt install {RULE_PACKAGES.get(name.partition('-')[2], 'udev')}"
            missing.append(Missing("udev rule", name, by, hint))
        else:
            found[name] = path
    return Rules(tuple(path for _, path in sorted(found.items())), tuple(missing))


def is_hidden(path: Path) -> bool:
    """Return whether a file hides its namesakes in later folders."""
    # Path.resolve() raises at a link to itself.
    return path.is_symlink() and os.path.realpath(path) == "/dev/null"


def mentions(rules: Iterable[Path]) -> Mentions:
    """Return the programs, users and groups that files of rules name."""
    return mentions_in(path.read_text("utf-8", "replace") for path in filter(Path.is_file, rules))


def mentions_in(texts: Iterable[str]) -> Mentions:
    """Return the programs, users and groups that the texts of rules name.

    A name with a substitution ("$env{...}") is unknown before run time and is skipped.
    """
    programs: set[str] = set()
    owners: set[str] = set()
    groups: set[str] = set()
    for lines in map(str.splitlines, texts):
        text = "\n".join(line for line in lines if not line.startswith("#"))
        called = (name for name in CALL.findall(text) if "$" not in name and "%" not in name)
        programs.update(name if "/" in name else str(HELPERS / name) for name in called)
        owners.update(OWNER.findall(text))
        groups.update(GROUP.findall(text))
    return Mentions(tuple(sorted(programs)), tuple(sorted(owners)), tuple(sorted(groups)))


def account_lines(table: Path, names: Iterable[str]) -> str:
    """Return passwd or group lines for root and the names, without passwords and members.

    Names unknown to this machine are skipped: udev logs them and continues.
    """
    wanted = {"root", *names}
    try:
        text = read_file(table, "surrogateescape")
    except OSError:
        text = ""
    lines: list[str] = []
    for line in text.split("\n"):
        fields = line.split(":")
        if fields[0] in wanted and len(fields) >= 4:
            if len(fields) >= 7:
                fields = [fields[0], "x", fields[2], fields[3], "", fields[5], "/bin/sh"]
            else:
                fields = [fields[0], "x", fields[2], ""]
            lines.append(":".join(fields))
    return "\n".join(sorted(lines)) + "\n"
