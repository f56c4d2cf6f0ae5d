"""Tells why a file is in an image: the source that wants it, or a chain of files to one (R30)."""

import fnmatch
from collections import deque
from dataclasses import dataclass

from initpy.config.errors import InputError
from initpy.image.content import layout, manifest
from initpy.image.formats.archive import Archive
from initpy.image.formats.microcode import FOLDER as MICROCODE
from initpy.image.inspect.references import PROGRAMS, Progress, References
from initpy.image.inspect.survey import generator
from initpy.image.kernel.kmod import SUFFIXES, canonical
from initpy.image.kernel.moduletree import module_name
from initpy.image.tree import Entry, File, Folder, Link

# Paths that the kernel or a library has built in: (pattern, which program uses it for what).
KNOWN = (
    ("/init", "the kernel starts it"),
    (f"{MICROCODE}/*", "the kernel loads it early"),
    ("*/modules.*", "modprobe and udev find modules with it"),
    ("/etc/ld.so.cache", "ld.so finds libraries with it"),
    ("/etc/ld.so.conf", "ldconfig reads it"),
    ("/etc/initrd-release", "programs detect an initramfs by it"),
    ("/etc/modprobe.d/*", "modprobe and udev read it to load modules"),
    ("/usr/lib/modprobe.d/*", "modprobe and udev read it to load modules"),
    ("/usr/lib/udev/rules.d/*", "udev reads all rules"),
    ("/lib/udev/rules.d/*", "udev reads all rules"),
    ("/etc/udev/rules.d/*", "udev reads all rules"),
    ("/etc/passwd", "rules and programs name users"),
    ("/etc/group", "rules and programs name groups"),
)
OURS = (
    ("/usr/lib/initpy/jobs/*", "initpy reads all job files"),
    ("/usr/lib/initpy/left-out-modules", "the failure screen names missing drivers with it"),
    (manifest.PATH, "`initpy why` reads it"),
    ("/usr/lib/python3.*/initpy/*", "is a part of initpy"),
    ("/usr/lib/python3.*/encodings/*", "the interpreter needs it to start"),
    ("/usr/bin/python3.*", "initpy runs in it"),
    ("/usr/bin/initpy", "the commands of the emergency shell"),
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: `who` is a path in the image if `path` is set, else a source's name."""

    who: str
    how: str
    path: bool = False

    def text(self) -> str:
        return f"{self.who} {self.how}".strip()


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a path is in the image: direct reasons, and the shortest chain to a wish."""

    path: str
    entry: Entry
    reasons: tuple[Reason, ...]
    chain: tuple[Reason, ...]  # begins with one of `reasons`, ends with a wish or built-in path
    inside: int = 0  # number of entries in a folder


class Why:
    """Answers for one image."""

    def __init__(self, archive: Archive, progress: Progress = lambda _: None) -> None:
        self._archive = archive
        self._references = References(archive, progress)
        self._ours = generator(archive).startswith("initpy")
        self._wishes = manifest.read(archive)

    def answer(self, name: str) -> Answer:
        """Return why the file of a path or name is there. Raises InputError without one."""
        path = self._path(name)
        entry = self._archive.entries[path]
        start = f"{path.rstrip('/')}/"
        inside = sum(other.startswith(start) for other in self._archive.entries)
        reasons = self.reasons(path)
        chain = () if isinstance(entry, Folder) else self._chain(path)
        return Answer(path, entry, reasons, chain, inside if isinstance(entry, Folder) else 0)

    def reasons(self, path: str) -> tuple[Reason, ...]:
        """Return the direct reasons: wishes, then built-in paths, then references."""
        found = [*self._wanted(path), *self._known(path)]
        found += (Reason(each.source, each.how, True) for each in self._references.to(path))
        entry = self._archive.entries[path]
        if isinstance(entry, Link) and not found:
            target = self._archive.resolve(path)
            found.append(Reason(target or entry.target, "has this as another name", bool(target)))
        return tuple(dict.fromkeys(found))

    def _path(self, name: str) -> str:
        """Return the path of an entry, given a path or the name of a program, module or file."""
        path = self._archive.resolve(name, last=False) if "/" in name else None
        if path is not None:
            return path
        last = name.rpartition("/")[2]
        entries = self._archive.entries
        by_name = [each for each in sorted(entries) if each.rpartition("/")[2] == last]
        modules = [each for each in sorted(entries)
                   if SUFFIXES.search(each) and module_name(each) == canonical(last)]  # fmt: skip
        candidates = [] if "/" in name else (by_name or modules)
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise InputError("FILE", name, f"one of {', '.join(candidates)}")
        raise InputError("FILE", name, f"a path or a file's name in {self._archive.path}")

    def _wanted(self, path: str) -> list[Reason]:
        found = []
        for kind, name, by in self._wishes:
            if self._means(kind, name, path):
                folder = kind == "module" and name.endswith("/")
                what = f"all modules of {name}" if folder else f"the {kind} {name}"
                found.append(Reason(by, f"wants {what}"))
        return found

    def _means(self, kind: str, name: str, path: str) -> bool:
        """Return whether a wish names the file at a path."""
        last = path.rpartition("/")[2]
        if kind == "module":
            if not SUFFIXES.search(path):
                return False
            if name.endswith("/"):
                return f"/kernel/{name}" in path
            found = module_name(path)
            if found == canonical(name):
                return True
            return any(found in tree.find(name) for tree in self._references.trees)
        if kind == "rule":
            return last == name and path.endswith(f"/rules.d/{name}")
        if kind == "file":
            return path == self._archive.resolve(name, last=False) or path.startswith(f"{name}/")
        if kind == "python module":
            stem = f"/{name.replace('.', '/')}"
            return "/python3" in path and any(
                path.endswith(stem + ending) for ending in (".pyc", ".so", "/__init__.pyc")
            )
        places = [name] if name.startswith("/") else [f"{folder}/{name}" for folder in PROGRAMS]
        return any(self._archive.resolve(place, last=False) == path for place in places)

    def _known(self, path: str) -> list[Reason]:
        tables = (*KNOWN, *OURS) if self._ours else KNOWN
        found = [Reason("", how) for pattern, how in tables if fnmatch.fnmatchcase(path, pattern)]
        name = path.removeprefix("/")
        if self._ours and (
            path in layout.FOLDERS or path in layout.LINKS or path in layout.NODES
            or name in layout.MERGED
        ):  # fmt: skip
            found.append(Reason("", "every image contains it"))
        return found

    def _chain(self, path: str) -> tuple[Reason, ...]:
        """Return the shortest chain from a file to a wish or a built-in path (breadth first)."""
        ways: deque[tuple[str, tuple[Reason, ...]]] = deque([(path, ())])
        seen = {path}
        longest: tuple[Reason, ...] = ()
        while ways:
            here, way = ways.popleft()
            for reason in self.reasons(here):
                if not reason.path:
                    return (*way, reason)
                if reason.who not in seen:
                    seen.add(reason.who)
                    ways.append((reason.who, (*way, reason)))
            if len(way) > len(longest):
                longest = way
        return longest


def describe(entry: Entry) -> str:
    """Return the type of an entry in words."""
    match entry:
        case File(mode=mode) if mode & 0o111:
            return "a program or script"
        case File():
            return "a file"
        case Link(target=target):
            return f"a link to {target}"
        case Folder():
            return "a folder"
        case _:
            return "a device"
