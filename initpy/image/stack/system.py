"""The access to a system for describing its root: sysfs, procfs, udev's database, programs.

All access goes through `System`, so that a system can be recorded and described elsewhere:
`Recording` stores the answers, `Recorded` plays them back.
"""

import json
import os
import platform
import stat
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from initpy.config.errors import InputError
from initpy.image.formats.luksinfo import read_luks
from initpy.image.kernel.kernels import release_of
from initpy.image.process import CLEAN_ENVIRONMENT

Answer = TypeVar("Answer")

# A name in a damaged file may hold a zero byte: for it Python raises ValueError, not OSError.
UNREADABLE = (OSError, ValueError)
SECONDS = 20  # for a program that only reads; it may hang on a dead disk


class System(Protocol):
    """Read-only access to a system."""

    def text(self, path: str) -> str | None:
        """Return a file's content; None if it is unreadable."""

    def data(self, path: str) -> bytes | None:
        """Return the bytes of a file; None if it is unreadable."""

    def real(self, path: str) -> str | None:
        """Return a path with all links followed; None if it does not exist."""

    def names(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder; nothing if it is no folder."""

    def output(self, command: Sequence[str]) -> str | None:
        """Return a program's output; None if it fails or does not exist."""

    def luks(self, path: str) -> Mapping[str, str] | None:
        """Read the LUKS header of a device or file (see `luksinfo`); None if unreadable."""

    def linux(self, path: str) -> str | None:
        """Return the release of a kernel's file; "" if it does not say, None if unreadable."""

    def release(self) -> str:
        """Return the running kernel's release."""

    def machine(self) -> str:
        """Return the architecture, as `uname -m`."""


class Running:
    """The system that this process runs on."""

    def text(self, path: str) -> str | None:
        data = self.data(path)
        if data is None:
            return None
        # As a file that is opened as text: a line ends with `\n`.
        text = data.decode("utf-8", "replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def data(self, path: str) -> bytes | None:
        try:
            # A pipe or a device in place of a file may have no end.
            regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
            return Path(path).read_bytes() if regular else None
        except UNREADABLE:
            return None

    def real(self, path: str) -> str | None:
        try:
            return os.path.realpath(path, strict=True)
        except UNREADABLE:
            return None

    def names(self, path: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(path)))  # noqa: PTH208 - only names are needed
        except UNREADABLE:
            return ()

    def output(self, command: Sequence[str]) -> str | None:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                env=CLEAN_ENVIRONMENT,
                timeout=SECONDS,
            )
        except (*UNREADABLE, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def luks(self, path: str) -> Mapping[str, str] | None:
        return None if "\0" in path else read_luks(Path(path))

    def linux(self, path: str) -> str | None:
        try:
            regular = stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116
        except UNREADABLE:
            return None
        return release_of(Path(path)) if regular else None

    def release(self) -> str:
        return platform.release()

    def machine(self) -> str:
        return platform.machine()


class Recording:
    """Forwards to another system and records the answers, for fixtures and bug reports."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._answers: dict[str, dict[str, Any]] = {
            "text": {}, "data": {}, "real": {}, "names": {}, "output": {}, "luks": {},
            "linux": {}, "uname": {},
        }  # fmt: skip

    def text(self, path: str) -> str | None:
        return self._record("text", path, self._system.text(path))

    def data(self, path: str) -> bytes | None:
        found = self._system.data(path)
        self._record("data", path, found.hex() if found is not None else None)
        return found

    def real(self, path: str) -> str | None:
        return self._record("real", path, self._system.real(path))

    def names(self, path: str) -> tuple[str, ...]:
        return self._record("names", path, self._system.names(path))

    def output(self, command: Sequence[str]) -> str | None:
        return self._record("output", " ".join(command), self._system.output(command))

    def luks(self, path: str) -> Mapping[str, str] | None:
        return self._record("luks", path, self._system.luks(path))

    def linux(self, path: str) -> str | None:
        return self._record("linux", path, self._system.linux(path))

    def release(self) -> str:
        return self._record("uname", "release", self._system.release())

    def machine(self) -> str:
        return self._record("uname", "machine", self._system.machine())

    def _record(self, question: str, about: str, answer: Answer) -> Answer:
        self._answers[question][about] = answer
        return answer

    def to_json(self) -> str:
        """Return the answers, for `Recorded`."""
        return json.dumps(self._answers, indent=1, sort_keys=True) + "\n"


class Recorded:
    """Plays back the answers of another system; paths not recorded do not exist."""

    def __init__(self, text: str, where: str) -> None:
        try:
            content = json.loads(text)
        except ValueError as error:
            raise InputError(where, str(error), "the JSON of a recorded system") from None
        if not isinstance(content, dict) or not isinstance(content.get("uname"), dict):
            raise InputError(where, text[:40], "a recorded system")
        self._answers: dict[str, dict[str, Any]] = content

    def text(self, path: str) -> str | None:
        return self._answers["text"].get(path)

    def data(self, path: str) -> bytes | None:
        found = self._answers.get("data", {}).get(path)
        return bytes.fromhex(found) if isinstance(found, str) else None

    def real(self, path: str) -> str | None:
        return self._answers["real"].get(path)

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(self._answers["names"].get(path, ()))

    def output(self, command: Sequence[str]) -> str | None:
        return self._answers["output"].get(" ".join(command))

    def luks(self, path: str) -> Mapping[str, str] | None:
        return self._answers["luks"].get(path)

    def linux(self, path: str) -> str | None:
        found = self._answers.get("linux", {}).get(path)
        return found if isinstance(found, str) else None

    def release(self) -> str:
        return str(self._answers["uname"]["release"])

    def machine(self) -> str:
        return str(self._answers["uname"]["machine"])


def in_use(modules: str) -> tuple[str, ...]:
    """Return the modules with a reference count in /proc/modules: NAME SIZE COUNT USERS …."""
    lines = (line.split() for line in modules.splitlines())
    return tuple(sorted(words[0] for words in lines if len(words) > 2 and words[2] not in "0-"))
