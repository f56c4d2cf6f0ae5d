"""Run the loader and the interpreter inside a copy of the image, before it is called one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initpy.image.content import stage
from initpy.image.formats.elf import read_elf
from initpy.image.missing import IncompleteError, Missing
from initpy.image.scratch import scratch_folder
from initpy.image.tree import File, Tree, content_size

LIBRARY_CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True, slots=True)
class Copy:
    """A folder that becomes a copy of the image without what programs do not read."""

    tree: Tree
    root: Path

    def library_cache(self) -> File:
        """What ld.so will look libraries up in, made from these alone. Raises ToolError."""
        stage.write_out(self.tree, self.root, _for_loader)
        return File(stage.library_cache(self.root))

    def try_out(self, modules: Sequence[str]) -> tuple[str, ...]:
        """Load every program and import the Python modules; warns of what could not be tried.

        The cache has been made before. Raises IncompleteError or ToolError for what does not work.
        """
        stage.write_out(self.tree, self.root, lambda path: not _for_loader(path))
        if not stage.may_change_root():
            return ("not checked by running it: neither root nor user namespaces (unshare) here",)
        if problems := stage.check_programs(self.root, _dynamic_programs(self.tree)):
            raise IncompleteError(
                Missing("library", problem, "a program", "") for problem in problems
            )
        if modules:
            stage.check_imports(self.root, next(_interpreters(self.tree)), modules)
        return ()


@contextmanager
def copy_of(tree: Tree) -> Iterator[Copy]:
    """A place for a copy of the tree, which goes with it. The tree stays as it is."""
    with scratch_folder("check", content_size(tree)) as root:
        yield Copy(tree, root)


def _for_loader(path: str) -> bool:
    """Whether ldconfig(8) may read it."""
    return ".so" in path.rpartition("/")[2] or path == "/etc/ld.so.conf"


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
