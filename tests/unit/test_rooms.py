"""The rooms keep to themselves: the core is pure, and nobody looks up the stairs."""

import ast
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "initpy"

# What the core may know of the world: values, not effects. No clock, no files, no processes.
PURE = {
    "abc", "bisect", "collections", "collections.abc", "dataclasses", "enum", "functools",
    "heapq", "ipaddress", "itertools", "math", "operator", "re", "string", "types", "typing",
    "errno", "fnmatch", "json", "zlib",  # numbers of errors, patterns, text, checksums
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

# The floors of initpy/image, lowest first. The modules beside __init__.py are below them all.
IMAGE_FLOORS = ("formats", "kernel", "content", "stack", "check", "build", "inspect")
# Rooms whose modules import each other in no circle, function-level imports included.
WITHOUT_CIRCLES = (
    "cli", "config", "core", "image", "lab", "report", "runtime", "scenario", "simulation",
)  # fmt: skip
# The rooms of the simulation by floor: each may import lower floors and itself.
SIMULATION_FLOORS = (
    ("world",), ("kernel",), ("tools",), ("machine",), ("oracle", "journal"), ("explore",),
)  # fmt: skip


# The rooms of the core, lowest first.
CORE_FLOORS = (
    "shutdown", "devices", "jobs", "state", "machine", "waiting", "unlock", "goals", "failure",
    "people", "storage", "network",
)  # fmt: skip


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


def named(path: Path) -> str:
    """The name of a module as others import it."""
    words = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(words).removesuffix(".__init__")


def targets(path: Path) -> Iterator[str]:
    """What a module may import: `from a import b` names a module of a package, or a's content.

    What only type checkers import is no arrow.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    checked = [node for node in ast.walk(tree) if isinstance(node, ast.If)
               and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"]  # fmt: skip
    skipped = {id(each) for node in checked for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in skipped:
            yield node.module or ""
            yield from (f"{node.module}.{each.name}" for each in node.names)


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


def test_every_room_of_the_simulation_has_a_floor() -> None:
    folders = {each.parent.name for each in (PACKAGE / "simulation").glob("*/__init__.py")}
    assert folders == {room for floor in SIMULATION_FLOORS for room in floor}


@pytest.mark.parametrize("room", [room for floor in SIMULATION_FLOORS for room in floor])
def test_the_floors_of_the_simulation_import_lower_floors_only(room: str) -> None:
    below: set[str] = set()
    for floor in SIMULATION_FLOORS:
        if room in floor:
            break
        below.update(floor)
    for path in modules(f"simulation/{room}"):
        ours = {each for each in imports(path) if each.startswith("initpy.simulation.")}
        assert {each.split(".")[2] for each in ours} <= below | {room}, path


@pytest.mark.parametrize("path", modules("simulation/oracle"), ids=lambda path: path.stem)
def test_the_oracle_shares_no_code_with_the_core_nor_the_configuration(path: Path) -> None:
    """R33: a mistake that judge and judged share is no mistake to either."""
    foreign = ("initpy.core", "initpy.config", "initpy.report", "initpy.runtime")
    assert not [each for each in imports(path) if each.startswith(foreign)]


@pytest.mark.parametrize("room", WITHOUT_CIRCLES)
def test_no_import_runs_in_a_circle(room: str) -> None:
    """Imports inside functions count: they hide a circle and do not break it."""
    names = {named(path): path for path in modules(room)}
    below = {name: {each for each in targets(path) if each in names} - {name}
             for name, path in names.items()}  # fmt: skip
    while bottom := {name for name, lower in below.items() if not lower}:
        below = {name: lower - bottom for name, lower in below.items() if name not in bottom}
    assert not below


@pytest.mark.parametrize(
    "name",
    [
        "supervisor",
        "children",
        "pid1",
        "power",
        "lastresort",
        "syscalls",
        "mounts",
        "coldplug",
        "early",
        "later",
    ],
)
def test_pid_1_cannot_fail_for_want_of_a_package(name: str) -> None:
    """An import that fails in PID 1 is a kernel panic."""
    for each in imports(PACKAGE / "runtime" / f"{name}.py"):
        top = each.partition(".")[0]
        assert top == "initpy" or top in sys.stdlib_module_names


def image_floor(name: str) -> int:
    """Return the floor of a module of initpy/image by its full name; 0 is the ground."""
    parts = name.split(".")
    return 1 + IMAGE_FLOORS.index(parts[2]) if len(parts) > 2 and parts[2] in IMAGE_FLOORS else 0


def dotted(path: Path) -> str:
    """Return the full name of a module."""
    inside = path.relative_to(PACKAGE.parent).with_suffix("")
    return ".".join(inside.parts).removesuffix(".__init__")


def test_each_sub_package_of_image_is_a_floor() -> None:
    folders = {
        path.name for path in (PACKAGE / "image").iterdir() if (path / "__init__.py").exists()
    }
    assert folders == set(IMAGE_FLOORS)
    described = ast.get_docstring(ast.parse((PACKAGE / "image/__init__.py").read_text())) or ""
    table = [line.split()[0] for line in described.splitlines() if line.startswith("    ")]
    assert table == [*reversed(IMAGE_FLOORS), "(ground)"]


@pytest.mark.parametrize("path", modules("image"), ids=dotted)
def test_image_imports_downward(path: Path) -> None:
    own = image_floor(dotted(path))
    for name in imports(path):
        if name.startswith("initpy.image"):
            assert image_floor(name) <= own, name


def core_room(name: str) -> str:
    """Return the sub-package of a module of the core, or the module itself if it is in none."""
    inside = name.split(".")[2:]
    return inside[0] if inside[0] in CORE_FLOORS else ".".join(inside)


def test_the_rooms_of_the_core_stand_on_each_other() -> None:
    """Whole rooms are compared: no room imports a room above it, nor is there a circle of rooms."""
    names = {named(path): path for path in modules("core") if path.stem != "__init__"}
    graph: dict[str, set[str]] = {}
    for name, path in names.items():
        below = {core_room(each) for each in targets(path) if each in names}
        graph.setdefault(core_room(name), set()).update(below - {core_room(name)})
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert {path.name for path in (PACKAGE / "core").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(CORE_FLOORS)
    for number, room in enumerate(CORE_FLOORS):
        assert not graph[room] & set(CORE_FLOORS[number + 1 :]), room
    assert order[-1] == "boot"


# What makes a class in ten times the time, and where its like is.
SLOWLY_MADE = {
    "typing": ("NamedTuple", "initpy.core.tuples"),
    "dataclasses": ("dataclass", "initpy.core.slots"),
}
# They show the original to type checkers; the desk alone reads the machine's configuration.
MAY_MAKE_SLOWLY = {"core/tuples.py", "core/slots.py", "config/image.py"}


@pytest.mark.parametrize("room", ["core", "config"])
def test_classes_of_the_boot_are_made_quickly(room: str) -> None:
    """A boot waits for each class of these rooms."""
    for path in modules(room):
        if str(path.relative_to(PACKAGE)) in MAY_MAKE_SLOWLY:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in SLOWLY_MADE:
                name, where = SLOWLY_MADE[node.module]
                assert name not in {each.name for each in node.names}, (
                    f"{path}: import {name} from {where}"
                )
