"""Judges what the image's mdadm.conf makes of the arrays: AUTO, DEVICE and the ARRAY lines.

mdadm compares each member that appears with all lines, and leaves it alone if several match
(conf_match() in config.c, Incremental() in Incremental.c).
"""

import re
from collections.abc import Iterator

from initpy.image.content import mdadmconf
from initpy.image.content.mdadmconf import ArrayLine, HomeHosts, Known
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File

LINE = "add its line of `mdadm --detail --brief` to /etc/mdadm/mdadm.conf and build again"
PROGRAMS = ("/usr/sbin/mdadm", "/sbin/mdadm", "/usr/bin/mdadm")
# A message of the versions that read `name=` (before 4.3).
READS_NAMES = b"only specify name once"
NUMBER = re.compile(r"block:md([0-9]+)")


class ArrayLines:
    """The configuration of the image's mdadm; `configured`: it counts."""

    def __init__(self, archive: Archive, stack: Stack, *, configured: bool) -> None:
        self._archive = archive
        self._stack = stack
        texts = [*self._texts()] if configured else []
        self.conf: HomeHosts = mdadmconf.read(texts)
        found = next((each for each in PROGRAMS if isinstance(archive.get(each), File)), None)
        self._names = found is None or READS_NAMES in archive.read(found)

    def line(self, layer: Layer) -> ArrayLine | None:
        """Return the line that names an array by its first member."""
        for member in self._members(layer):
            return next(iter(self._matching(layer, member)), None)
        return None

    def refusal(self, layer: Layer) -> str:
        """Return why mdadm does not assemble an array or container; "" if it does."""
        members = self._members(layer)
        for each in members:
            if not self.conf.permits(_names(each)):
                patterns = " ".join(self.conf.devices)
                return f"DEVICE {patterns} leaves out the member {each.name}"
        metadata = layer.fact("metadata").removeprefix("external:")
        for each in members:
            found = self._matching(layer, each)
            if len(found) > 1:
                names = ", ".join(line.device or "one without a name" for line in found)
                return f"{len(found)} ARRAY lines match it ({names}), so mdadm takes none: keep one"
            if found and found[0].ignores:
                return "its ARRAY line says <ignore>"
            if not found and not self.conf.assembles(metadata):
                return f"AUTO {' '.join(self.conf.auto)} leaves it alone: {LINE}"
        return self._ignored_inside(layer)

    def _ignored_inside(self, layer: Layer) -> str:
        """Return why a volume of a container is left out (Incremental_container)."""
        for volume in self._stack.above(layer) if layer.kind is Kind.CONTAINER else ():
            number = volume.fact("metadata").rpartition("/")[2]
            uuid = mdadmconf.digits(volume.property("MD_UUID"))
            for line in self.conf.arrays:
                named = line.container and line.member and line.member == number
                if named and line.uuid in ("", uuid) and self._means(line.container, layer):
                    if line.ignores:
                        return f"the ARRAY line of its volume {number} says <ignore>"
                    break
        return ""

    def _means(self, container: str, layer: Layer) -> bool:
        """Return whether a line's container, a path or a UUID, is this one."""
        if container.startswith("/"):
            return container in (layer.name, *layer.property("DEVLINKS").split())
        return mdadmconf.digits(container) == mdadmconf.digits(layer.property("MD_UUID"))

    def _matching(self, layer: Layer, member: Layer) -> tuple[ArrayLine, ...]:
        uuid, minor = layer.property("MD_UUID"), None
        if layer.fact("metadata").startswith("0.") and (number := NUMBER.match(layer.identity)):
            minor = int(number[1])
        array = Known(uuid, set_name(layer, self._stack), minor)
        return self.conf.lines_of(array, _kernel_name(member), names=self._names)

    def _members(self, layer: Layer) -> list[Layer]:
        return [self._stack.layer(each) for each in layer.on]

    def _texts(self) -> Iterator[str]:
        path = next((path for path in mdadmconf.PATHS if path in self._archive), None)
        if path is not None:
            yield self._text(path)
        # Without either file mdadm reads the folder of the first.
        folder = f"{path or mdadmconf.PATHS[0]}.d/"
        for each in sorted(name for name in self._archive.entries if name.startswith(folder)):
            name = each.removeprefix(folder)
            if name.endswith(".conf") and not name.startswith(".") and "/" not in name:
                yield self._text(each)

    def _text(self, path: str) -> str:
        entry = self._archive.get(path)
        return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""


def set_name(layer: Layer, stack: Stack) -> str:
    """Return HOST:NAME as in the superblock; 0.90 has none."""
    below = (each for each in stack.layers if each.identity in layer.on)
    labels = (each.property("ID_FS_LABEL") for each in below)
    return layer.property("MD_NAME") or next(filter(None, labels), "")


def _kernel_name(layer: Layer) -> str:
    """Return the name by which the boot gives a device to mdadm."""
    return f"/dev/{layer.identity.removeprefix('block:')}"


def _names(layer: Layer) -> tuple[str, ...]:
    """Return all names of a device: mdadm compares the numbers of what a pattern finds."""
    return (layer.name, _kernel_name(layer), *layer.property("DEVLINKS").split())
