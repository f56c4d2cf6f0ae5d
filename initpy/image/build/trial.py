"""Smoke-tests ld.so and Python in an unpacked copy of the image."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from initpy.image.content import stage
from initpy.image.formats.elf import read_elf
from initpy.image.missing import IncompleteError, Missing
from initpy.image.scratch import no_execution, scratch_folder
from initpy.image.tree import File, Tree, content_size

LIBRARY_CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True, slots=True)
class Copy:
    """A folder for a copy of the image, without kernel modules, firmware and secrets."""

    tree: Tree
    root: Path

    def library_cache(self) -> File:
        """Write the libraries, run ldconfig, return its ld.so.cache. Raises ToolError."""
        stage.write_out(self.tree, self.root, _for_loader)
        return File(stage.library_cache(self.root))

    def try_out(self, modules: Sequence[str]) -> tuple[str, ...]:
        """Load every program and import the Python modules; return warnings.

        `library_cache` must have run before. Raises IncompleteError or ToolError on a failure.
        """
        stage.write_out(self.tree, self.root, lambda path: not _for_loader(path))
        if why := no_execution(self.root):
            return (f"image not tested by running it: {why}",)
        if not stage.may_change_root():
            return ("image not tested by running it: needs root, or user namespaces (unshare)",)
        if problems := stage.check_programs(self.root, _dynamic_programs(self.tree)):
            raise IncompleteError(
                Missing("library", problem, "a program", "") for problem in problems
            )
        if modules:
            stage.check_imports(self.root, next(_interpreters(self.tree)), modules)
        return ()


@contextmanager
def copy_of(tree: Tree) -> Iterator[Copy]:
    """Provide a folder for a copy of the tree, and remove it afterwards."""
    with scratch_folder("check", content_size(tree)) as root:
        yield Copy(tree, root)


def _for_loader(path: str) -> bool:
    """Return whether ldconfig(8) may read a file."""
    return ".so" in path.rpartition("/")[2] or path == "/etc/ld.so.conf"


def _dynamic_programs(tree: Tree) -> Iterator[tuple[str, str]]:
    """Yield (program, ELF interpreter) for each dynamically linked program."""
    for path, entry in tree.items():
        if path.startswith(stage.UNSTAGED) or not isinstance(entry, File):
            continue
        if isinstance(entry.source, Path) and entry.mode & 0o111:
            elf = read_elf(entry.source)
            if elf is not None and elf.interpreter is not None and "/lib/" not in path:
                yield path, elf.interpreter


def _interpreters(tree: Tree) -> Iterator[str]:
    return (path for path, _ in tree.items() if path.startswith("/usr/bin/python"))
