"""Checks that the image's Python can import all modules of initpy in the image, by running it.

The check writes the image's files to a folder and runs the interpreter there: as root by chroot(2),
else in a user namespace. If neither works, or the image is for another architecture, it looks for
the imports that the bytecode contains, and the row says so.
"""

import platform
import re
from collections.abc import Iterator
from pathlib import Path

from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.content import stage
from initpy.image.content.python import OPENED
from initpy.image.formats.archive import Archive
from initpy.image.formats.bytecodeimports import (
    DamagedBytecodeError,
    ForeignBytecodeError,
    absent_imports,
    is_present,
    late_imports,
)
from initpy.image.process import ToolError
from initpy.image.scratch import NoScratchError, no_execution, scratch_folder
from initpy.image.tree import File, Folder, Link, Tree, content_size

INTERPRETER = re.compile(r"/usr/bin/python(3\.\d+)")
# Without these the interpreter does not start (it finds its library by os), or PID 1 has nothing to
# run.
FIRST = (
    "os.pyc", "encodings/__init__.pyc", "encodings/aliases.pyc", "encodings/utf_8.pyc",
    "initpy/__init__.pyc", "initpy/runtime/supervisor.pyc", "initpy/runtime/engine.pyc",
)  # fmt: skip
# Its absence is judged where a root needs a network, see netroot.py; and no boot runs commands.
ELSEWHERE = ("initpy.runtime.net.network",)
COMMANDS = "initpy.cli"
UNSTAGED = re.compile(r"/usr/lib/(modules|firmware)/.*|/dev/.*")
NEED = "Python"
LAYER = "the image"


def rows(
    archive: Archive, machine: str, extra: tuple[str, ...], programs: ImagePrograms, *, run: bool
) -> Iterator[Row]:
    """Yield the rows for Python in the image; none for an image without it.

    `extra` are modules that job files name; `run` allows to start the interpreter.
    """
    found = next((path for path in sorted(archive.entries) if INTERPRETER.fullmatch(path)), None)
    if found is None:
        return
    library = f"/usr/lib/python{found.removeprefix('/usr/bin/python')}"
    lacking = [name for name in FIRST if f"{library}/{name}" not in archive]
    if lacking:
        yield Row(LAYER, NEED, Verdict.MISSING, f"{library}/{lacking[0]} is missing")
        return
    modules = [*_modules(archive, f"{library}/initpy"), *extra]
    try:
        late = _late(archive, library)
    except ForeignBytecodeError:
        late = []  # reading it again says so
    except DamagedBytecodeError as error:
        yield Row(LAYER, NEED, Verdict.MISSING, str(error))
        return
    for name, by in late:
        if not is_present(archive, library, name):
            reason = f"{name}, which {by} imports when a boot needs it, is missing"
            yield Row(LAYER, NEED, Verdict.MISSING, reason)
            return
    modules = [*dict.fromkeys((*modules, *(name for name, _ in late)))]
    if why := why_not(machine, run):
        yield _read(archive, library, modules, programs, why)
        return
    tree = content_of(archive)
    try:
        with scratch_folder("check", content_size(tree)) as root:
            why = no_execution(root)
            row = None if why else _imported(tree, root, found, modules)
    except NoScratchError as error:
        why, row = str(error), None
    yield row or _read(archive, library, modules, programs, why)


def why_not(machine: str, run: bool) -> str:
    """Return why no program of the image can be run here; "" if one can."""
    if not run:
        return "the caller disabled running it"
    if machine != platform.machine():
        return f"the image is for {machine}, this machine is {platform.machine()}"
    if not stage.may_change_root():
        return "it needs root, or user namespaces (unshare)"
    return ""


def _modules(archive: Archive, folder: str) -> Iterator[str]:
    """Yield all modules of initpy in the image; together they import all that a boot needs."""
    for path in sorted(archive.entries):
        if path.startswith(f"{folder}/") and path.endswith((".pyc", ".py")):
            inside = path.removeprefix(f"{folder}/").rpartition(".")[0].removesuffix("/__init__")
            yield "initpy" if inside == "__init__" else f"initpy.{inside.replace('/', '.')}"


def _late(archive: Archive, library: str) -> list[tuple[str, str]]:
    """Return (module, importing module) for what the boot imports when it needs it."""
    found = late_imports(archive, library, "initpy")
    return [(name, by) for name, by in found if name not in ELSEWHERE and not _is_command(by)]


def _is_command(module: str) -> bool:
    return f"{module}.".startswith(f"{COMMANDS}.")


def _read(
    archive: Archive, library: str, modules: list[str], programs: ImagePrograms, why_not: str
) -> Row:
    """Check the imports in the bytecode, without running it."""
    try:
        absent = absent_imports(archive, library, modules)
    except ForeignBytecodeError as error:
        reason = f"neither imported ({why_not}) nor read ({error})"
        return Row(LAYER, NEED, Verdict.WARNING, reason)
    except DamagedBytecodeError as error:
        return Row(LAYER, NEED, Verdict.MISSING, str(error))
    for name, by in absent:
        return Row(LAYER, NEED, Verdict.MISSING, f"{name}, which {by} imports, is missing")
    program = f"/usr/bin/{library.removeprefix('/usr/lib/')}"
    for package, name in OPENED.items():
        if is_present(archive, library, package) and not programs.has_library(name, program):
            reason = f"{name}, which {package} opens, is missing"
            return Row(LAYER, NEED, Verdict.MISSING, reason)
    extensions = (path for path in sorted(archive.entries)
                  if path.startswith(f"{library}/") and path.endswith(".so"))  # fmt: skip
    if problem := next(filter(None, (programs.linked(path).problem for path in extensions)), ""):
        return Row(LAYER, NEED, Verdict.MISSING, problem)
    reason = f"{len(modules)} modules and their imports are present; not run: {why_not}"
    return Row(LAYER, NEED, Verdict.WARNING, reason)


def _imported(tree: Tree, root: Path, interpreter: str, modules: list[str]) -> Row:
    stage.write_out(tree, root)
    try:
        stage.check_imports(root, interpreter, modules)
    except ToolError as error:
        last = [line for line in str(error).splitlines() if line.startswith("  output:")]
        reason = last[-1].removeprefix("  output: ") if last else str(error).splitlines()[0]
        return Row(LAYER, NEED, Verdict.MISSING, reason)
    return Row(LAYER, NEED, Verdict.OK, f"{interpreter} imports its {len(modules)} modules")


def content_of(archive: Archive) -> Tree:
    """Return the image's content without modules, firmware and device nodes."""
    tree = Tree()
    for path, entry in archive.items():
        if path != "/" and isinstance(entry, File | Folder | Link) and not UNSTAGED.match(path):
            tree.add(path, entry, replace=True)
    return tree
