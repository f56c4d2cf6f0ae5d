"""What two images have and have not in common, path by path.

Images of two kernels, or with and without a merged /usr, are compared all the
same: paths are taken without the kernel's release and as /usr merged has them.
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
# A change of a text is shown up to this size; what is larger is data.
LARGEST_TEXT = 64 * 1024
CONTEXT = 2


class How(StrEnum):
    """What became of a path from the first image to the second."""

    GONE = "gone"
    NEW = "new"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs; sizes are bytes of content, 0 where there is none."""

    path: str  # as in the second image, or in the first if it is gone
    how: How
    what: str  # in words: "content", "mode 0600 -> 0644", "a link to x -> a file"
    kind: str  # of content, as in a survey
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class TextChange:
    """What changed in a text that everyone may read, as `diff -u` has it, without headers."""

    path: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs."""

    changes: tuple[Change, ...]
    texts: tuple[TextChange, ...]
    modules_gone: tuple[str, ...]
    modules_new: tuple[str, ...]

    def of(self, how: How, kind: str = "") -> tuple[Change, ...]:
        """The changes of one sort, and of one kind of content."""
        return tuple(each for each in self.changes
                     if each.how is how and kind in ("", each.kind))  # fmt: skip

    def __bool__(self) -> bool:
        return bool(self.changes)


def compare(first: Archive, second: Archive, progress: Progress = lambda _: None) -> Difference:
    """What changed from the first image to the second."""
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
    """Comparable path -> real path."""
    found: dict[str, str] = {}
    for path in archive.entries:
        key = RELEASE.sub(r"\1*", image_path(path))
        # A module is the same module, packed or not.
        key = SUFFIXES.sub(".ko", key)
        found.setdefault(key, path)
    return found


def _what(before: Entry | None, after: Entry | None) -> tuple[How, str]:
    """What happened, and to what; no words for nothing."""
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
    """None of what is no text, and none of what only root may read: keys, most likely."""
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
