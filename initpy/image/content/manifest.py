"""Records in the image which source asked for what; `initpy why` reads it.

Sources are job files, the recipe, the request and the layers of the root's stack. Consequences
(libraries, dependencies of modules) are not recorded: the image itself shows them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from initpy.image.content.needs import Needs
from initpy.image.kernel.kmod import Want
from initpy.image.tree import File

if TYPE_CHECKING:  # a build reads no archive, and the import takes time
    from initpy.image.formats.archive import Archive

PATH = "/usr/lib/initpy/wanted.json"
RECIPE = "the recipe"
# The kinds of wishes, in the words of the job files' [image] table.
KINDS = ("program", "module", "rule", "file", "python module")


class Wish(NamedTuple):
    """An item asked for by name: `name` as the source writes it, `by` the source."""

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
    """Yield the wishes of job files, layers, the recipe and the request.

    `modules` holds those of all sources. `programs` are the recipe's, `reasons` its reasons by
    name. `files` are the paths in the image that the request adds.
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
    """Return the file for the image; the order of the wishes does not matter."""
    by: dict[str, dict[str, list[str]]] = {}
    for kind, name, owner in sorted(set(wishes)):
        by.setdefault(owner, {}).setdefault(kind, []).append(name)
    return File(json.dumps(by, sort_keys=True, separators=(",", ":")).encode())


def read(archive: "Archive") -> tuple[Wish, ...]:
    """Return the wishes recorded in an image; nothing if it has no record of this format."""
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
