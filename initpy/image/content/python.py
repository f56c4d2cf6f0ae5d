"""Selects the interpreter and the modules that the runtime imports, and compiles them."""

import functools
import importlib.util
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from initpy.image import process
from initpy.image.content.cache import Cache, key_of
from initpy.image.content.imports import Import, may_be_late, named_imports
from initpy.image.missing import Missing, module_package
from initpy.image.scratch import scratch_folder

# The packages of initpy that run in the image.
RUNTIME = ("initpy.core", "initpy.config", "initpy.runtime", "initpy.report", "initpy.cli")
# Excluded from the image, with all modules that import them. (rich draws tables for terminals.)
DESK = (
    "initpy.image", "initpy.lab", "initpy.simulation", "initpy.config.image", "rich",
    "initpy.report.drawing", "initpy.report.plaindrawing",
)  # fmt: skip
MIXED = ("initpy.cli", "initpy.report")  # packages with modules of both kinds

# Modules that the standard library can do without, and the reason for their exclusion.
BLOCKED = (
    "ssl",  # asyncio imports it if it exists; OpenSSL costs 5 MB and 5 ms
    "_ssl",
    "_hashlib",  # loads OpenSSL for hashes that the interpreter has built in
    "bz2",  # shutil imports it if it exists
    "_bz2",
    "lzma",
    "_lzma",
)

# Imported by the interpreter or the library at run time, which the probe cannot see.
LATE = (
    "encodings.ascii",  # the C locale's codec, before UTF-8 mode is on
    "encodings.latin_1",  # for standard streams opened in binary by name
    "linecache",  # tracebacks
    "shutil",  # argparse, to learn the terminal's width for --help
)

# Package of the runtime -> library without which no image has it: what needs it adds the library.
# Of the library only the imported modules come along, and not its `__init__`, which imports all.
NETWORK_LIBRARY = "pyroute2"
ONLY_WITH = {"initpy.runtime.net": NETWORK_LIBRARY}

# getpath.py finds the standard library by this file. The module itself is frozen.
LANDMARK = "os"

# Module -> shared library that it opens by name.
OPENED = {"pyudev": "libudev.so.1"}

# Columns take a quarter of the bytecode, and a traceback without sources does not show them.
COMPILING = ("-sSBP", "-Xno_debug_ranges")

# The hash of the source in a bytecode file (PEP 552).
HASH = slice(8, 16)

# A fixed hash seed keeps the output reproducible.
ENVIRONMENT = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The interpreter that goes into the image."""

    program: Path
    version: str  # such as 3.11
    library: Path  # its standard library


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the image."""

    name: str
    package: bool
    source: Path
    extension: bool


@dataclass(frozen=True, slots=True)
class Modules:
    found: tuple[Module, ...]
    missing: tuple[Missing, ...]


def find_interpreter() -> Interpreter:
    """Return the distribution's interpreter, also from inside a virtual environment."""
    program = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Interpreter(program, version, Path(sysconfig.get_path("stdlib")))


def probe_input(extra: Iterable[str], cache: Cache | None = None) -> bytes:
    """Return the probe's input: the imports that load all the runtime and `extra` modules need."""
    package = _folder_of("initpy")
    cache = cache or Cache()
    extra = set(extra)
    libraries = {each.partition(".")[0] for each in extra}
    left_out = tuple(room for room, library in ONLY_WITH.items() if library not in libraries)
    runtime = {
        name: source
        for name, source in runtime_modules(package, cache).items()
        if not name.startswith(left_out)
    }
    # Parsing the other files would take a tenth of the build time.
    late = (source for source in runtime.values() if may_be_late(source))
    named = [each for source in late for each in _imports(source, cache)]
    lines = [f"locate\tinitpy\t{package.parent}"]
    lines += [f"block\t{name}" for name in (*BLOCKED, *DESK)]
    for name in sorted(extra):
        spec = importlib.util.find_spec(name.partition(".")[0])
        if spec is not None and spec.origin is not None and spec.has_location:
            lines.append(f"locate\t{spec.name}\t{_holding(Path(spec.origin))}")
    required = [*runtime, *sorted(extra), *LATE, LANDMARK]
    lines += [f"require\t{name}" for name in required]
    lines += [f"{'try' if each.optional else 'require'}\t{each.module}" for each in named]
    return "\n".join(dict.fromkeys(lines)).encode()


def collect(interpreter: Interpreter, instructions: bytes) -> Modules:
    """Run the probe in the interpreter; return the modules that it loaded."""
    script = Path(__file__).with_name("probe.py")
    output = process.run(
        [str(interpreter.program), "-sSBP", str(script)],
        stdin=instructions,
        environment=ENVIRONMENT,
        hint="the interpreter that goes into the image must run on this machine",
    )
    return _read(output.decode(), interpreter)


def runtime_modules(package: Path, cache: Cache | None = None) -> dict[str, Path]:
    """Return name -> source for the modules of initpy that run in the image.

    A command or report that imports the builder or the lab is excluded: no image can run it.
    """
    cache = cache or Cache()
    found = {"initpy": package / "__init__.py"}
    for room in RUNTIME:
        folder = package.joinpath(*room.split(".")[1:])
        for source in sorted(folder.rglob("*.py")):
            name = ".".join(("initpy", *source.relative_to(package).with_suffix("").parts))
            if name in DESK:
                continue
            if room not in MIXED or not _needs_desk(_imports(source, cache)):
                found[name.removesuffix(".__init__")] = source
    return found


def in_image(module: Module, interpreter: Interpreter) -> str:
    """Return the path of a module's file in the image."""
    library = f"/usr/lib/python{interpreter.version}"
    if module.extension and module.source.is_relative_to(interpreter.library):
        return f"{library}/{module.source.relative_to(interpreter.library)}"
    inside = module.name.replace(".", "/")
    if module.extension:
        return f"{library}/{inside}.so"
    return f"{library}/{inside}/__init__.pyc" if module.package else f"{library}/{inside}.pyc"


def compiled(
    interpreter: Interpreter, modules: Sequence[Module], cache: Cache | None = None
) -> dict[str, bytes]:
    """Return the bytecode of the modules with sources, by path in the image."""
    cache = cache or Cache()
    script = Path(__file__).with_name("bytecode.py")
    made_by = _text_of(script)  # the key covers everything that the bytecode depends on
    found: dict[str, bytes] = {}
    todo: list[tuple[Module, str, str, bytes]] = []
    for module in modules:
        if module.extension:
            continue
        path = in_image(module, interpreter)
        what = f"{COMPILING} {path} {_level(module)}".encode()
        text = module.source.read_bytes()
        key = key_of(made_by, what, text)
        data = cache.get(key)
        if data is None:
            todo.append((module, path, key, importlib.util.source_hash(text)))
        else:
            found[path] = data
    if not todo:
        return found
    with scratch_folder("bytecode") as folder:
        tasks = [
            f"{module.source}\t{path[:-1]}\t{_level(module)}\t{folder}/{number}"
            for number, (module, path, *_) in enumerate(todo)
        ]
        process.run(
            [str(interpreter.program), *COMPILING, str(script)],
            stdin="\n".join(tasks).encode(),
            environment=ENVIRONMENT,
        )
        for number, (_, path, key, hashed) in enumerate(todo):
            found[path] = (folder / str(number)).read_bytes()
            # Do not cache it if an upgrade has changed the source meanwhile.
            if found[path][HASH] == hashed:
                cache.put(key, found[path])
    return found


def _imports(source: Path, cache: Cache) -> tuple[Import, ...]:
    """Return the imports of a file, from the cache or by parsing it."""
    text = source.read_bytes()
    key = key_of(_text_of(Path(__file__).with_name("imports.py")), text)
    data = cache.get(key)
    if data is None:
        data = json.dumps([(each.module, each.optional) for each in named_imports(source)]).encode()
        cache.put(key, data)
    return tuple(Import(module, optional) for module, optional in json.loads(data))


@functools.cache
def _text_of(ours: Path) -> bytes:
    """Return the content of one of the builder's own files, read once."""
    return ours.read_bytes()


def _level(module: Module) -> int:
    """Return the optimisation level: docstrings stay in initpy's modules only.

    Commands print them as help. And a dataclass without a docstring generates one when the class
    is created, which takes longer than all other work on the class.
    """
    return 1 if module.name.partition(".")[0] == "initpy" else 2


def _read(output: str, interpreter: Interpreter) -> Modules:
    found = [Module(LANDMARK, False, interpreter.library / f"{LANDMARK}.py", False)]
    missing: list[Missing] = []
    for line in output.splitlines():
        match line.split("\t"):
            case ["module", name, kind, shape, path]:
                found.append(Module(name, shape == "package", Path(path), kind == "extension"))
            case ["failed", name, message]:
                missing.append(_missing(name, message))
            case _:
                missing.append(Missing("Python module", line, "the runtime", "unexpected output"))
    found = [module for module in found if module.name != "__main__"]
    return Modules(tuple(sorted(found, key=lambda module: module.name)), tuple(missing))


def _needs_desk(imports: Iterable[Import]) -> bool:
    return any(f"{each.module}.".startswith(f"{room}.") for each in imports for room in DESK)


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent


def _holding(origin: Path) -> Path:
    """Return the folder that contains a top-level module or package."""
    return origin.parent.parent if origin.name.startswith("__init__.") else origin.parent


def _missing(name: str, message: str) -> Missing:
    """Return the module that a failed import lacks: the one that no package has brought."""
    lacks = re.fullmatch(r"ModuleNotFoundError: No module named '([\w.]+)'", message)
    top = lacks[1].partition(".")[0] if lacks else ""
    if top in ("", "initpy") or top in sys.stdlib_module_names:
        return Missing("Python module", name, "the runtime", message)
    return Missing("Python module", top, "the runtime", f"apt install {module_package(top)}")
