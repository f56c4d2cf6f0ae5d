"""Selects the job files and drivers that a machine's root needs, for a host-only image.

This module knows no technology. A job file applies to devices that its jobs match, or that its
`devices` patterns match. A layer of the stack names its driver as the kernel requests it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from initpy.config.jobs import JobFile
from initpy.core.jobs.matching import Match
from initpy.image.kernel.kmod import ModuleIndex, Want, canonical
from initpy.image.missing import Missing
from initpy.image.stack.keyboards import only_for_keyboards
from initpy.image.stack.layers import Ask, Kind, Stack

# Properties that the engine sets at boot (docs/boot.md); a running system does not have them.
MARK = "INITPY_"


@dataclass(frozen=True, slots=True)
class Drivers:
    """The modules that a stack needs, and the drivers that the kernel lacks."""

    wanted: tuple[Want, ...]
    missing: tuple[Missing, ...]


def is_for(file: JobFile, stack: Stack) -> bool:
    """Return whether a job file applies to the machine.

    A file whose jobs match no devices always applies, unless it names `devices`. So does a file
    that needs nothing in the image, and whose jobs match only marks: what the user asks for at boot
    decides about those.
    """
    matches = [job.match for job in file.jobs if job.match.patterns]
    named = file.image.devices.patterns or file.image.devices.alternatives
    if not (matches or named) or (
        matches and _is_free(file) and all(map(_is_marked_only, matches))
    ):
        return True
    found = [dict(layer.properties) for layer in stack.layers]
    return any(
        _fits(each, properties)
        for match in (*matches, file.image.devices)
        for each in (match, *match.alternatives)
        for properties in found
    )


def _is_free(file: JobFile) -> bool:
    needs = file.image
    return not (needs.programs or needs.modules or needs.rules or needs.files)


def _is_marked_only(match: Match) -> bool:
    return all(key.startswith(MARK) for key, _ in match.patterns)


def _fits(match: Match, properties: Mapping[str, str]) -> bool:
    """Return whether a device matches, ignoring marks, which the engine sets at boot."""
    visible = [
        (key, pattern)
        for key, pattern in match.patterns
        if not (key.startswith(MARK) and key not in properties)
    ]
    return bool(visible) and all(pattern.accepts(properties.get(key)) for key, pattern in visible)


def drivers(stack: Stack, index: ModuleIndex) -> Drivers:
    """Return the driver of each layer: the one in use on the described system, or by name."""
    wanted: list[Want] = []
    missing: list[Missing] = []
    for_users = only_for_keyboards(stack)
    for layer in stack.layers:
        for ask in layer.asks:
            modules = _serving(ask, index)
            if modules is not None:
                chosen = _likely(modules, index, stack.in_use)
                wanted += (Want(name, layer.name) for name in chosen)
            elif layer.identity in for_users:
                continue  # another keyboard may do: the check says so
            elif ask.using or not ask.works:
                hint = f"kernel {index.folder.name} has no driver of that name: {ask.why}"
                missing.append(Missing("module", ask.names[0], layer.name, hint))
    return Drivers(tuple(dict.fromkeys(wanted)), tuple(missing))


def _serving(ask: Ask, index: ModuleIndex) -> tuple[str, ...] | None:
    """Return the modules in use if the kernel has all; else those of the first known name."""
    using = [index.resolve(name) for name in ask.using]
    if using and None not in using:
        return tuple(name for names in using for name in names or ())
    return next((found for name in ask.names if (found := index.resolve(name)) is not None), None)


def _likely(
    modules: tuple[str, ...], index: ModuleIndex, in_use: tuple[str, ...]
) -> tuple[str, ...]:
    """Of several modules for one algorithm, return those in use; else drop the accelerators."""
    if len(modules) < 2:
        return modules
    used = tuple(name for name in modules if name in in_use)
    return used or index.without_accelerators(modules)


def called_for(
    names: Iterable[str], beside: Mapping[str, tuple[str, ...]], stack: Stack
) -> tuple[str, ...]:
    """Drop a recipe's drivers whose `beside` modules are not in use on the machine.

    If the modules in use are unknown, return all drivers.
    """
    if not stack.in_use:
        return tuple(names)
    used = frozenset(map(canonical, stack.in_use))
    return tuple(
        name
        for name in names
        if name not in beside or not used.isdisjoint(map(canonical, beside[name]))
    )


def arrays(stack: Stack) -> frozenset[str]:
    """Return the UUIDs of the arrays in the stack, as udev writes them."""
    keys = ("MD_UUID", "ID_FS_UUID")
    members = ("linux_raid_member", "isw_raid_member", "ddf_raid_member")
    return frozenset(
        layer.property(key)
        for layer in stack.layers
        if layer.kind in (Kind.MD, Kind.CONTAINER) or layer.property("ID_FS_TYPE") in members
        for key in keys
        if layer.property(key)
    )


def volumes(stack: Stack) -> frozenset[str]:
    """Return the names of the encrypted volumes in the stack."""
    return frozenset(_names(stack))


def _names(stack: Stack) -> Iterator[str]:
    for layer in stack.layers:
        if layer.kind in (Kind.LUKS, Kind.CRYPT):
            yield layer.property("DM_NAME")


def chosen(files: Iterable[JobFile], stack: Stack, given: Iterable[str]) -> tuple[JobFile, ...]:
    """Return the job files that apply to the machine, and all files that the user gave by path."""
    asked = frozenset(given)
    return tuple(file for file in files if file.source in asked or is_for(file, stack))
