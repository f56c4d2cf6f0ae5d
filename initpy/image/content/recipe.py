"""Reads image recipes (`build/*.toml`): the drivers and programs besides those of job files."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError
from initpy.image.formats.compress import check_method

TOP_KEYS = frozenset(
    {
        "title", "host", "keyboards", "compression", "faster", "level", "separate_modules",
        "network", "drivers", "programs",
    }
)  # fmt: skip
# The recipes that initpy provides.
RECIPES = ("generic", "host", "minimal")
GROUP_KEYS = frozenset({"why", "take", "leave", "beside", "idle", "network"})


@dataclass(frozen=True, slots=True)
class Group:
    """Drivers or programs, the reason for including them, and exceptions.

    With `beside`, a host-only image includes them only if the machine uses one of those modules.
    udev does not load `idle` drivers, which lead to no disk and no keyboard; those of the `network`
    only if the command line asks for one.
    """

    why: str
    take: tuple[str, ...]
    leave: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    idle: bool = False
    network: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    path: Path
    title: str
    host: bool  # host-only: the image holds only what this machine's root needs
    keyboards: bool  # and the drivers of its keyboards
    compression: str
    faster: str  # a method to take instead where machine and kernel have it; "none": no other
    level: int | None  # of `compression`
    # Compress the modules one by one: a boot unpacks only those that it loads, instead of all.
    separate_modules: bool
    network: bool  # the image has what a root on the network needs
    drivers: tuple[Group, ...]
    programs: tuple[Group, ...]  # included if this machine has them


def load_recipe(path: Path) -> Recipe:
    """Read and validate a recipe. Raises InputError with file, key, value and expectation."""
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable recipe file") from error
    except ValueError as error:  # TOML or UTF-8
        raise InputError(str(path), str(error), "a TOML file") from error
    _known(content, TOP_KEYS, str(path))
    level = content.get("level")
    if level is not None and (isinstance(level, bool) or not isinstance(level, int)):
        raise InputError(f"{path}: level", level, "a whole number")
    host = _truth(content, "host", str(path))
    keyboards = _truth(content, "keyboards", str(path), default=True)
    compression = _text(content, "compression", str(path), "zstd")
    check_method(compression, level)
    faster = _text(content, "faster", str(path), "none")
    check_method(faster, None)
    return Recipe(
        path=path,
        title=_text(content, "title", str(path)),
        host=host,
        keyboards=keyboards,
        compression=compression,
        faster=faster,
        level=level,
        separate_modules=_truth(content, "separate_modules", str(path)),
        network=_truth(content, "network", str(path), default=True),
        drivers=_groups(content, "drivers", path),
        programs=_groups(content, "programs", path),
    )


def find_recipe(name: str) -> Path:
    """Return the path of a recipe, given a provided one's name (generic, host) or a path."""
    known = {each: project_folder("build") / f"{each}.toml" for each in RECIPES}
    path = known.get(name, Path(name))
    if not path.is_file():
        expected = f"the path of a recipe, or one of {', '.join(sorted(known))}"
        raise InputError("recipe", name, expected)
    return path


def project_folder(name: str) -> Path:
    """Return one of the project's data folders (jobs, rules, build), in the source or installed."""
    beside = Path(__file__).parents[3] / name
    return beside if beside.is_dir() else Path("/usr/lib/initpy") / name


def _groups(content: dict[str, Any], key: str, path: Path) -> tuple[Group, ...]:
    tables = content.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{path}: {key}", tables, f"tables, written [[{key}]]")
    groups: list[Group] = []
    for number, table in enumerate(tables, start=1):
        where = f"{path}: {key} {number}"
        _known(table, GROUP_KEYS, where)
        why = _text(table, "why", where)
        take, leave, beside = (_texts(table, name, where) for name in ("take", "leave", "beside"))
        idle, network = (_truth(table, name, where) for name in ("idle", "network"))
        groups.append(Group(why, take, leave, beside, idle, network))
    return tuple(groups)


def _known(table: dict[str, Any], keys: frozenset[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise InputError(where, key, f"one of the keys {', '.join(sorted(keys))}")


def _truth(table: dict[str, Any], key: str, where: str, *, default: bool = False) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise InputError(f"{where}: {key}", value, "true or false")
    return value


def _text(table: dict[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value:
        raise InputError(f"{where}: {key}", value, "text")
    return value


def _texts(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise InputError(f"{where}: {key}", value, "a list of names")
    return tuple(value)
