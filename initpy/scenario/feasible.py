"""Rejects storage that no real tool would create, and lists what no virtual machine can do.

`Room` rejects the former when the file is read, so that neither lab nor simulator has it. Sizes are
upper bounds in bytes: no layer is larger than the layers below, without metadata. Only the
simulator can do the latter; `initpy boot` refuses such a file and says why.
"""

import re
from collections.abc import Iterator

from initpy.scenario.acts import SIMULATED_DEEDS, Deed, Way
from initpy.scenario.model import CONTAINERS, RAID, Disk, Layer, Scenario
from initpy.scenario.reader import Table

# mdadm(8) creates an array of one device only with --force, and a raid6 of at least four.
_LEAST = {**dict.fromkeys(RAID, 2), "raid6": 4}
# The size of a new volume's header (cryptsetup-luksFormat(8)).
_HEADERS = {"luks1": 2 << 20, "luks2": 16 << 20}
# The longest labels in bytes: mke2fs(8), mkfs.xfs(8), mkfs.fat(8), mkswap(8), mkfs.btrfs(8).
_LABELS = {"ext2": 16, "ext3": 16, "ext4": 16, "xfs": 12, "vfat": 11, "swap": 15, "btrfs": 255}
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ARRAY_UUID = re.compile(r"[0-9a-fA-F]{8}(:[0-9a-fA-F]{8}){3}")  # mdadm's notation
_UNIT = 1 << 20


class Room:
    """The maximum size of each disk, layer and volume group; `take` adds layer after layer."""

    def __init__(self, disks: tuple[Disk, ...]) -> None:
        self._bytes = {disk.name: disk.size for disk in disks}
        self._groups: dict[str, int] = {}  # free space
        self.containers: dict[str, int] = {}  # arrays in a container use its members, so many

    def take(self, table: Table, layer: Layer) -> None:
        """Add a layer. Raises InputError if the layers below are too small or too few."""
        below = sum(self._bytes[name] for name in layer.on)
        _check_names(table, layer)
        if self.containers.keys() & {*layer.on} and (layer.kind not in RAID or len(layer.on) > 1):
            raise table.wrong("on", f"other layers, as only arrays stand on {layer.on[0]}")
        if layer.kind in _LEAST:
            least = _LEAST[layer.kind]
            members = sum(self.containers.get(name, 1) for name in layer.on)
            if members < least:
                raise table.wrong("on", f"{least} members or more for {layer.kind}")
        if layer.kind in _HEADERS and not layer.header and below <= _HEADERS[layer.kind]:
            least = _HEADERS[layer.kind] // _UNIT
            raise table.wrong("on", f"something of more than {least}M, which the header takes")
        if layer.kind == "partitions":
            self._partitions(table, layer, below)
        elif layer.kind == "lvm":
            self._groups[layer.group] = self._groups.get(layer.group, 0) + below
            self._volume(table, layer)
        elif layer.name:
            self._bytes[layer.name] = min(layer.size or below, below)
        self._bytes |= dict(layer.volumes)
        if layer.kind in CONTAINERS:
            self.containers[layer.name] = len(layer.on)

    def _partitions(self, table: Table, layer: Layer, below: int) -> None:
        left = below
        for part, each in zip(layer.parts, table.tables("part"), strict=True):
            if part.size is None and part is not layer.parts[-1]:
                raise each.wrong("size", "a size, as it is not the last partition")
            if (part.size or 0) > left:
                raise each.wrong("size", f"no more than the {left // _UNIT}M that are left")
            self._bytes[part.name] = left if part.size is None else part.size
            left -= part.size or 0

    def _volume(self, table: Table, layer: Layer) -> None:
        """Take a logical volume from its group; a thin volume may be larger than the group."""
        left = self._groups[layer.group]
        size = layer.size or left
        if size > left and layer.type != "thin":
            raise table.wrong(
                "size", f"no more than the {left // _UNIT}M that are left in the group"
            )
        self._bytes[layer.name] = size
        self._groups[layer.group] -= min(size, left)


def _check_names(table: Table, layer: Layer) -> None:
    """Check that UUID and label are valid for the kind of layer."""
    ways = [_UUID, *([_ARRAY_UUID] if layer.kind in _LEAST else [])]
    fixed = layer.kind in (*_LEAST, *_HEADERS, *_LABELS) and layer.kind != "vfat"
    if layer.uuid and fixed and not any(way.fullmatch(layer.uuid) for way in ways):
        raise table.wrong("uuid", "a UUID such as 7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001")
    most = _LABELS.get(layer.kind)
    if most is not None and len(layer.label.encode()) > most:
        raise table.wrong("label", f"{most} bytes or less for {layer.kind}")


def simulated_only(scenario: Scenario) -> Iterator[str]:
    """Yield what the scenario needs and no machine of the lab has, as texts."""
    if any(tool.way is Way.UNKILLABLE for tool in scenario.tools):
        yield "processes that survive SIGKILL"
    deeds = {fault.deed for fault in scenario.faults}.intersection(SIMULATED_DEEDS)
    if deeds - {Deed.REREAD}:
        yield "disks that stop answering"
    if Deed.REREAD in deeds:
        yield "partitions that are read anew at a time"
    if scenario.syscalls:
        yield "system calls that fail in process 1"
    if any(disk.announced for disk in scenario.disks):
        yield "a udev that announces partitions before their disk"
