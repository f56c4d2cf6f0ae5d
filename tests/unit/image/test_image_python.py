"""The image's Python: only imported modules, and reproducible bytecode (R27)."""

import marshal
import sysconfig
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.image.content import python
from initpy.image.content.imports import Import, named_imports
from initpy.image.content.python import Interpreter, Module


@pytest.fixture(scope="module")
def interpreter() -> Interpreter:
    return python.find_interpreter()


def imports(tmp_path: Path, text: str) -> set[Import]:
    source = tmp_path / "source.py"
    source.write_text(text)
    return set(named_imports(source))


def test_imports_inside_functions_are_found(tmp_path: Path) -> None:
    text = "def f():\n    import shutil\n    from os import path\n"
    assert imports(tmp_path, text) == {
        Import("shutil", False),
        Import("os", False),
        Import("os.path", True),
    }


def test_imports_for_type_checkers_are_not(tmp_path: Path) -> None:
    text = "if TYPE_CHECKING:\n    import typing_only\nelse:\n    import real\n"
    assert imports(tmp_path, text) == {Import("real", False)}


@pytest.mark.parametrize("caught", ["ImportError", "(ImportError, OSError)", "Exception"])
def test_imports_whose_failure_is_caught_are_optional(tmp_path: Path, caught: str) -> None:
    text = f"try:\n    import fast\nexcept {caught}:\n    import slow\n"
    assert imports(tmp_path, text) == {Import("fast", True), Import("slow", False)}


def test_imports_in_other_try_statements_are_required(tmp_path: Path) -> None:
    text = "try:\n    import firm\nexcept OSError:\n    pass\n"
    assert imports(tmp_path, text) == {Import("firm", False)}


def test_the_image_has_the_runtime_and_no_desk_commands(interpreter: Interpreter) -> None:
    modules = python.collect(interpreter, python.probe_input(["pyudev"]))
    names = {module.name for module in modules.found}
    assert modules.missing == ()
    assert {"initpy.runtime", "initpy.core", "initpy.cli", "pyudev", "asyncio", "os"} <= names
    for name in names:
        assert not name.startswith(("initpy.image", "initpy.lab", "elftools", "rich", "pexpect"))
    assert not names & {"ssl", "_ssl", "site", "initpy.cli.build", "initpy.cli.boot"}


def test_a_module_that_cannot_be_imported_is_reported(interpreter: Interpreter) -> None:
    instructions = python.probe_input(["pyudev", "initpy_no_such_module"])
    missing = python.collect(interpreter, instructions).missing
    assert [(item.kind, item.name) for item in missing] == [
        ("Python module", "initpy_no_such_module")
    ]


def test_the_paths_of_modules_in_the_image(interpreter: Interpreter) -> None:
    library = f"/usr/lib/python{interpreter.version}"
    dynamic = interpreter.library / f"lib-dynload/_x{sysconfig.get_config_var('EXT_SUFFIX')}"
    cases = {
        Module("a.b", False, Path("/x/a/b.py"), False): f"{library}/a/b.pyc",
        Module("a.c", True, Path("/x/a/c/__init__.py"), False): f"{library}/a/c/__init__.pyc",
        Module("_x", False, dynamic, True): f"{library}/lib-dynload/{dynamic.name}",
        Module("p._y", False, Path("/x/p/_y.abi3.so"), True): f"{library}/p/_y.so",
    }
    for module, path in cases.items():
        assert python.in_image(module, interpreter) == path


def test_bytecode_does_not_depend_on_other_modules(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    modules = []
    for number in range(5):
        source = tmp_path / f"m{number}.py"
        # marshal's bytes differ if modules share names.
        source.write_text(f"shared = 'common_{number % 2}'\ndef f(x): return x in {{'a', 'b'}}\n")
        modules.append(Module(f"m{number}", False, source, False))
    together = python.compiled(interpreter, modules)
    backwards = python.compiled(interpreter, modules[::-1])
    alone = python.compiled(interpreter, modules[3:4])
    assert together == backwards
    assert alone.items() <= together.items()


def test_bytecode_has_the_path_in_the_image_and_is_never_checked(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    source = tmp_path / "m.py"
    source.write_text('"""Doc."""\nassert False\n')
    module = Module("m", False, source, False)
    ((path, data),) = python.compiled(interpreter, [module]).items()
    assert path == f"/usr/lib/python{interpreter.version}/m.pyc"
    assert data[4:8] == b"\x01\0\0\0"  # PEP 552: unchecked hash
    code = marshal.loads(data[16:])
    assert isinstance(code, types.CodeType)
    assert code.co_filename == path[:-1]
    assert str(tmp_path).encode() not in data
    exec(code, {})  # noqa: S102 an assert that was kept would fail here


def test_a_traceback_has_function_names_of_the_library_and_lines_of_ours(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    source = tmp_path / "m.py"
    body = "".join(f"    x = x + {number}\n" for number in range(40))
    source.write_text(f"shared = 1\n\ndef f(x):\n{body}    return 1 / 0\n")
    lines = []
    for name in ("library", "initpy.core.m"):
        ((_, data),) = python.compiled(interpreter, [Module(name, False, source, False)]).items()
        content: dict[str, Callable[[int], int]] = {}
        exec(marshal.loads(data[16:]), content)  # noqa: S102
        with pytest.raises(ZeroDivisionError) as caught:
            content["f"](1)
        lines.append(caught.traceback[-1].lineno + 1)
        assert caught.traceback[-1].name == "f"
    assert lines == [3, 44]


def test_a_module_that_does_not_compile_is_named(interpreter: Interpreter, tmp_path: Path) -> None:
    source = tmp_path / "broken.py"
    source.write_text("def :\n")
    with pytest.raises(RuntimeError, match=r"broken\.py"):
        python.compiled(interpreter, [Module("broken", False, source, False)])


def test_the_image_has_no_module_for_colours() -> None:
    found = python.runtime_modules(PROJECT / "initpy")
    assert "initpy.report.tree" in found
    assert "initpy.report.terminal" not in found
