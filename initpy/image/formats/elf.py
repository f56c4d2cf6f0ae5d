"""Finds the shared libraries that a program needs, as ld.so(8) does."""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from initpy.config.textlines import read_file
from initpy.image.formats import symbolversions
from initpy.image.formats.dlopen import Opened, Priority, called, noted
from initpy.image.formats.machines import UNCHECKED
from initpy.image.missing import Missing

# Imported where files are read: the commands' `--help` works without pyelftools.
if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile


@dataclass(frozen=True, slots=True)
class Elf:
    """The part of an ELF file that the dynamic loader reads."""

    kind: tuple[str, int]  # machine and word size; ld.so skips libraries of another kind
    interpreter: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    opened: tuple[Opened, ...] = ()  # by name, at run time
    # Versions of symbols: needed, by library, and defined.
    versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    defines: frozenset[str] = frozenset()


REINSTALL = "reinstall the package that holds it"
NO_LOADER = "install the package that holds it: the program does not start without it"
# musl's ldso/dynlink.c: names that stand for itself, and the folders that it searches.
MUSL = "ld-musl-"
MUSL_ITSELF = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")
MULTIARCH = "*-linux-gnu*"
MUSL_FOLDERS = ("/lib", "/usr/local/lib", "/usr/lib")
OTHER_SYSTEM = "it is built for another system: take the program of this one"


@dataclass(frozen=True, slots=True)
class Lacking:
    """A recommended library that was not found, and the file that opens it by name."""

    opened: Opened
    wanted_by: Path


@dataclass(frozen=True, slots=True)
class Closure:
    """Paths of libraries and ELF interpreters, and the libraries that were not found.

    `lacking` are recommended libraries: a program runs without them, with fewer features.
    """

    paths: tuple[Path, ...]
    missing: tuple[Missing, ...]
    lacking: tuple[Lacking, ...] = ()


class DamagedElfError(ValueError):
    """The file has an ELF magic but is damaged or cut off."""


def require_reader() -> None:
    """Raise ModuleNotFoundError if pyelftools is absent, before anything that takes long."""
    importlib.import_module("elftools")


def read_elf(path: Path) -> Elf | None:
    """Read a file's dynamic section; return None if it is no ELF file."""
    with path.open("rb") as file:
        return parse_elf(file, path)


def parse_elf(file: BinaryIO, path: Path) -> Elf | None:
    """Read an open file from its start, like `read_elf`. Raises DamagedElfError."""
    if file.read(4) != b"\x7fELF":
        return None
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    file.seek(0)
    try:
        return _parse(ELFFile(file))
    # pyelftools validates little: offsets and names of a damaged file may point anywhere.
    except (ELFError, *UNCHECKED) as error:
        raise DamagedElfError(f"{path}: not a whole ELF file ({error})") from error


class Files(Protocol):
    """The file system in which to look for ELF files: this machine's, or an image's."""

    def exists(self, path: Path) -> bool: ...

    def read(self, path: Path) -> Elf | None:
        """Raises DamagedElfError."""

    def real(self, path: Path) -> Path:
        """Return the path with its links followed."""


class ThisMachine:
    """The files of this machine."""

    def exists(self, path: Path) -> bool:
        return path.exists()

    def read(self, path: Path) -> Elf | None:
        return read_elf(path)

    def real(self, path: Path) -> Path:
        return path.resolve()


def _parse(elf: "ELFFile") -> Elf:
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.segments import InterpSegment, NoteSegment

    # ld.so uses segments only. pyelftools would spend most of its time on reading all sections, to
    # find the string table that DT_STRTAB points to.
    elf.header["e_shoff"] = 0
    interpreter: str | None = None
    opened: list[Opened] = []
    versions: Mapping[str, tuple[str, ...]] = {}
    defines: frozenset[str] = frozenset()
    tags: dict[str, list[str]] = {"DT_NEEDED": [], "DT_RPATH": [], "DT_RUNPATH": []}
    attributes = {"DT_NEEDED": "needed", "DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            interpreter = str(segment.get_interp_name())
        elif isinstance(segment, NoteSegment):
            opened += noted(segment)
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                kind = str(tag.entry.d_tag)
                if kind in tags:
                    tags[kind].append(str(getattr(tag, attributes[kind])))
            opened += called(elf, segment)
            versions = symbolversions.needed(elf, segment)
            defines = symbolversions.defined(elf, segment)
    return Elf(
        kind=(str(elf["e_machine"]), int(elf.elfclass)),
        interpreter=interpreter,
        needed=tuple(tags["DT_NEEDED"]),
        rpath=tuple(part for text in tags["DT_RPATH"] for part in text.split(":") if part),
        runpath=tuple(part for text in tags["DT_RUNPATH"] for part in text.split(":") if part),
        opened=tuple(dict.fromkeys(opened)),
        versions=versions,
        defines=defines,
    )


def configured_folders(
    configuration: Path = Path("/etc/ld.so.conf"), including: frozenset[Path] = frozenset()
) -> tuple[str, ...]:
    """Return the folders in ld.so.conf, includes followed, in their order (ldconfig(8)).

    `including` are the files that lead to this one: one that includes itself ends there.
    """
    try:
        text = read_file(configuration, "surrogateescape")
    except OSError:
        return ()
    seen = including | {configuration}
    found: list[str] = []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        if line.startswith("include "):
            for pattern in filter(lambda each: each.strip("/"), line.split()[1:]):
                # A pattern may be absolute or relative to the file that includes.
                start = Path("/") if pattern.startswith("/") else configuration.parent
                for name in sorted(start.glob(pattern.lstrip("/"))):
                    if name not in seen:
                        found.extend(configured_folders(name, seen))
        elif line and not line.startswith("hwcap "):
            found.append(line)
    return tuple(found)


def multiarch_folders(base: Path = Path("/")) -> tuple[str, ...]:
    """Return the folders that Debian's loaders search without any configuration."""
    found = (each for start in ("lib", "usr/lib") for each in (base / start).glob(MULTIARCH))
    return tuple(sorted(str(each) for each in found))


class Libraries:
    """Finds libraries, on this machine by default; reads each file once."""

    def __init__(self, configured: Iterable[str], files: Files | None = None) -> None:
        self._configured = tuple(configured)
        self._files = files or ThisMachine()
        self._read: dict[Path, Elf | None] = {}
        self.damaged: list[Missing] = []

    def read(self, path: Path) -> Elf | None:
        """Return a file's headers; None if it is no ELF file, or damaged (then in `damaged`)."""
        if path not in self._read:
            try:
                self._read[path] = self._files.read(path)
            except DamagedElfError as error:
                self.damaged.append(Missing("ELF file", str(path), "the image", str(error)))
                self._read[path] = None
        return self._read[path]

    def find(self, name: str, wanted_by: Path, loaders: tuple[Path, ...]) -> Path | None:
        """Return the file that ld.so takes for `name`, needed by `wanted_by`.

        `loaders` are the files that led to `wanted_by`.
        """
        wanting = self.read(wanted_by)
        if wanting is None:
            return None
        if name.startswith("/"):
            return Path(name) if self._files.exists(Path(name)) else None
        loader = self._musl(wanted_by, loaders)
        if loader and name.startswith(MUSL_ITSELF):
            return Path(loader) if self._files.exists(Path(loader)) else None
        for folder in self._folders(wanted_by, wanting, loaders):
            candidate = Path(folder, name)
            if self._files.exists(candidate):
                found = self.read(candidate)
                if found is not None and found.kind == wanting.kind:
                    return candidate
        return None

    def _folders(self, path: Path, elf: Elf, loaders: tuple[Path, ...]) -> Iterable[str]:
        if not elf.runpath:
            # DT_RPATH also applies to libraries that a needed library needs (ld.so(8)).
            for owner in (path, *reversed(loaders)):
                owning = self.read(owner)
                if owning is not None:
                    yield from (self._expand(folder, owner) for folder in owning.rpath)
        yield from (self._expand(folder, path) for folder in elf.runpath)
        if self._musl(path, loaders):
            yield from MUSL_FOLDERS
            return
        yield from self._configured
        yield from ("/lib64", "/usr/lib64") if elf.kind[1] == 64 else ()
        yield from ("/lib", "/usr/lib")

    def _musl(self, path: Path, loaders: tuple[Path, ...]) -> str:
        """Return the program's interpreter if it is musl's; "" for any other."""
        program = self.read((*loaders, path)[0])
        interpreter = program.interpreter if program is not None else None
        return interpreter if interpreter and Path(interpreter).name.startswith(MUSL) else ""

    def closure(self, programs: Iterable[Path]) -> Closure:
        """Return all libraries that ld.so loads for these files or that they open by name."""
        given = set(programs)
        done: set[Path] = set()
        missing: list[Missing] = []
        lacking: list[Lacking] = []
        todo: list[tuple[Path, tuple[Path, ...]]] = [(path, ()) for path in sorted(given)]
        while todo:
            path, loaders = todo.pop()
            elf = self.read(path)
            if path in done or elf is None:
                continue
            done.add(path)
            if elf.interpreter is not None:
                if self._files.exists(Path(elf.interpreter)):
                    todo.append((Path(elf.interpreter), ()))
                else:
                    missing.append(Missing("loader", elf.interpreter, str(path), NO_LOADER))
            for name in elf.needed:
                found = self.find(name, path, loaders) or self._loaded_before(name, loaders)
                if found is None:
                    missing.append(Missing("library", name, str(path), REINSTALL))
                    continue
                todo.append((found, (*loaders, path)))
                library = self.read(found)
                # Without any version ld.so only warns.
                defined = library.defines if library is not None else frozenset()
                absent = [each for each in elf.versions.get(name, ()) if each not in defined]
                if defined and absent:
                    lacks = f"{name} with {', '.join(absent)}"
                    missing.append(Missing("library", lacks, str(path), OTHER_SYSTEM))
            for entry in elf.opened:
                candidates = (self.find(name, path, loaders) for name in entry.names)
                found = next(filter(None, candidates), None)
                if found is not None:
                    todo.append((found, (*loaders, path)))
                elif entry.priority is Priority.REQUIRED:
                    missing.append(Missing("library", entry.names[0], str(path), entry.reason))
                else:
                    lacking.append(Lacking(entry, path))
        return Closure(tuple(sorted(done - given)), tuple(missing), tuple(lacking))

    def _loaded_before(self, name: str, loaders: tuple[Path, ...]) -> Path | None:
        """Find a library that a loader needs too: ld.so reuses a library of the same name."""
        for number, owner in enumerate(loaders):
            owning = self.read(owner)
            if owning is not None and name in owning.needed:
                return self.find(name, owner, loaders[:number])
        return None

    def _expand(self, folder: str, owner: Path) -> str:
        origin = str(self._files.real(owner).parent)
        return folder.replace("$ORIGIN", origin).replace("${ORIGIN}", origin)
