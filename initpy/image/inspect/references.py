"""Finds which files of an image need which others, in images of any generator.

A reference has a source and a target, both paths in the image, and says how the source needs the
target. References from links, ELF headers, first lines of scripts, depmod's tables, .modinfo and
udev rules are certain. References by name in a text file or in Python bytecode are guesses.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from initpy.image.check.programs import ImageFiles, search_folders
from initpy.image.content.programs import interpreters_of
from initpy.image.content.udev import CALL, HELPERS
from initpy.image.formats.archive import Archive
from initpy.image.formats.elf import Libraries
from initpy.image.formats.modinfo import DamagedModuleError
from initpy.image.inspect.survey import kind_of
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.kernel.moduletree import ModuleTree, module_name, packed, releases
from initpy.image.tree import File, Link

Progress = Callable[[str], None]

PROGRAMS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Texts larger than this are data.
LARGEST_TEXT = 256 * 1024
# A job may have a program's name. It calls the programs in its other keys.
JOBS = "/usr/lib/initpy/jobs/"
NAMES_OF_JOBS = re.compile(rb'"(?:name|does|summary)":\s*"[^"]*"|"after":\s*\[[^\]]*\]')
SOFTDEP = re.compile(r"softdep\s+(\S+)\s+(.*)")


class Reference(NamedTuple):
    """`source` needs `target`; `how` reads as in "SOURCE `how`"."""

    source: str
    target: str
    how: str


class References:
    """The references in one image, each kind computed on first use."""

    def __init__(self, archive: Archive, progress: Progress = lambda _: None) -> None:
        self.archive = archive
        self._progress = progress

    def to(self, path: str) -> tuple[Reference, ...]:
        """Return the references to a path (a link at its end not followed), certain ones first."""
        found = dict.fromkeys(self._links.get(path, ()))
        kind = kind_of(path)
        if SUFFIXES.search(path):
            found |= dict.fromkeys(self._modules.get(path, ()))
        elif kind == "firmware":
            found |= dict.fromkeys(self._firmware.get(path, ()))
        else:
            found |= dict.fromkeys(self._elf.get(path, ()))
            found |= dict.fromkeys(self._scripts.get(path, ()))
            found |= dict.fromkeys(self._python_to(path))
            if not found:
                found |= dict.fromkeys(self.mentions(path))
        return tuple(each for each in found if each.source != path)

    @cached_property
    def trees(self) -> tuple[ModuleTree, ...]:
        """Return the module trees of the image, one for each kernel."""
        return tuple(packed(self.archive, release) for release in releases(self.archive))

    @cached_property
    def elves(self) -> tuple[str, ...]:
        """Return the ELF files of the image, except kernel modules."""
        self._progress("reading programs and libraries")
        return tuple(
            path
            for path, entry in self.archive.items()
            if isinstance(entry, File)
            and not SUFFIXES.search(path)
            and entry.read().startswith(b"\x7fELF")
        )

    @cached_property
    def libraries(self) -> Libraries:
        """Return a finder for the image's libraries, which skips damaged ones."""
        return Libraries(search_folders(self.archive), ImageFiles(self.archive))

    def library(self, name: str, wanted_by: str) -> str | None:
        """Return where ld.so finds a library for an ELF file; a link is not followed."""
        found = self.libraries.find(name, Path(wanted_by), ())
        return None if found is None else self.archive.resolve(str(found), last=False)

    @cached_property
    def _links(self) -> dict[str, list[Reference]]:
        found: defaultdict[str, list[Reference]] = defaultdict(list)
        for path, entry in self.archive.items():
            target = self.archive.resolve(path) if isinstance(entry, Link) else None
            if target is not None:
                found[target].append(Reference(path, target, "is a link to it"))
        return found

    @cached_property
    def _elf(self) -> dict[str, list[Reference]]:
        """Return references to libraries and ELF interpreters, dlopen(3) included."""
        found: defaultdict[str, list[Reference]] = defaultdict(list)
        for path in self.elves:
            elf = self.libraries.read(Path(path))
            if elf is None:
                continue
            wanted = [(name, "links with it") for name in elf.needed]
            if elf.interpreter is not None:
                wanted.append((elf.interpreter, "is loaded by it"))
            wanted += [(name, "opens it by name") for each in elf.opened for name in each.names]
            for name, how in wanted:
                place = self.library(name, path)
                if place is not None:
                    found[place].append(Reference(path, place, how))
        return found

    @cached_property
    def _scripts(self) -> dict[str, list[Reference]]:
        """Return references to interpreters of scripts and to programs in udev rules."""
        found: defaultdict[str, list[Reference]] = defaultdict(list)
        for path, entry in self.archive.items():
            if not isinstance(entry, File):
                continue
            wanted: list[tuple[str, str]] = []
            if entry.mode & 0o111 and (data := entry.read()).startswith(b"#!"):
                wanted += [(name, "is a script for it") for name in interpreters_of(data[:256])]
            if path.endswith(".rules"):
                called = CALL.findall(entry.read().decode(errors="replace"))
                wanted += [(name, "calls it") for name in called]
            for name, how in wanted:
                for place in self._program(name):
                    found[place].append(Reference(path, place, how))
        return found

    def _program(self, name: str) -> Iterator[str]:
        places = (
            [name] if name.startswith("/") else [f"{each}/{name}" for each in (*PROGRAMS, HELPERS)]
        )
        for place in places:
            found = self.archive.resolve(place, last=False)
            if found is not None:
                yield found
                return

    @cached_property
    def _modules(self) -> dict[str, list[Reference]]:
        """Return references to modules: direct dependencies and softdeps."""
        found: defaultdict[str, list[Reference]] = defaultdict(list)
        for tree in self.trees:
            start = f"{tree.where.partition(': ')[2]}/"
            listed = {path: tuple(rest) for path, *rest in tree.dependencies.values()}
            for path, below in listed.items():
                indirect = {each for other in below for each in listed.get(other, ())}
                for other in below:
                    if other not in indirect:
                        reference = Reference(start + path, start + other, "depends on it")
                        found[start + other].append(reference)
            for name, aliases in self._soft(start):
                source = tree.modules.get(name)
                for alias in aliases if source is not None else ():
                    for module in tree.find(alias):
                        target = tree.modules.get(module)
                        if target is not None and target != source:
                            how = "wants it loaded as well"
                            reference = Reference(f"{start}{source}", start + target, how)
                            found[start + target].append(reference)
        return found

    def _soft(self, start: str) -> Iterator[tuple[str, list[str]]]:
        """Yield (module, softdeps) from depmod's table and from modprobe.d(5)."""
        for path, entry in self.archive.items():
            if path == f"{start}modules.softdep" or "/modprobe.d/" in path:
                text = entry.read().decode(errors="replace") if isinstance(entry, File) else ""
                for name, rest in SOFTDEP.findall(text):
                    words = [word for word in rest.split() if word not in ("pre:", "post:")]
                    yield module_name(name), words

    @cached_property
    def _firmware(self) -> dict[str, list[Reference]]:
        self._progress("reading the firmware that modules declare")
        found: defaultdict[str, list[Reference]] = defaultdict(list)
        files = [path for path in self.archive.entries if kind_of(path) == "firmware"]
        for tree in self.trees:
            start = f"{tree.where.partition(': ')[2]}/"
            for name, path in tree.modules.items():
                try:
                    declared = tree.info(name).firmware
                except DamagedModuleError:
                    continue
                for wanted in declared:
                    for file in files:
                        if PurePosixPath(re.sub(r"\.(xz|zst)$", "", file)).match(wanted):
                            found[file].append(Reference(start + path, file, "may ask for it"))
        return found

    def _python_to(self, path: str) -> Iterator[Reference]:
        """Yield the modules that contain the name of the module at a path, as an import would."""
        name = _python_name(path)
        if not name:
            return
        parent, _, last = name.rpartition(".")
        for other, entry in self.archive.items():
            if other == path or not isinstance(entry, File) or not other.endswith((".pyc", ".py")):
                continue
            data = entry.read()
            package = _python_name(other)
            # `from . import last` does not contain the parent's name.
            sibling = package == parent or package.rpartition(".")[0] == parent
            if _names(data, name, other) or (
                parent and (sibling or _names(data, parent, other)) and _names(data, last, other)
            ):
                yield Reference(other, path, "probably imports it")

    def mentions(self, path: str) -> Iterator[Reference]:
        """Yield the text files that contain the path; for a program, also its name as a word."""
        name = path.rpartition("/")[2]
        words = {path, path.removeprefix("/usr")}
        if path.rpartition("/")[0] in PROGRAMS and len(name) > 2:
            words.add(name)
        either = b"|".join(re.escape(word.encode("utf-8", "surrogateescape")) for word in words)
        pattern = re.compile(rb"(?<![\w./-])(?:" + either + rb")(?![\w./-])")
        for other, entry in self.archive.items():
            if other == path or not isinstance(entry, File) or entry.size() > LARGEST_TEXT:
                continue
            data = entry.read()
            if other.startswith(JOBS):
                data = NAMES_OF_JOBS.sub(b"", data)
            if b"\0" not in data[:1024] and pattern.search(data):
                yield Reference(other, path, "names it")


def _python_name(path: str) -> str:
    found = re.fullmatch(
        r"/usr/lib/python3(?:\.\d+)?/(?:(?:dist|site)-packages/|lib-dynload/)?"
        r"(?P<name>[^.]+)(?:\.pyc?|\.cpython-[^/]*\.so|\.so)", path
    )  # fmt: skip
    return found["name"].replace("/", ".").removesuffix(".__init__") if found else ""


def _names(data: bytes, name: str, where: str) -> bool:
    """Return whether a module contains a name; marshal stores a string after its length."""
    raw = name.encode("utf-8", "surrogateescape")
    if where.endswith(".pyc"):
        return len(raw) < 256 and bytes([len(raw)]) + raw in data
    return (
        re.search(rb"^\s*(?:import|from)\s.*\b" + re.escape(raw) + rb"\b", data, re.M) is not None
    )
