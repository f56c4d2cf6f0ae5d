"""Programs of an image and their libraries, found as execve(2) and ld.so(8) find them in it."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from initpy.image.content.programs import SEARCHED, interpreter_of
from initpy.image.formats.archive import Archive
from initpy.image.formats.elf import Elf, Lacking, Libraries, parse_elf
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.tree import File

CONFIGURATION = ("/etc/ld.so.conf", "/etc/ld.so.conf.d")
# Folders in ld.so.cache are those of the libraries that it lists.
CACHED = re.compile(rb"(/[!-~]+)/[!-~]+\.so[!-~]*\0")
# What a distribution's loader has built in beside /lib and /usr/lib (Debian's multiarch).
MULTIARCH = re.compile(r"(?:/usr)?/lib/[^/]+-linux-gnu[^/]*")
DEEPEST = 4  # scripts run by scripts (execve(2))
# systemd merely recommends libkmod, for containers. In an image with modules udevd loads none
# without it, and no disk appears.
ESSENTIAL = frozenset({"kmod"})


class ImageFiles:
    """An image as the place where ELF files are looked for."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def exists(self, path: Path) -> bool:
        return isinstance(self._archive.get(str(path)), File)

    def read(self, path: Path) -> Elf | None:
        entry = self._archive.get(str(path))
        if not isinstance(entry, File):
            return None
        return parse_elf(io.BytesIO(entry.read()), Path(f"{self._archive.path}: {path}"))

    def real(self, path: Path) -> Path:
        return Path(self._archive.resolve(str(path)) or str(path))


@dataclass(frozen=True, slots=True)
class Found:
    """A program of the image: where it is, and why it would not run ("" if it would).

    `warnings`: what it would do without.
    """

    path: str
    problem: str
    libraries: int = 0
    warnings: tuple[str, ...] = ()


class ImagePrograms:
    """Looks programs up in one image; each is looked at once."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._libraries = Libraries(search_folders(archive), ImageFiles(archive))
        self._known: dict[str, Found] = {}

    def find(self, name: str) -> str | None:
        """The path of a program by name or absolute path, links not followed."""
        places = (name,) if name.startswith("/") else (f"{each}/{name}" for each in SEARCHED)
        return next((each for each in places if isinstance(self._archive.get(each), File)), None)

    def check(self, name: str) -> Found | None:
        """A program with all that it needs; None if it is not in the image."""
        path = self.find(name)
        if path is None:
            return None
        if path not in self._known:
            self._known[path] = self._check(path, 0)
        return self._known[path]

    def _check(self, path: str, depth: int) -> Found:
        entry = self._archive.get(path)
        assert isinstance(entry, File)
        if not entry.mode & 0o111:
            return Found(path, f"{path} is not executable")
        content = entry.read()
        if interpreter := interpreter_of(content[:256]):
            below = self.find(interpreter)
            if below is None:
                return Found(path, f"{path} is a script of {interpreter}, which is not there")
            if depth >= DEEPEST:
                return Found(path, f"{path} is a script of a script of a script …")
            inner = self._check(below, depth + 1)
            return Found(path, inner.problem, inner.libraries, inner.warnings)
        if not content.startswith(b"\x7fELF"):
            return Found(path, f"{path} is neither an ELF file nor a script")
        return self._linked(path)

    def _linked(self, path: str) -> Found:
        damaged = len(self._libraries.damaged)
        closure = self._libraries.closure([Path(path)])
        if len(self._libraries.damaged) > damaged:
            return Found(path, self._libraries.damaged[-1].hint)
        for missing in closure.missing:
            return Found(path, f"{missing.name}, which {missing.wanted_by} needs, is not there")
        present = (each for each in closure.paths if str(each) not in self._archive)
        if absent := next(present, None):
            return Found(path, f"{absent}, by which {path} is loaded, is not there")
        warnings = []
        for each in closure.lacking:
            if each.opened.feature in ESSENTIAL and self._has_modules:
                return Found(path, _without(each))
            warnings.append(_without(each))
        return Found(path, "", len(closure.paths), tuple(warnings))

    @cached_property
    def _has_modules(self) -> bool:
        return any(SUFFIXES.search(path) for path in self._archive.entries)


def _without(lacking: Lacking) -> str:
    opened = lacking.opened
    return f"{opened.names[0]}, which {lacking.wanted_by} opens, is not there: {opened.reason}"


def search_folders(archive: Archive) -> tuple[str, ...]:
    """Where ld.so looks besides its standard folders."""
    return tuple(dict.fromkeys(_search(archive)))


def _search(archive: Archive) -> Iterator[str]:
    texts = [
        archive.read(path).decode("utf-8", "replace")
        for path in sorted(archive.entries)
        if path.startswith(CONFIGURATION) and isinstance(archive.get(path), File)
    ]
    for line in "\n".join(texts).splitlines():
        if line.startswith("/"):
            yield line.strip()
    if isinstance(archive.get("/etc/ld.so.cache"), File):
        found = CACHED.findall(archive.read("/etc/ld.so.cache"))
        yield from (folder.decode() for folder in found)
    yield from (path for path in sorted(archive.entries) if MULTIARCH.fullmatch(path))
