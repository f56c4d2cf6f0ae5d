"""Finds all imports in a source file, also those inside functions."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INDENTED = re.compile(rb"^[ \t]+(?:from|import)\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file imports; `optional` if the file handles its absence."""

    module: str
    optional: bool


def named_imports(source: Path) -> tuple[Import, ...]:
    """Return the absolute imports of a file, except those under TYPE_CHECKING."""
    tree = ast.parse(source.read_bytes(), str(source))
    return tuple(dict.fromkeys(_walk(tree, optional=False)))


def may_be_late(source: Path) -> bool:
    """Return whether a file has indented imports, which importing the file may not execute."""
    return INDENTED.search(source.read_bytes()) is not None


def _walk(node: ast.AST, optional: bool) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield Import(alias.name, optional)
        case ast.ImportFrom(module=str(module), level=0, names=names):
            yield Import(module, optional)
            # `from package import name`: the name may be a module.
            for alias in names:
                yield Import(f"{module}.{alias.name}", True)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for inner in node.orelse:
                yield from _walk(inner, optional)
        case ast.Try(body=body, handlers=handlers):
            guarded = optional or any(_catches_import_error(handler) for handler in handlers)
            for inner in body:
                yield from _walk(inner, guarded)
            for after in (*handlers, *node.orelse, *node.finalbody):
                yield from _walk(after, optional)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _walk(child, optional)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    names = {each.id for each in ast.walk(handler.type or handler) if isinstance(each, ast.Name)}
    return handler.type is None or bool(names & {"ImportError", "ModuleNotFoundError", "Exception"})
