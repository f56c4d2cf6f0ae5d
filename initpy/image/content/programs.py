"""Finds the programs for an image, their other names, and the interpreters of scripts."""

import importlib.util
import os
import re
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


LONGEST_FIRST_LINE = 256  # of a script (BINPRM_BUF_SIZE in the kernel)
# env(1): `-S` splits what follows into words; these options have a word of their own as value.
SPLIT = re.compile(r"^-[a-zA-Z0]*S\s*|^--split-string[=\s]")
WITH_VALUE = ("-u", "--unset", "-C", "--chdir")


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


def interpreters_of(first: bytes) -> tuple[str, ...]:
    """Return the interpreter of a script, given the beginning of the file.

    `#!/usr/bin/env NAME` needs env(1) and NAME.
    """
    first = first.partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return ()
    program, *argument = os.fsdecode(first[2:]).split(maxsplit=1) or [""]
    called = _called(argument[0]) if argument and program.endswith("/env") else ""
    return tuple(filter(None, (program, called)))


def has_carriage_return(first: bytes) -> bool:
    """Return whether a script's first line ends as on Windows: the kernel does not start it."""
    return first.startswith(b"#!") and first.partition(b"\n")[0].endswith(b"\r")


def _called(argument: str) -> str:
    """Return the program that env(1) starts for the argument of a script's first line."""
    words = iter(SPLIT.sub("", argument).split())
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif not word.startswith("-") and "=" not in word:
            return word.strip("\"'")
    return ""


def applets(listing: bytes) -> tuple[str, ...]:
    """Return the paths of busybox's applets, from the output of `busybox --list-full`."""
    paths = ("/" + line.strip().lstrip("/") for line in listing.decode().splitlines())
    return tuple(path for path in paths if path.rpartition("/")[2] not in NEVER_APPLETS)
