"""Tells what the differences between two images mean for a boot.

It derives all consequences from the images: from .modinfo, depmod's tables, the libraries that
programs link with, and the text files that still name a missing file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from initpy.image.content.udev import CALL
from initpy.image.formats.archive import Archive
from initpy.image.formats.modinfo import DamagedModuleError
from initpy.image.inspect.difference import Difference, How
from initpy.image.inspect.references import References
from initpy.image.inspect.survey import Survey, kind_of
from initpy.image.kernel.kmod import canonical
from initpy.image.kernel.moduletree import ModuleTree
from initpy.image.kernel.roles import Role, Weight, answers_to, role_of
from initpy.image.tree import File

Progress = Callable[[str], None]

# More modules of one role than this share one line.
FEW = 4
MICROCODE = "microcode"
# Kinds of files that name a program to call it. udev rules are not among them: they also name
# udev's builtins.
CALLERS = ("job files", "scripts", "systemd units")


class Meaning(NamedTuple):
    """One consequence; the text begins with its subject."""

    weight: Weight
    text: str


class Sides(NamedTuple):
    """The two images and their surveys."""

    first: Archive
    second: Archive
    before: Survey
    after: Survey


def meanings(
    sides: Sides, difference: Difference, progress: Progress = lambda _: None
) -> tuple[Meaning, ...]:
    """Return the consequences, the worst first."""
    then = References(sides.first, progress)
    now = References(sides.second, progress)
    progress("evaluating the changes")
    found = [
        *_whole(sides),
        *_tables(now),
        *_modules(then, now, difference),
        *_libraries(then, now),
        *_programs(sides, now, difference),
        *_firmware(now, difference),
        *_modes(difference),
        *_rules(difference),
    ]
    order = list(Weight)
    return tuple(sorted(dict.fromkeys(found), key=lambda each: order.index(each.weight)))


def _whole(sides: Sides) -> Iterator[Meaning]:
    before, after = sides.before, sides.after
    if before.generator != after.generator:
        old, new = (each.generator or "unknown" for each in (before, after))
        text = f"the images are from different generators: {old}, {new}"
        yield Meaning(Weight.NOTE, text)
    if before.init and not after.init:
        yield Meaning(Weight.BREAKS, "/init is gone: the kernel will look for a root by itself")
    elif before.init != after.init:
        yield Meaning(Weight.NOTE, f"the init differs: {before.init} -> {after.init}")
    for kernel in before.kernels:
        if kernel not in after.kernels:
            others = f", which has those of {', '.join(after.kernels)}" if after.kernels else ""
            weight = Weight.WARNS if after.kernels else Weight.BREAKS
            text = f"kernel {kernel} finds no modules in the second image{others}"
            yield Meaning(weight, text)
    if before.python != after.python and before.python and after.python:
        yield Meaning(Weight.NOTE, f"Python {before.python} -> {after.python}")
    for name in (".cmdline", ".uname"):
        texts = [each.sections.get(name, b"").rstrip(b"\0").decode(errors="replace").strip()
                 for each in (sides.first, sides.second)]  # fmt: skip
        if texts[0] != texts[1]:
            yield Meaning(Weight.WARNS, f"{name}: {texts[0]!r} -> {texts[1]!r}")
    kinds = [{kind.name for kind in each.kinds} for each in (before, after)]
    if MICROCODE in kinds[0] - kinds[1]:
        yield Meaning(Weight.WARNS, "the microcode is gone: processors keep the firmware's version")


def _tables(now: References) -> Iterator[Meaning]:
    """Report errors in the second image's module tables, whatever the first has."""
    for tree in now.trees:
        if tree.modules and not tree.dependencies:
            text = f"modules.dep of {tree.release} is empty or gone: no module can be loaded"
            yield Meaning(Weight.BREAKS, text)
            continue
        unlisted = sorted(set(tree.modules) - set(tree.dependencies))
        if unlisted:
            text = f"modules.dep does not list {_names(unlisted)}: modprobe cannot find them"
            yield Meaning(Weight.BREAKS, text)
        if tree.modules and not tree.knows_aliases:
            text = f"modules.alias of {tree.release} is empty or gone: udev loads no driver"
            yield Meaning(Weight.BREAKS, text)
        for name, (path, *below) in tree.dependencies.items():
            absent = [each for each in below if each not in tree.files]
            if absent and path in tree.files:
                lacking = _names([each.rpartition("/")[2] for each in absent])
                yield Meaning(Weight.BREAKS, f"{name} cannot be loaded: {lacking} is missing")


def _modules(then: References, now: References, difference: Difference) -> Iterator[Meaning]:
    """Report missing modules, grouped by role."""
    patterns = {
        alias: module
        for tree in now.trees
        for alias, module in tree.aliases()
        if canonical(module) in tree.modules  # an old table may name a module that is gone
    }
    by_role: defaultdict[Role, list[tuple[str, list[str]]]] = defaultdict(list)
    built_in: list[str] = []
    for name in difference.modules_gone:
        tree = next((each for each in then.trees if name in each.modules), None)
        if tree is None:  # outside the folders that modprobe searches
            continue
        aliases = _aliases(tree, name)
        if any(each.built_in(name) for each in now.trees):
            built_in.append(name)
            continue
        if aliases and all(alias in patterns for alias in aliases):
            others = sorted({patterns[alias] for alias in aliases})
            text = f"{name} is gone, but {_names(others)} has all its aliases"
            yield Meaning(Weight.NOTE, text)
            continue
        role = role_of(tree.modules[name])
        by_role[role].append((name, answers_to(name, aliases)))
    if built_in:
        yield Meaning(Weight.NOTE, f"built into the second image's kernel: {_names(built_in)}")
    for role, gone in by_role.items():
        if len(gone) <= FEW:
            for name, each in gone:
                what = role.meaning.format(names=_names(each))
                yield Meaning(role.weight, f"{name} is gone: {what}")
            continue
        # Name each alias once, even if several modules have it.
        names = list(dict.fromkeys(name for _, each in gone for name in each))
        text = f"{len(gone)} {role.what} are gone ({_names([name for name, _ in gone])})"
        yield Meaning(role.weight, f"{text}: {role.meaning.format(names=_names(names))}")


def _aliases(tree: ModuleTree, name: str) -> tuple[str, ...]:
    try:
        return tree.info(name).alias
    except (DamagedModuleError, KeyError):
        return ()


def _libraries(then: References, now: References) -> Iterator[Meaning]:
    """Report programs that need a library which only the first image has."""
    had = {path.rpartition("/")[2] for path in then.archive.entries}
    for path in now.elves:
        elf = now.libraries.read(Path(path))
        for name in elf.needed if elf is not None else ():
            if name in had and now.library(name, path) is None:
                text = f"{path} cannot be started: {name}, which it links with, is gone"
                yield Meaning(Weight.BREAKS, text)


def _programs(sides: Sides, now: References, difference: Difference) -> Iterator[Meaning]:
    """Report missing programs that a file of the second image still names."""
    rules: defaultdict[str, list[str]] = defaultdict(list)
    for path, entry in sides.second.items():
        if path.endswith(".rules") and isinstance(entry, File):
            for name in CALL.findall(entry.read().decode(errors="replace")):
                rules[name.rpartition("/")[2]].append(path)
    names_left = {path.rpartition("/")[2] for path in sides.after.programs}
    gone = [path for path in sides.before.programs if path.rpartition("/")[2] not in names_left]
    silent = []
    for path in gone:
        named = [each.source for each in now.mentions(path)]
        users = [each for each in named if kind_of(each) in CALLERS]
        users += rules[path.rpartition("/")[2]]
        if users:
            verb = "names" if len(users) == 1 else "name"
            text = f"{path} is gone, but {_names(users)} still {verb} it"
            yield Meaning(Weight.WARNS, text)
        else:
            silent.append(path.rpartition("/")[2])
    if silent and difference.of(How.GONE, "programs"):
        yield Meaning(Weight.NOTE, f"missing programs: {_names(silent, 12)}")


def _firmware(now: References, difference: Difference) -> Iterator[Meaning]:
    """Report missing firmware that modules of the second image may request."""
    gone = difference.of(How.GONE, "firmware")
    if not gone:
        return
    users = defaultdict(list)
    for tree in now.trees:
        for name in tree.modules:
            try:
                declared = tree.info(name).firmware
            except DamagedModuleError:
                continue
            for change in gone:
                if any(change.path.endswith(f"/{each}") for each in declared):
                    users[change.path].append(name)
    for path, names in users.items():
        text = f"{path} is gone, but {_names(names)} may request it: its devices may not work"
        yield Meaning(Weight.WARNS, text)


def _modes(difference: Difference) -> Iterator[Meaning]:
    for change in difference.of(How.CHANGED):
        before, arrow, after = change.what.rpartition("mode ")[2].partition(" -> ")
        numbers = bool(arrow) and before.isdigit() and after.isdigit()
        if numbers and not int(before, 8) & 0o004 and int(after, 8) & 0o004:
            yield Meaning(Weight.WARNS, f"{change.path} is now world-readable")


def _rules(difference: Difference) -> Iterator[Meaning]:
    gone = [change.path.rpartition("/")[2] for change in difference.of(How.GONE, "udev rules")]
    if gone:
        yield Meaning(
            Weight.NOTE, f"missing udev rules, with the links they created: {_names(gone, 12)}"
        )
    jobs = [change.path.rpartition("/")[2] for change in difference.of(How.GONE, "job files")]
    if jobs:
        yield Meaning(
            Weight.WARNS, f"missing job files; their storage will not be set up: {_names(jobs)}"
        )


def _names(names: list[str], most: int = FEW) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
