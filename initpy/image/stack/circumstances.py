"""Finds what is unusual about the described system now.

A locked kernel, a /boot that is not mounted, a second device of the root's name.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from initpy.config.commandline import parse
from initpy.config.textlines import fields, lines, unescaped
from initpy.core.devices.names import PROPERTY
from initpy.image.stack.blocks import CLASS
from initpy.image.stack.layers import TWINS, Layer
from initpy.image.stack.mounttable import MountTable
from initpy.image.stack.system import System
from initpy.image.stack.typeone import BOOT_FOLDERS

LOCKDOWN = "/sys/kernel/security/lockdown"
LOCKED = ("[integrity]", "[confidentiality]")
# Where boot loaders find kernels and images.
PLACES = (*BOOT_FOLDERS, "/boot/firmware")


def locked_down(system: System, cmdline: str) -> bool:
    """Return whether the running kernel is locked down, and not by its command line."""
    state = (system.text(LOCKDOWN) or "").split()
    asked = any(each.key == "lockdown" for each in parse(cmdline).parameters)
    return any(each in LOCKED for each in state) and not asked


def versions(system: System, layers: Iterable[Layer]) -> Iterator[tuple[str, str]]:
    """Yield (module, version) of the drivers of layers that are loaded and tell a version."""
    used = {name for layer in layers for ask in layer.asks for name in ask.using}
    for name in sorted(used):
        if text := (system.text(f"/sys/module/{name}/version") or "").strip():
            yield name, text


def unmounted(system: System, base: str, mounts: MountTable) -> tuple[str, ...]:
    """Return the places where fstab mounts the boot loader's file system, and nothing is.

    `base` is where the described system's root is mounted.
    """
    split = map(fields, lines(system.text(f"{base}/etc/fstab") or ""))
    named = [each for each in split if len(each) > 2 and not each[0].startswith("#")]
    points = ["/" + unescaped(each[1]).strip("/") for each in named]
    found = (f"{base}{each}" for each in points if each in PLACES)
    return tuple(dict.fromkeys(each for each in found if mounts.at(each) is None))


def with_twins(system: System, layers: Iterable[Layer], tops: Collection[str]) -> Iterator[Layer]:
    """Yield the layers, those directly below file systems with the devices of the same names.

    A disk that was cloned, or a snapshot, has the UUID and the label of its origin. What another
    device stands on is a part of it, and a btrfs has one UUID on each of its devices.
    """
    known = tuple(layers)
    ours = {layer.identity for layer in known}
    roots = {below for layer in known if layer.identity in tops for below in layer.on}
    others: list[tuple[str, dict[str, str]]] = []
    for name in system.names(CLASS) if roots else ():
        held = system.names(f"{CLASS}/{name}/holders")
        if not held and f"block:{name}" not in ours:
            others.append((name, _udev(system, name)))
    for layer in known:
        found = [*_alike(layer, others)] if layer.identity in roots else []
        facts = ((TWINS, "\n".join(found)),) if found else ()
        yield replace(layer, facts=(*layer.facts, *facts)) if facts else layer


def _alike(layer: Layer, others: Iterable[tuple[str, dict[str, str]]]) -> Iterator[str]:
    mine = dict(layer.properties)
    for name, has in others:
        for key in PROPERTY.values():
            value = _name(mine, key)
            alike = value and value == _name(has, key)
            if alike and has.get("ID_FS_UUID_SUB") == mine.get("ID_FS_UUID_SUB"):
                yield f"{key} /dev/{name}"


def _name(known: Mapping[str, str], key: str) -> str:
    """Return a property; without its escaped form, it needs none."""
    return known.get(key) or known.get(key.removesuffix("_ENC"), "")


def _udev(system: System, name: str) -> dict[str, str]:
    numbers = (system.text(f"{CLASS}/{name}/dev") or "").strip()
    record = system.text(f"/run/udev/data/b{numbers}") or ""
    found = (line[2:].partition("=") for line in record.splitlines() if line.startswith("E:"))
    return {key: value for key, _, value in found}
