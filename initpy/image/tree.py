"""The content of an image during a build: a table of paths and entries; nothing is copied yet."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Top-level folders that are links into /usr (merged /usr, file-hierarchy(7)).
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

# path_resolution(7): the kernel follows at most this many links.
MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: its bytes, or the path of its source on this machine."""

    source: Path | bytes
    mode: int = 0o644

    def read(self) -> bytes:
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def size(self) -> int:
        return len(self.source) if isinstance(self.source, bytes) else self.source.stat().st_size


@dataclass(frozen=True, slots=True)
class Link:
    target: str


@dataclass(frozen=True, slots=True)
class Folder:
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class Node:
    """A character or block device; `mode` includes the type (S_IFCHR, S_IFBLK)."""

    mode: int
    major: int
    minor: int


Entry = File | Link | Folder | Node


class Conflict(ValueError):
    """Two different entries were added at one path."""


def _words(entry: Entry) -> str:
    """Name an entry for a message."""
    match entry:
        case File(Path() as source):
            return f"a copy of {source}"
        case File():
            return "a file of initpy's own"
        case Link(target):
            return f"a link to {target}"
        case Folder():
            return "a folder"
        case Node():
            return "a device"


def image_path(path: str) -> str:
    """Return a path as it is in the image, whose /bin, /sbin and /lib* are links into /usr."""
    parts = PurePosixPath(os.path.normpath(path)).parts
    if parts[:1] != ("/",):
        raise ValueError(f"not an absolute path: {path!r}")
    if len(parts) > 2 and parts[1] in MERGED:
        parts = ("/", "usr", *parts[1:])
    return str(PurePosixPath(*parts))


class Tree:
    """Entries by path in the image. Adding an entry adds its parent folders."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def __contains__(self, path: str) -> bool:
        return image_path(path) in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, path: str) -> Entry | None:
        return self._entries.get(image_path(path))

    def items(self) -> Iterator[tuple[str, Entry]]:
        """Yield the entries sorted by path, so that a folder precedes its content."""
        for path in sorted(self._entries):
            yield path, self._entries[path]

    def add(self, path: str, entry: Entry, *, replace: bool = False) -> None:
        """Add an entry. Raises Conflict if a different one has the path already."""
        path = image_path(path)
        present = self._entries.get(path)
        if not replace and present is not None and present != entry:
            raise Conflict(f"{path}: it is {_words(present)}, and cannot also be {_words(entry)}")
        self._entries[path] = entry
        for parent in PurePosixPath(path).parents:
            here = self._entries.setdefault(str(parent), Folder())
            if not isinstance(here, Folder):
                raise Conflict(f"{path}: {parent} is not a folder but {_words(here)}")

    def remove(self, path: str) -> None:
        """Remove an entry, if it is there."""
        self._entries.pop(image_path(path), None)

    def add_host(self, path: Path) -> str:
        """Add a file or folder of this machine, with every link on its path.

        Returns the path of the file itself, links followed.
        """
        real = self._follow(path)
        if real.is_dir():
            self.add(str(real), Folder())
            for inside in sorted(real.iterdir()):
                # A socket, or a link to nothing, is of no use in an image.
                if inside.is_file() or inside.is_dir():
                    self.add_host(inside)
        elif real.is_file():
            self.add(str(real), host_file(real))
        else:
            raise Conflict(f"{path}: neither a file nor a folder")
        return image_path(str(real))

    def _follow(self, path: Path) -> Path:
        """Resolve a path as the kernel does, and add each link on it."""
        root = Path("/")
        ahead = list(reversed(path.parts[1:]))
        here = root
        links = 0
        while ahead:
            part = ahead.pop()
            if part == "..":
                here = here.parent
                continue
            step = here / part
            if not step.is_symlink():
                here = step
                continue
            links += 1
            if links > MOST_LINKS:
                raise Conflict(f"{path}: too many links")
            target = step.readlink()
            if here != root or part not in MERGED:
                self.add(str(step), Link(str(target)))
            if target.is_absolute():
                here = root
            ahead.extend(part for part in reversed(target.parts) if part != "/")
        return here


def host_file(path: Path) -> File:
    """Return a file of this machine, without set-uid bits and without write bits for others."""
    return File(path, path.stat().st_mode & 0o755)


def content_size(tree: Tree) -> int:
    """Return the total size of the files in a tree, in bytes."""
    return sum(entry.size() for _, entry in tree.items() if isinstance(entry, File))
