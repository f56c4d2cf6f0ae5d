"""systemd's generators as they run in an initrd: what they make of the files that initpy reads too.

docs/ENVIRONMENT.md of systemd names the variables.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path("/usr/lib/systemd/system-generators")
TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where one of these generators is not installed."""
    absent = [each for each in names if not (FOLDER / f"systemd-{each}-generator").exists()]
    return pytest.mark.skipif(bool(absent), reason=f"needs systemd's {', '.join(absent)}-generator")


class Unit:
    """A unit file; of a key that occurs several times all values are kept."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._values: dict[str, list[str]] = {}
        for line in text.split("\n"):
            key, equals, value = line.partition("=")
            if equals:
                self._values.setdefault(key, []).append(value)

    def all(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def value(self, key: str) -> str:
        """The only value, "" if there is none, with systemd's escapes undone."""
        (text,) = self.all(key) or [""]
        return re.sub(r"\\x([0-9a-f]{2})", _byte, text.replace("%%", "%"))


def _byte(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


class Made:
    """What a generator has made: unit files, and the links that say which unit pulls them in."""

    def __init__(self, folder: Path, errors: str) -> None:
        self.errors = errors
        self.units: dict[str, Unit] = {}
        self.links: set[str] = set()
        for path in folder.rglob("*"):
            name = str(path.relative_to(folder))
            if path.is_symlink():
                self.links.add(name)
            elif path.is_file():
                self.units[name] = Unit(path.read_bytes().decode("utf-8", "surrogateescape"))


def run(name: str, folder: Path, line: str, **files: str) -> Made:
    """Run a generator with a command line and files: FSTAB, SYSROOT_FSTAB, CRYPTTAB, VERITYTAB."""
    shutil.rmtree(folder, ignore_errors=True)
    made = folder / "made"
    made.mkdir(parents=True)
    environment = {
        "PATH": "/usr/sbin:/usr/bin", "SYSTEMD_IN_INITRD": "1", "SYSTEMD_LOG_TARGET": "console",
        "SYSTEMD_PROC_CMDLINE": line,
    }  # fmt: skip
    for key in ("FSTAB", "SYSROOT_FSTAB", "CRYPTTAB", "VERITYTAB"):
        environment[f"SYSTEMD_{key}"] = str(folder / key)
        if key in files:
            (folder / key).write_bytes(files[key].encode("utf-8", "surrogateescape"))
    command = [str(FOLDER / f"systemd-{name}-generator"), *(os.fspath(made) for _ in range(3))]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=30
    )
    return Made(made, ended.stderr)
