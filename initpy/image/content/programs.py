"""Finds the programs for an image, their other names, and the interpreters of scripts."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from initpy.image.missing import Missing, module_package, package_hint

SEARCHED = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")

# PID 1 starts it by this path (runtime/children.py).
UDEVD = "/usr/lib/systemd/systemd-udevd"

# Multi-call programs: the names that this machine has are added to the image with the file.
OTHER_NAMES = {
    "kmod": ("modprobe", "insmod", "rmmod", "lsmod", "modinfo", "depmod"),
    "udevadm": (UDEVD,),
}

# busybox applets that would replace initpy itself.
NEVER_APPLETS = frozenset({"init", "linuxrc"})


@dataclass(frozen=True, slots=True)
class Program:
    path: Path
    by: str


@dataclass(frozen=True, slots=True)
class Named:
    """A program that a source names: a name, or an absolute path."""

    name: str
    by: str


def find_program(name: str) -> Path | None:
    """Find a program by name in the system's folders, or by absolute path."""
    if name.startswith("/"):
        return Path(name) if Path(name).is_file() else None
    candidates = (Path(folder, name) for folder in SEARCHED)
    return next((path for path in candidates if path.is_file()), None)


def find_programs(
    wanted: tuple[Named, ...],
) -> tuple[tuple[Program, ...], tuple[Missing, ...]]:
    """Return the programs with their other names, and the missing ones."""
    found: list[Program] = []
    missing: list[Missing] = []
    for named in wanted:
        path = find_program(named.name)
        if path is None:
            hint = package_hint(named.name)
            missing.append(Missing("program", named.name, named.by, hint))
            continue
        found.append(Program(path, named.by))
        others = (find_program(name) for name in OTHER_NAMES.get(path.name, ()))
        found.extend(Program(other, named.by) for other in others if other is not None)
    return tuple(found), tuple(missing)


def missing_tools(names: tuple[str, ...]) -> tuple[Missing, ...]:
    """Return those programs, needed by the build itself, that are not installed."""
    return tuple(
        Missing("tool", name, "the build itself", package_hint(name))
        for name in names
        if find_program(name) is None
    )


def missing_modules(names: tuple[str, ...]) -> tuple[Missing, ...]:
    """Return those Python modules, needed by the build itself, that are not installed."""
    lacking = [name for name in names if importlib.util.find_spec(name) is None]
    hints = [f"apt install {module_package(name)}" for name in lacking]
    return tuple(
        Missing("Python module", name, "the check of the image", hint)
        for name, hint in zip(lacking, hints, strict=True)
    )


def script_interpreter(path: Path) -> str | None:
    """Return the interpreter in a script's first line (execve(2)); None if it is no script."""
    with path.open("rb") as file:
        return interpreter_of(file.readline(256))


def interpreter_of(first: bytes) -> str | None:
    """Return the interpreter of a script, given the beginning of the file."""
    first = first.partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return None
    words = first[2:].decode(errors="replace").split()
    if not words:
        return None
    # `#!/usr/bin/env NAME` runs NAME.
    if words[0].endswith("/env") and len(words) > 1:
        return words[1]
    return words[0]


def applets(listing: bytes) -> tuple[str, ...]:
    """Return the paths of busybox's applets, from the output of `busybox --list-full`."""
    paths = ("/" + line.strip().lstrip("/") for line in listing.decode().splitlines())
    return tuple(path for path in paths if path.rpartition("/")[2] not in NEVER_APPLETS)
