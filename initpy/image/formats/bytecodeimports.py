"""Finds the modules that bytecode imports, for an image whose interpreter cannot run here.

It reports certain imports only: at the top of a module, outside every `try` and `if`, of initpy's
modules or within one package. Elsewhere other code may have put a substitute into sys.modules.
It reads only bytecode of the running interpreter's version; other versions have other opcodes.
"""

import dis
import importlib.machinery
import importlib.util
import marshal
import sys
import types
from collections.abc import Iterator

from initpy.image.formats.archive import Archive
from initpy.image.tree import File

JUMPS = frozenset((*dis.hasjrel, *dis.hasjabs))
HEADER = 16  # magic number, flags, time and size, or hash (PEP 552)
MOST = 10_000  # modules
# Frozen modules register these names in sys.modules; they have no file of their own.
ALIASES = frozenset({"importlib._bootstrap", "importlib._bootstrap_external", "os.path"})


class ForeignBytecodeError(ValueError):
    """The file is bytecode of another Python version, or no bytecode."""


def absent_imports(archive: Archive, library: str, modules: list[str]) -> list[tuple[str, str]]:
    """Return (module, importing module) for each certain import that the image lacks.

    Raises ForeignBytecodeError for bytecode that this interpreter cannot read.
    """
    absent: list[tuple[str, str]] = []
    registered: set[str] = set()
    todo = [(name, "initpy") for name in modules]
    seen: set[str] = set()
    while todo and len(seen) < MOST:
        name, by = todo.pop()
        if name in seen or _comes_along(name):
            continue
        seen.add(name)
        if "." in name:
            todo.append((name.rpartition(".")[0], name))
        start = f"{library}/{name.replace('.', '/')}"
        path = _path(archive, start)
        if path is None:
            # A package of which only some modules came along has no file of its own (PEP 420).
            if any(each.startswith(f"{start}/") for each in archive.entries):
                continue
            if by.startswith("initpy") or by.partition(".")[0] == name.partition(".")[0]:
                absent.append((name, by))
        elif path.endswith(".pyc"):
            package = name if path.endswith("/__init__.pyc") else name.rpartition(".")[0]
            code = _code(archive.read(path), path)
            todo += [(each, name) for each in _imports(code, package)]
            registered.update(_registered(code))
    return [(name, by) for name, by in absent if name not in registered]


def _comes_along(name: str) -> bool:
    """Return whether the interpreter contains a module: frozen, built in, or an alias."""
    frozen = importlib.machinery.FrozenImporter.find_spec(name) is not None
    return frozen or name in sys.builtin_module_names or name in ALIASES


def _path(archive: Archive, start: str) -> str | None:
    """Return the file of a module: a package, bytecode, or an extension with any ABI tag."""
    for end in ("/__init__.pyc", ".pyc", ".so"):
        if isinstance(archive.get(start + end), File):
            return start + end
    folder, _, last = start.rpartition("/")
    for place in (folder, f"{folder}/lib-dynload"):
        inside = (path for path in archive.entries if path.startswith(f"{place}/{last}."))
        if found := next((path for path in inside if path.endswith(".so")), None):
            return found
    return None


def _code(content: bytes, path: str) -> types.CodeType:
    if not content.startswith(importlib.util.MAGIC_NUMBER):
        raise ForeignBytecodeError(f"{path} is bytecode of another Python")
    try:
        code = marshal.loads(content[HEADER:])
    except (ValueError, EOFError, TypeError) as error:
        raise ForeignBytecodeError(f"{path}: {error}") from error
    if not isinstance(code, types.CodeType):
        raise ForeignBytecodeError(f"{path} holds no module")
    return code


def _imports(code: types.CodeType, package: str) -> Iterator[str]:
    """Yield the modules that a module imports unconditionally, outside every `try`."""
    read = dis.Bytecode(code)
    entries = getattr(read, "exception_entries", ())  # typeshed does not know them
    guarded = [(entry.start, entry.end) for entry in entries]
    level = 0
    for instruction in read:
        if instruction.opname == "LOAD_CONST" and isinstance(instruction.argval, int):
            level = instruction.argval
        if instruction.opcode in JUMPS:
            guarded.append((instruction.offset, int(instruction.argval)))
        passed = any(start <= instruction.offset < end for start, end in guarded)
        if instruction.opname == "IMPORT_NAME" and not passed:
            above = package.rsplit(".", level - 1)[0] if level > 1 else package
            name = str(instruction.argval)
            yield ".".join(filter(None, (above, name))) if level else name


def _registered(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a module puts into sys.modules, as collections does for `abc`."""
    read = list(dis.get_instructions(code))
    for owner, key, store in zip(read, read[1:], read[2:], strict=False):
        of_modules = owner.opname == "LOAD_ATTR" and owner.argval == "modules"
        if of_modules and store.opname == "STORE_SUBSCR" and isinstance(key.argval, str):
            yield key.argval
