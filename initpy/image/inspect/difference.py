"""Compares two images path by path.

It also compares images of different kernels, and with and without a merged /usr: it ignores the
kernel's release in a path, and maps paths to the merged /usr.
"""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from initpy.image.formats.archive import Archive
from initpy.image.inspect.survey import kind_of
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.kernel.moduletree import module_name
from initpy.image.tree import Entry, File, Folder, Link, image_path

Progress = Callable[[str], None]

RELEASE = re.compile(r"^(/usr/lib/modules/)[^/]+")
# A larger file counts as data, whose lines are not compared.
LARGEST_TEXT = 64 * 1024
CONTEXT = 2


class How(StrEnum):
    """How a path differs between the first image and the second."""

    GONE = "gone"
    NEW = "new"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs; sizes are bytes of content, 0 without content."""

    path: str  # as in the second image, or in the first if it is gone
    how: How
    what: str  # "content", "mode 0600 -> 0644", "a link to x -> a file"
    kind: str  # kind of content, as in a survey
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class TextChange:
    """The changes in a world-readable text file, as in `diff -u`, without headers."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences between two images."""

    changes: tuple[Change, ...]
    texts: tuple[TextChange, ...]
    modules_gone: tuple[str, ...]
    modules_new: tuple[str, ...]

    def of(self, how: How, kind: str = "") -> tuple[Change, ...]:
        """Return the changes of one sort, for one kind of content or all."""
        return tuple(each for each in self.changes
                     if each.how is how and kind in ("", each.kind))  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.changes)


def compare(first: Archive, second: Archive, progress: Progress = lambda _: None) -> Difference:
    """Return the differences between the first image and the second."""
    progress("comparing the files")
    ours, theirs = _keyed(first), _keyed(second)
    changes: list[Change] = []
    texts: list[TextChange] = []
    for key in sorted(ours.keys() | theirs.keys()):
        path = theirs.get(key) or ours[key]
        before = first.entries[ours[key]] if key in ours else None
        after = second.entries[theirs[key]] if key in theirs else None
        how, what = _what(before, after)
        if what:
            sizes = _size(before), _size(after)
            changes.append(Change(path, how, what, kind_of(path), *sizes))
        if lines := _text_changes(before, after):
            texts.append(TextChange(path, lines))
    return Difference(
        tuple(changes),
        tuple(texts),
        tuple(sorted(_modules(first) - _modules(second))),
        tuple(sorted(_modules(second) - _modules(first))),
    )


def _keyed(archive: Archive) -> dict[str, str]:
    """Return comparable path -> path in the image."""
    found: dict[str, str] = {}
    for path in archive.entries:
        key = RELEASE.sub(r"\1*", image_path(path))
        # Ignore the compression of a module.
        key = SUFFIXES.sub(".ko", key)
        found.setdefault(key, path)
    return found


def _what(before: Entry | None, after: Entry | None) -> tuple[How, str]:
    """Return how an entry changed, and in which respect; "" if it did not change."""
    if before is None:
        return How.NEW, _name(after)
    if after is None:
        return How.GONE, _name(before)
    if type(before) is not type(after):
        return How.CHANGED, f"{_name(before)} -> {_name(after)}"
    return How.CHANGED, ", ".join(_details(before, after))


def _details(before: Entry, after: Entry) -> Iterator[str]:
    if isinstance(before, File) and isinstance(after, File) and before.read() != after.read():
        yield "content"
    if isinstance(before, Link) and before != after:
        yield f"{_name(before)} -> {_name(after)}"
        return
    if not isinstance(before, Link) and not isinstance(after, Link) and before.mode != after.mode:
        yield f"mode {before.mode & 0o7777:04o} -> {after.mode & 0o7777:04o}"
    if not isinstance(before, File | Folder | Link) and not isinstance(after, File | Folder | Link):
        old, new = (before.major, before.minor), (after.major, after.minor)
        if old != new:
            yield f"device {old[0]},{old[1]} -> {new[0]},{new[1]}"


def _name(entry: Entry | None) -> str:
    match entry:
        case File():
            return "a file"
        case Link(target=target):
            return f"a link to {target}"
        case Folder():
            return "a folder"
        case _:
            return "a device"


def _size(entry: Entry | None) -> int:
    return entry.size() if isinstance(entry, File) else 0


def _text_changes(before: Entry | None, after: Entry | None) -> tuple[str, ...]:
    """Return the changed lines; nothing for binary files, or for files that may hold secrets."""
    if not isinstance(before, File) or not isinstance(after, File):
        return ()
    if not (before.mode & after.mode & 0o004) or max(before.size(), after.size()) > LARGEST_TEXT:
        return ()
    old, new = before.read(), after.read()
    if b"\0" in old or b"\0" in new:
        return ()
    try:
        pair = old.decode().splitlines(), new.decode().splitlines()
    except UnicodeDecodeError:
        return ()
    lines = difflib.unified_diff(*pair, lineterm="", n=CONTEXT)
    return tuple(line for line in lines if not line.startswith(("---", "+++")))


def _modules(archive: Archive) -> set[str]:
    return {module_name(path) for path in archive.entries if SUFFIXES.search(path)}
