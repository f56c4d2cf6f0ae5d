"""The rooms keep to themselves: the core is pure, and nobody looks up the stairs."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "initpy"

# What the core may know of the world: values, not effects. No clock, no files, no processes.
PURE = {
    "abc", "bisect", "collections", "collections.abc", "dataclasses", "enum", "functools",
    "heapq", "itertools", "math", "operator", "re", "string", "types", "typing",
}  # fmt: skip
EFFECTS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}

# A room may import those to its right, and itself.
MAY_IMPORT = {
    "core": set(),
    "config": {"core"},
    "report": {"core"},
    "runtime": {"core", "config", "report"},
    "image": {"core", "config"},
    "scenario": {"config"},
    "simulation": {"core", "config", "scenario", "report"},
    "lab": {"core", "config", "image", "scenario"},
}


def modules(room: str) -> list[Path]:
    """The modules of a room."""
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """The full names of what a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""
            if node.module == "initpy":
                yield from (f"initpy.{each.name}" for each in node.names)


def calls(path: Path) -> Iterator[str]:
    """The names of the built-in functions that a module uses."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name):
            yield node.id


@pytest.mark.parametrize("path", modules("core"), ids=lambda path: path.stem)
def test_the_core_knows_no_clock_no_file_and_no_process(path: Path) -> None:
    """R31: the engine that runs as PID 1 runs unchanged in a simulator with virtual time."""
    foreign = {each for each in imports(path) if not each.startswith("initpy.core")}
    assert foreign <= PURE
    assert not EFFECTS & set(calls(path))


def test_there_is_a_core_to_look_at() -> None:
    assert len(modules("core")) > 10


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_arrows_run_downward_only(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    for path in modules(room):
        ours = {each.split(".")[1] for each in imports(path) if each.startswith("initpy.")}
        ours.discard("__version__")
        assert ours <= allowed, path


@pytest.mark.parametrize(
    "name",
    ["supervisor", "children", "pid1", "power", "lastresort", "syscalls", "mounts", "coldplug"],
)
def test_pid_1_cannot_fail_for_want_of_a_package(name: str) -> None:
    """An import that fails in PID 1 is a kernel panic."""
    for each in imports(PACKAGE / "runtime" / f"{name}.py"):
        top = each.partition(".")[0]
        assert top == "initpy" or top in sys.stdlib_module_names
