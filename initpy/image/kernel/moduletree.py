"""Finds modules in an image or on this machine, as modprobe and udev would.

Like them it finds modules through depmod's indexes only: a file in no index does not exist.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath

from initpy.image.formats.archive import Archive
from initpy.image.formats.kmodindex import Index, Table
from initpy.image.formats.modbuild import ModuleBuild, read_build
from initpy.image.formats.modinfo import ModuleInfo, plain, read_module
from initpy.image.kernel.kmod import SUFFIXES, canonical
from initpy.image.tree import File

FOLDERS = ("/usr/lib/modules", "/lib/modules")


class ModuleTree:
    """The modules of one kernel release."""

    def __init__(
        self, release: str, where: str, files: Iterable[str], read: Callable[[str], bytes]
    ) -> None:
        """Take paths below the release's folder; `where` names the folder in messages."""
        self.release = release
        self.where = where
        self.files = frozenset(files)
        self._read = read
        self._modules: dict[str, ModuleInfo] = {}

    @cached_property
    def modules(self) -> dict[str, str]:
        """Return name -> path below the folder, for all module files."""
        return {module_name(path): path for path in self.files if SUFFIXES.search(path)}

    @cached_property
    def dependencies(self) -> dict[str, tuple[str, ...]]:
        """Return name -> the module's path and the paths of its dependencies (modules.dep)."""
        found = {}
        for _, line in self._index("modules.dep", _dependency_lines).items():
            path, _, rest = line.partition(":")
            found[module_name(path)] = (path, *rest.split())
        return found

    def find(self, name: str) -> tuple[str, ...]:
        """Return the modules for a name or alias."""
        plain = canonical(name)
        if plain in self.dependencies:
            return (plain,)
        return tuple(canonical(each) for each in self._aliases.find(name))

    def built_in(self, name: str) -> str:
        """Return the built-in module for a name or alias; "" if there is none."""
        plain = canonical(name)
        if plain in self._builtin:
            return plain
        found = self._builtin_aliases.find(name)
        return found[0] if found else ""

    @property
    def knows_built_in(self) -> bool:
        """Return whether the tree lists the built-in modules."""
        return bool(self._builtin)

    @property
    def knows_aliases(self) -> bool:
        """Return whether the tree has aliases; without any, udev loads no module."""
        return next(iter(self._aliases.items()), None) is not None

    def aliases(self) -> Iterator[tuple[str, str]]:
        """Return all (pattern, module) pairs of modules.alias."""
        return self._aliases.items()

    def info(self, name: str) -> ModuleInfo:
        """Return a module's .modinfo. Raises DamagedModuleError; KeyError if there is no file."""
        if name not in self._modules:
            self._modules[name] = read_module(self._read(self.modules[name]))
        return self._modules[name]

    def content(self, name: str) -> bytes:
        """Return a module without its compression. Raises as `info` does."""
        return plain(self._read(self.modules[name]))

    def build(self, name: str) -> ModuleBuild:
        """Return what tells builds of a module apart. Raises as `info` does."""
        return read_build(self._read(self.modules[name]))

    @cached_property
    def _aliases(self) -> Index | Table:
        return self._index("modules.alias", _alias_lines)

    @cached_property
    def _builtin(self) -> frozenset[str]:
        if "modules.builtin" in self.files:
            return frozenset(module_name(line) for line in self._lines("modules.builtin"))
        if "modules.builtin.bin" in self.files:
            index = self._binary("modules.builtin.bin")
            return frozenset(canonical(key) for key, _ in index.items())
        return frozenset()

    @cached_property
    def _builtin_aliases(self) -> Index | Table:
        # depmod writes an empty file if the kernel has no modules.builtin.modinfo.
        if "modules.builtin.alias.bin" in self.files and self._read("modules.builtin.alias.bin"):
            return self._binary("modules.builtin.alias.bin")
        if "modules.builtin.modinfo" not in self.files:
            return Table(())
        records = self._read("modules.builtin.modinfo").decode("utf-8", "replace").split("\0")
        parts = (record.partition(".alias=") for record in records)
        return Table((alias, module) for module, separator, alias in parts if separator)

    def _index(self, name: str, parse: Callable[[str], tuple[str, str] | None]) -> Index | Table:
        """Read the binary index, as modprobe does; the text file if there is none."""
        if f"{name}.bin" in self.files:
            return self._binary(f"{name}.bin")
        pairs = (parse(line) for line in self._lines(name))
        return Table(pair for pair in pairs if pair is not None)

    def _binary(self, name: str) -> Index:
        return Index(self._read(name), f"{self.where}/{name}")

    def _lines(self, name: str) -> list[str]:
        if name not in self.files:
            return []
        return self._read(name).decode("utf-8", "replace").splitlines()


def module_name(path: str) -> str:
    """Return the name of the module in a file, as the kernel spells it."""
    return canonical(SUFFIXES.sub("", path.strip().rpartition("/")[2]))


def installed(folder: Path) -> ModuleTree | None:
    """Return the tree of a /lib/modules/VERSION folder of this machine; None if missing."""
    if not folder.is_dir():
        return None
    return ModuleTree(
        folder.name, str(folder), _files(folder), lambda path: (folder / path).read_bytes()
    )


def _files(folder: Path) -> Iterator[str]:
    """Yield the relative paths of all files below a folder; pathlib takes four times as long."""
    for place, _, names in os.walk(folder):
        inside = os.path.relpath(place, folder)
        yield from names if inside == "." else (f"{inside}/{name}" for name in names)


def releases(archive: Archive) -> tuple[str, ...]:
    """Return the kernel releases that an image has modules for."""
    found = set()
    for folder in FOLDERS:
        place = archive.resolve(folder)
        if place is not None:
            depth = len(PurePosixPath(place).parts)
            parts = (PurePosixPath(path).parts for path in archive.entries)
            inside = (each for each in parts if len(each) > depth + 1)
            found |= {each[depth] for each in inside if str(PurePosixPath(*each[:depth])) == place}
    return tuple(sorted(found))


def loose(archive: Archive) -> dict[str, str]:
    """Return name -> path of the modules in no folder of a release, as in booster's images."""
    found = (each for each in archive.entries if SUFFIXES.search(each))
    return {module_name(path): path for path in found}


def packed(archive: Archive, release: str) -> ModuleTree:
    """Return the tree of one kernel release in an image; an empty tree if there is none."""
    places = (archive.resolve(f"{folder}/{release}") for folder in FOLDERS)
    place = next((each for each in places if each is not None), "")
    start = f"{place}/"
    files = [
        path.removeprefix(start)
        for path, entry in archive.entries.items()
        if place and path.startswith(start) and isinstance(entry, File)
    ]
    where = f"{archive.path}: {place or FOLDERS[0] + '/' + release}"
    return ModuleTree(release, where, files, lambda path: archive.read(start + path))


def _dependency_lines(line: str) -> tuple[str, str] | None:
    return (line, line) if ":" in line else None


def _alias_lines(line: str) -> tuple[str, str] | None:
    words = line.split()
    return (words[1], words[2]) if len(words) == 3 and words[0] == "alias" else None
