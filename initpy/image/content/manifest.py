"""Who wanted what, kept in the image for whoever asks later why a file is in it (`initpy why`).

Only the wishes: job files, the recipe, the request, a layer of the root's stack. What
follows from them (libraries, dependencies of modules) can be seen in the image itself.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from initpy.image.content.needs import Needs
from initpy.image.kernel.kmod import Want
from initpy.image.tree import File

if TYPE_CHECKING:  # who builds reads no archive, and should not wait for what reading takes
    from initpy.image.formats.archive import Archive

PATH = "/usr/lib/initpy/wanted.json"
RECIPE = "the recipe"
# Everything that can be wanted, by the words of the job files' tables.
KINDS = ("program", "module", "rule", "file", "python module")


class Wish(NamedTuple):
    """One thing wanted by name: `name` as it was written, `by` for people."""

    kind: str
    name: str
    by: str


def wishes(
    needs: Needs,
    modules: Iterable[Want],
    programs: Iterable[str],
    reasons: Mapping[str, str],
    files: Iterable[str],
) -> Iterator[Wish]:
    """All that a build was asked for: by job files, layers, the recipe and the request.

    `modules` are those of all of them; `programs` are the recipe's, `reasons` its
    reasons by name, and `files` paths in the image that the request fills.
    """
    for want in modules:
        by = want.by
        if by == RECIPE and want.what in reasons:
            by = f"{RECIPE} ({reasons[want.what]})"
        yield Wish("module", want.what, by)
    for name in programs:
        yield Wish("program", name, f"{RECIPE} ({reasons[name]})" if name in reasons else RECIPE)
    for kind, wanted in (
        ("program", needs.programs), ("rule", needs.rules), ("file", needs.files),
        ("file", needs.optional), ("python module", needs.python),
    ):  # fmt: skip
        yield from (Wish(kind, each.name, each.by) for each in wanted)
    yield from (Wish("file", path, "the request") for path in files)


def pack(wishes: Iterable[Wish]) -> File:
    """The file for the image; the same for the same wishes in any order."""
    by: dict[str, dict[str, list[str]]] = {}
    for kind, name, owner in sorted(set(wishes)):
        by.setdefault(owner, {}).setdefault(kind, []).append(name)
    return File(json.dumps(by, sort_keys=True, separators=(",", ":")).encode())


def read(archive: "Archive") -> tuple[Wish, ...]:
    """The wishes of an image; none for one that does not tell, or not in this way."""
    try:
        content = json.loads(archive.read(PATH))
    except (FileNotFoundError, ValueError, RecursionError):
        return ()
    if not isinstance(content, dict):
        return ()
    found: list[Wish] = []
    for owner, kinds in content.items():
        for kind, names in kinds.items() if isinstance(kinds, dict) else ():
            if isinstance(names, list):
                found.extend(Wish(kind, name, owner) for name in names if isinstance(name, str))
    return tuple(found)
