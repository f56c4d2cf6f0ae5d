"""Finds names of devices that only a link of udev's has, and whether a rule of the image makes it.

The machine's udev has rules that an image may lack: a link of the user's is there now, and not in
the boot (udev(7), SYMLINK).
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.image.formats.archive import Archive
from initpy.image.formats.udevrules import read
from initpy.image.stack.layers import Layer
from initpy.image.stack.names import is_named
from initpy.image.tree import File

RULES = re.compile(r"/(?:etc|usr/local/lib|usr/lib|lib)/udev/rules\.d/[^/]+\.rules")
# What udevd puts in: $env{NAME}, $name, %E{NAME}, %k.
SUBSTITUTED = re.compile(r"\$\w+(?:\{[^}]*\})?|%\w(?:\{[^}]*\})?")
LOST = (
    "only a rule of this machine's udev makes this link, and none of the image does; name the "
    "device by UUID=, or build with --add and the file of the rule"
)
LINKS, MAPPED = "DEVLINKS", "/dev/mapper/"


def made_by_rules(archive: Archive) -> tuple[str, ...]:
    """Return the links that rules of an image make, as patterns of a shell without /dev."""
    found: dict[str, None] = {}
    for path in sorted(archive.entries):
        entry = archive.get(path) if RULES.fullmatch(path) else None
        text = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
        for rule in read(text) if "SYMLINK" in text else ():
            words = [each.value for each in rule.effects if each.key == "SYMLINK"]
            links = (link for each in words for link in each.split())
            found |= dict.fromkeys(SUBSTITUTED.sub("*", each) for each in links)
    return tuple(found)


def is_lost(spec: DeviceSpec, layers: Iterable[Layer], made: Iterable[str]) -> bool:
    """Return whether only a link that no rule of the image makes gives a device this name."""
    if spec.naming is not Naming.PATH or not made or spec.value.startswith(MAPPED):
        return False
    for layer in layers:
        plain = tuple(each for each in layer.properties if each[0] != LINKS)
        if is_named(spec, replace(layer, properties=plain)):
            return False
    name = spec.value.removeprefix("/dev/")
    return not any(fnmatchcase(name, each) for each in made)
