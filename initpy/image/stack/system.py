"""What is read of a system to describe what its root stands on: sysfs, procfs, udev, programs.

Everything goes through the few questions of `System`, so that a system can be recorded where it
runs and looked at elsewhere: the answers of a `Recording` make a `Recorded`.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from initpy.config.errors import InputError
from initpy.image.formats.luksinfo import read_luks
from initpy.image.process import CLEAN_ENVIRONMENT

Answer = TypeVar("Answer")

SECONDS = 20  # for a program that only reads: one that waits for a dead disk is given up


class System(Protocol):
    """Questions about a system. Nothing is ever changed by one."""

    def text(self, path: str) -> str | None:
        """A file's content; None if it cannot be read."""

    def real(self, path: str) -> str | None:
        """A path with all links followed; None if there is nothing."""

    def names(self, path: str) -> tuple[str, ...]:
        """What a folder holds, sorted; nothing if it is no folder."""

    def output(self, command: Sequence[str]) -> str | None:
        """What a program prints; None if it fails or is not there."""

    def luks(self, path: str) -> Mapping[str, str] | None:
        """What a LUKS header on a device or in a file says, see `luksinfo`; None if unreadable."""

    def release(self) -> str:
        """The running kernel's release."""

    def machine(self) -> str:
        """The architecture, as `uname -m`."""


class Running:
    """The system that this program runs on."""

    def text(self, path: str) -> str | None:
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def real(self, path: str) -> str | None:
        try:
            return os.path.realpath(path, strict=True)
        except OSError:
            return None

    def names(self, path: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(os.listdir(path)))  # noqa: PTH208 - names are all it is for
        except OSError:
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
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def luks(self, path: str) -> Mapping[str, str] | None:
        return read_luks(Path(path))

    def release(self) -> str:
        return platform.release()

    def machine(self) -> str:
        return platform.machine()


class Recording:
    """Asks another system and keeps its answers: for fixtures and bug reports."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._answers: dict[str, dict[str, Any]] = {
            "text": {}, "real": {}, "names": {}, "output": {}, "luks": {}, "uname": {},
        }  # fmt: skip

    def text(self, path: str) -> str | None:
        return self._kept("text", path, self._system.text(path))

    def real(self, path: str) -> str | None:
        return self._kept("real", path, self._system.real(path))

    def names(self, path: str) -> tuple[str, ...]:
        return self._kept("names", path, self._system.names(path))

    def output(self, command: Sequence[str]) -> str | None:
        return self._kept("output", " ".join(command), self._system.output(command))

    def luks(self, path: str) -> Mapping[str, str] | None:
        return self._kept("luks", path, self._system.luks(path))

    def release(self) -> str:
        return self._kept("uname", "release", self._system.release())

    def machine(self) -> str:
        return self._kept("uname", "machine", self._system.machine())

    def _kept(self, question: str, about: str, answer: Answer) -> Answer:
        self._answers[question][about] = answer
        return answer

    def to_json(self) -> str:
        """The answers, for `Recorded`."""
        return json.dumps(self._answers, indent=1, sort_keys=True) + "\n"


class Recorded:
    """The answers that another system gave. What was not asked there is not there."""

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

    def real(self, path: str) -> str | None:
        return self._answers["real"].get(path)

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(self._answers["names"].get(path, ()))

    def output(self, command: Sequence[str]) -> str | None:
        return self._answers["output"].get(" ".join(command))

    def luks(self, path: str) -> Mapping[str, str] | None:
        return self._answers["luks"].get(path)

    def release(self) -> str:
        return str(self._answers["uname"]["release"])

    def machine(self) -> str:
        return str(self._answers["uname"]["machine"])
