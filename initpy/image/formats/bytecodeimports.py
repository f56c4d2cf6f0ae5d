"""Finds the modules that bytecode imports, for an image whose interpreter cannot run here.

It reports certain imports only: at the top of a module, outside every `try` and `if`, of initpy's
modules, within one package or within the standard library. Elsewhere other code may have put a
substitute into sys.modules. `late_imports` finds those inside functions, which no start of the
interpreter tries. Only bytecode of the running interpreter's version can be read; other versions
have other opcodes.
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
END_OF_MAGIC = b"\r\n"  # of each version's magic number
HEADER = 16  # magic number, flags, time and size, or hash (PEP 552)
CONSTANTS = frozenset({"LOAD_CONST", "LOAD_SMALL_INT"})  # the latter since Python 3.14
MOST = 10_000  # modules
OWN = sys.stdlib_module_names
# Frozen modules register these names in sys.modules; they have no file of their own.
ALIASES = frozenset({"importlib._bootstrap", "importlib._bootstrap_external", "os.path"})


class ForeignBytecodeError(ValueError):
    """The file is bytecode of another Python version, or no bytecode."""


class DamagedBytecodeError(ValueError):
    """The file is no bytecode that any Python imports; the text says why."""


def absent_imports(archive: Archive, library: str, modules: list[str]) -> list[tuple[str, str]]:
    """Return (module, importing module) for each certain import that the image lacks.

    Raises ForeignBytecodeError for bytecode that this interpreter cannot read, and
    DamagedBytecodeError.
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
            if _in_parts(archive, start, name):
                continue
            if by.startswith("initpy") or _top(by) == _top(name) or {_top(name), _top(by)} <= OWN:
                absent.append((name, by))
        elif path.endswith(".pyc"):
            package = name if path.endswith("/__init__.pyc") else name.rpartition(".")[0]
            code = _code(archive.read(path), path)
            for each, names in _imports(code, package):
                todo.append((each, name))
                if _top(each) == _top(name):  # `from . import name`
                    todo += ((inner, name) for inner in _submodules(archive, library, each, names))
            registered.update(_registered(code))
    return [(name, by) for name, by in absent if name not in registered]


def late_imports(archive: Archive, library: str, package: str) -> list[tuple[str, str]]:
    """Return (module, importing module) for each import inside a function of a package.

    Those of modules outside the package count only outside every `try`. `from package import name`
    counts as an import of package.name, unless the package has such a name itself.
    Raises ForeignBytecodeError for bytecode that this interpreter cannot read, and
    DamagedBytecodeError.
    """
    found: list[tuple[str, str]] = []
    start = f"{library}/{package}"
    for path in sorted(archive.entries):
        if not (path.startswith(f"{start}/") and path.endswith(".pyc")):
            continue
        if isinstance(archive.get(path), File):  # not so if a folder above it is absent
            inside = path.removeprefix(f"{library}/").removesuffix(".pyc").replace("/", ".")
            by = inside.removesuffix(".__init__")
            above = by if inside != by else by.rpartition(".")[0]
            for inner in _inner(_code(archive.read(path), path)):
                read = dis.Bytecode(inner)
                for offset, name, names in _statements(read, above):
                    if _top(name) == package:
                        found.append((name, by))
                        found += ((each, by) for each in _submodules(archive, library, name, names))
                    elif not any(start <= offset < end for start, end in _tried(read)):
                        found.append((name, by))
    return list(dict.fromkeys(found))


def is_present(archive: Archive, library: str, name: str) -> bool:
    """Return whether the interpreter of an image finds a module, or a part of a package."""
    start = f"{library}/{name.replace('.', '/')}"
    found = _comes_along(name) or _path(archive, start) is not None
    return found or _in_parts(archive, start, name)


def _in_parts(archive: Archive, start: str, name: str) -> bool:
    """Return whether a package without a file of its own has modules (PEP 420).

    The packages of the standard library are useless so: their names are in `__init__`.
    """
    inside = any(each.startswith(f"{start}/") for each in archive.entries)
    return inside and _top(name) not in OWN


def _top(name: str) -> str:
    return name.partition(".")[0]


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield the code objects of the functions and classes of a module."""
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from _inner(each)


def _submodules(archive: Archive, library: str, name: str, names: tuple[str, ...]) -> Iterator[str]:
    """Yield those of the names imported from a package that must be modules of it."""
    start = f"{library}/{name.replace('.', '/')}"
    path = _path(archive, start)
    if path is not None and not path.endswith("/__init__.pyc"):
        return  # a module, with names of its own
    if path is None and not any(each.startswith(f"{start}/") for each in archive.entries):
        return  # absent, which its own name tells
    own: set[str] = set()
    if path is not None:
        code = _code(archive.read(path), path)
        inside = [*_statements(dis.Bytecode(code), name)]
        if any("*" in given for _, _, given in inside):
            return  # any name may be its own
        by_itself = {each for _, module, given in inside if module == name for each in given}
        own = set(code.co_names) - by_itself
    yield from (f"{name}.{each}" for each in names if each not in own and each != "*")


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
    if len(content) <= HEADER or content[2:4] != END_OF_MAGIC:
        raise DamagedBytecodeError(f"{path} is no bytecode of Python")
    if not content.startswith(importlib.util.MAGIC_NUMBER):
        raise ForeignBytecodeError(f"{path} is bytecode of another Python")
    try:
        code = marshal.loads(content[HEADER:])
    except (ValueError, EOFError, TypeError) as error:
        raise DamagedBytecodeError(f"{path} is damaged: {error}") from error
    if not isinstance(code, types.CodeType):
        raise DamagedBytecodeError(f"{path} holds no module")
    return code


def _imports(code: types.CodeType, package: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a module imports unconditionally, outside every `try`: (module, names of it)."""
    read = dis.Bytecode(code)
    jumps = [(each.offset, int(each.argval)) for each in read if each.opcode in JUMPS]
    passed = [*jumps, *_tried(read)]
    for offset, name, names in _statements(read, package):
        if not any(start <= offset < end for start, end in passed):
            yield name, names


def _tried(read: dis.Bytecode) -> list[tuple[int, int]]:
    """Return the ranges of code that an exception does not leave."""
    entries = getattr(read, "exception_entries", ())  # typeshed does not know them
    return [(entry.start, entry.end) for entry in entries]


def _statements(read: dis.Bytecode, package: str) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield each import: its offset, the module, and the names that are imported from it."""
    level: object = 0
    names: object = None
    for instruction in read:
        if instruction.opname in CONSTANTS:  # both come right before the import
            level, names = names, instruction.argval
        if instruction.opname == "IMPORT_NAME":
            name = str(instruction.argval)
            if isinstance(level, int) and level:
                above = package.rsplit(".", level - 1)[0] if level > 1 else package
                name = ".".join(filter(None, (above, name)))
            given = names if isinstance(names, tuple) else ()
            yield instruction.offset, name, tuple(map(str, given))


def _registered(code: types.CodeType) -> Iterator[str]:
    """Yield the names that a module puts into sys.modules, as collections does for `abc`."""
    read = list(dis.get_instructions(code))
    for owner, key, store in zip(read, read[1:], read[2:], strict=False):
        of_modules = owner.opname == "LOAD_ATTR" and owner.argval == "modules"
        if of_modules and store.opname == "STORE_SUBSCR" and isinstance(key.argval, str):
            yield key.argval
