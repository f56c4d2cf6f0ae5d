"""Checks the programs of an image and their libraries, as execve(2) and ld.so(8) find them."""

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from initpy.image.content.programs import SEARCHED, has_carriage_return, interpreters_of
from initpy.image.formats import machines
from initpy.image.formats.archive import Archive
from initpy.image.formats.elf import Elf, Lacking, Libraries, parse_elf
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.tree import File

# ld.so.cache lists libraries by path; this matches their folders.
CACHED = re.compile(rb"(/[!-~]+)/[!-~]+\.so[!-~]*\0")
# Debian's loader also searches the multiarch folders.
MULTIARCH = re.compile(r"(?:/usr)?/lib/[^/]+-linux-gnu[^/]*")
# Folders of programs, and of those that programs and udev's rules run.
PROGRAMS = (
    "/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/", "/usr/libexec/", "/usr/lib/udev/",
    "/lib/udev/", "/usr/lib/systemd/", "/lib/systemd/", "/scripts/",
)  # fmt: skip
DEEPEST = 4  # levels of scripts as interpreters of scripts (execve(2))
# systemd only recommends libkmod, because containers do not need it. In an image with modules
# udevd needs it: without libkmod it loads no driver.
ESSENTIAL = frozenset({"kmod"})


class ImageFiles:
    """An image as the file system in which to look for ELF files."""

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
    """A program of the image: its path, and why it cannot run ("" if it can).

    `warnings` name recommended libraries that are missing.
    """

    path: str
    problem: str
    libraries: int = 0
    warnings: tuple[str, ...] = ()


class ImagePrograms:
    """Checks the programs of one image, each once."""

    def __init__(self, archive: Archive, machine: str = "") -> None:
        self._archive = archive
        self._machine = machine  # as `uname -m`; "": not known
        self._libraries = Libraries(search_folders(archive), ImageFiles(archive))
        self._known: dict[str, Found] = {}

    def find(self, name: str) -> str | None:
        """Return the path of a program, given its name or absolute path; links not followed."""
        places = (name,) if name.startswith("/") else (f"{each}/{name}" for each in SEARCHED)
        return next((each for each in places if isinstance(self._archive.get(each), File)), None)

    def check(self, name: str) -> Found | None:
        """Check a program and its libraries; return None if it is not in the image."""
        path = self.find(name)
        if path is None:
            return None
        if path not in self._known:
            self._known[path] = self._check(path, 0)
        return self._known[path]

    def has_library(self, name: str, program: str) -> bool:
        """Return whether a program of the image can open a library by name."""
        return self._libraries.find(name, Path(program), ()) is not None

    def others(self) -> Iterator[tuple[str, Found]]:
        """Yield the programs in the usual folders that were not checked yet, with what is wrong.

        Other files with the permission to be executed, such as libraries, are none.
        """
        known = {self._archive.resolve(path) for path in self._known}
        for path in sorted(self._archive.entries):
            entry = self._archive.entries[path]
            if not path.startswith(PROGRAMS) or path in known or not isinstance(entry, File):
                continue
            content = entry.read()[:4] if entry.mode & 0o111 else b""
            if content.startswith((b"#!", b"\x7fELF")):
                yield path, self._check(path, 0)

    def _check(self, path: str, depth: int) -> Found:
        entry = self._archive.get(path)
        assert isinstance(entry, File)
        if not entry.mode & 0o111:
            return Found(path, f"{path} is not executable")
        content = entry.read()
        if has_carriage_return(content[:256]):
            return Found(path, f"{path}: its first line ends with a carriage return")
        if interpreters := interpreters_of(content[:256]):
            return self._script(path, interpreters, depth)
        if not content.startswith(b"\x7fELF"):
            return Found(path, f"{path} is neither an ELF file nor a script")
        return self.linked(path)

    def _script(self, path: str, interpreters: Iterable[str], depth: int) -> Found:
        """Check what a script starts with: its interpreter, and what env(1) is to start."""
        inner = Found(path, "")
        for interpreter in interpreters:
            below = self.find(interpreter)
            if below is None:
                return Found(path, f"{path} is a script for {interpreter}, which is missing")
            if depth >= DEEPEST:
                return Found(path, f"{path}: its interpreters are scripts, too many levels deep")
            inner = self._check(below, depth + 1)
            if inner.problem:
                break
        return Found(path, inner.problem, inner.libraries, inner.warnings)

    def linked(self, path: str) -> Found:
        """Check the libraries of an ELF file: a program, or a module of Python."""
        damaged = len(self._libraries.damaged)
        elf = self._libraries.read(Path(path))
        if elf is not None and not machines.runs(self._machine, elf.kind):
            kind = machines.name_of(elf.kind)
            return Found(path, f"{path} is for another machine ({kind})")
        closure = self._libraries.closure([Path(path)])
        if len(self._libraries.damaged) > damaged:
            return Found(path, self._libraries.damaged[-1].hint)
        for missing in closure.missing:
            return Found(path, f"{missing.name}, which {missing.wanted_by} needs, is missing")
        absences = (each for each in closure.paths if str(each) not in self._archive)
        if absent := next(absences, None):
            return Found(path, f"{absent}, the ELF interpreter of {path}, is missing")
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
    return f"{opened.names[0]}, which {lacking.wanted_by} opens, is missing: {opened.reason}"


def search_folders(archive: Archive) -> tuple[str, ...]:
    """Return the folders that ld.so searches besides its standard ones.

    It never reads /etc/ld.so.conf, from which ldconfig has made the cache (ld.so(8)).
    """
    return tuple(dict.fromkeys(_search(archive)))


def _search(archive: Archive) -> Iterator[str]:
    if isinstance(archive.get("/etc/ld.so.cache"), File):
        found = CACHED.findall(archive.read("/etc/ld.so.cache"))
        yield from (folder.decode("utf-8", "replace") for folder in found)
    yield from (path for path in sorted(archive.entries) if MULTIARCH.fullmatch(path))
