"""Run the loader and the interpreter inside a copy of the image, before it is called one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from initpy.image import stage
from initpy.image.elf import read_elf
from initpy.image.missing import IncompleteError, Missing
from initpy.image.tree import File, Tree

LIBRARY_CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True, slots=True)
class Trial:
    """What the copy gave: ld.so's cache of its libraries, and what could not be tried."""

    cache: File
    warnings: tuple[str, ...] = ()


def try_out(tree: Tree, modules: Sequence[str]) -> Trial:
    """Load every program and import the Python modules in a copy of the image.

    Raises IncompleteError or ToolError for what does not work. The tree stays as it is.
    """
    with TemporaryDirectory(prefix="initpy-check-") as folder:
        root = Path(folder)
        stage.write_out(tree, root)
        cache = File(stage.library_cache(root))
        if not stage.may_change_root():
            warning = (
                "not checked by running it: neither root nor user namespaces (unshare) are to hand"
            )
            return Trial(cache, (warning,))
        problems = stage.check_programs(root, _dynamic_programs(tree))
        if problems:
            raise IncompleteError(
                Missing("library", problem, "a program", "") for problem in problems
            )
        if modules:
            stage.check_imports(root, next(_interpreters(tree)), modules)
    return Trial(cache)


def _dynamic_programs(tree: Tree) -> Iterator[tuple[str, str]]:
    """(program, ELF interpreter) for each program that names one."""
    for path, entry in tree.items():
        if path.startswith(stage.UNSTAGED) or not isinstance(entry, File):
            continue
        if isinstance(entry.source, Path) and entry.mode & 0o111:
            elf = read_elf(entry.source)
            if elf is not None and elf.interpreter is not None and "/lib/" not in path:
                yield path, elf.interpreter


def _interpreters(tree: Tree) -> Iterator[str]:
    return (path for path, _ in tree.items() if path.startswith("/usr/bin/python"))
