"""Random stacks of storage: the disks and layers of a world that chance draws.

A stack is drawn from the top down, each layer on whatever is drawn below it, until the depth or
the disks are used up. The sizes are such that the real tools can make the same in QEMU.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from initpy.scenario.layers import MOST_PRIMARY
from initpy.scenario.model import Disk, Layer, Partition, Scenario

MEBI = 1 << 20
LABEL, UUID = "initpy-root", "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001"
MBR = 0.3  # of the partition tables
# level -> how many members are drawn
LEVELS = {
    "raid0": (2, 2), "raid1": (2, 3), "raid4": (3, 3), "raid5": (3, 4), "raid6": (4, 4),
    "raid10": (4, 4),
}  # fmt: skip
# type of a logical volume -> how many physical volumes
VOLUMES = {"linear": (1, 2), "striped": (2, 2), "raid1": (2, 2), "thin": (1, 1)}
PASSPHRASES = ("correct horse", "battery staple", "hunter two", "open sesame")


@dataclass(slots=True)
class Stack:
    """What is drawn so far."""

    chance: random.Random
    kinds: frozenset[str]  # of layers that this world may have
    most_disks: int
    shared_passphrase: bool = False
    disks: list[Disk] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    spare: list[str] = field(default_factory=list)  # partitions that nothing stands on yet
    numbers: dict[str, int] = field(default_factory=dict)

    def _new(self, prefix: str) -> str:
        self.numbers[prefix] = self.numbers.get(prefix, 0) + 1
        return f"{prefix}{self.numbers[prefix]}"

    def disk(self, depth: int) -> str:
        """One more disk, large enough for what may be above it."""
        name = self._new("d")
        self.disks.append(Disk(name, (64 + 32 * depth) * MEBI))
        return name

    def root(self, depth: int) -> None:
        """A stack with the root file system on top."""
        if "btrfs-raid1" in self.kinds and self.chance.random() < 0.5:
            # mkfs.btrfs asks for 109 MiB of each device.
            below = tuple(self.below(depth - 1, 4) for _ in range(2))
            layer = Layer("btrfs", "", below, UUID, LABEL, profile="raid1", holds="root")
        else:
            layer = Layer("ext4", "", (self.below(depth, 1),), UUID, LABEL, holds="root")
        self.layers.append(layer)

    def beside(self, homehost: str) -> None:
        """A small stack that root has nothing to do with."""
        before = len(self.layers)
        name = self.below(2, 1)
        if self.chance.random() < 0.5:
            self.layers.append(Layer("ext4", "", (name,), label=self._new("other")))
        for index in range(before, len(self.layers)):
            layer = self.layers[index]
            if layer.kind in LEVELS and homehost:
                self.layers[index] = _with_host(layer, homehost)

    def below(self, depth: int, above: int) -> str:
        """The name of something to stand on; `above` counts the layers over it."""
        room = self.most_disks - len(self.disks)
        choices = [each for each in sorted(self.kinds) if self._possible(each, room)]
        if depth <= 0 or not choices or self.chance.random() < 0.15:
            return self._leaf(above)
        kind = self.chance.choice(choices)
        if kind in LEVELS:
            name, most = self._new("r"), LEVELS[kind]
            members = self._several(most, depth, above)
            self.layers.append(Layer(kind, name, members))
        elif kind in ("luks1", "luks2"):
            name = self._new("c")
            on = (self.below(depth - 1, above + 1),)
            phrase = PASSPHRASES[0] if self.shared_passphrase else self.chance.choice(PASSPHRASES)
            self.layers.append(Layer(kind, name, on, uuid=luks_uuid(name), passphrase=phrase))
        else:
            name = self._new("v")
            members = self._several(VOLUMES[kind], depth, above)
            # lvcreate(8) wants to know how large a thin volume is to look.
            size = (48 + 16 * above) * MEBI if kind == "thin" else None
            self.layers.append(
                Layer("lvm", name, members, group=f"g{name}", size=size, type=_plain(kind))
            )
        return name

    def _several(self, most: tuple[int, int], depth: int, above: int) -> tuple[str, ...]:
        count = self.chance.randint(*most)
        # The deeper ones first would use up the disks: the others are leaves then.
        return tuple(self.below(depth - 1, above + 1) for _ in range(count))

    def _possible(self, kind: str, room: int) -> bool:
        return kind in ("luks1", "luks2") or (
            (most := LEVELS.get(kind) or VOLUMES.get(kind)) is not None and most[1] <= room
        )

    def _leaf(self, above: int) -> str:
        if "partitions" not in self.kinds or self.chance.random() < 0.5:
            return self.disk(above)
        if self.spare and self.chance.random() < 0.3:
            return self.spare.pop()
        disk = self.disk(above * 2 + 1)
        first, second = self._new("p"), self._new("p")
        size = (64 + 32 * above) * MEBI
        parts = (Partition(first, size), Partition(second))
        self.layers.append(Layer("partitions", "", (disk,), parts=parts))
        self.spare.append(second)
        return first


def with_mbr(number: int, scenario: Scenario) -> Scenario:
    """The world of that number with an MBR instead of some GPTs of which nothing is named."""
    chance = random.Random(f"tables {number}")
    layers = tuple(
        replace(each, metadata="mbr")
        if each.kind == "partitions" and not each.metadata and chance.random() < MBR
        and len(each.parts) <= MOST_PRIMARY
        and not any(part.label or part.uuid or part.type for part in each.parts)
        else each
        for each in scenario.layers
    )  # fmt: skip
    return replace(scenario, layers=layers)


def lvm_conf(layers: Iterable[Layer]) -> tuple[tuple[str, str], ...]:
    """The configuration without which LVM looks for no physical volume on its own volumes."""
    kinds = {each.name: each.kind for each in layers}
    nested = any(each.kind == "lvm" == kinds.get(below) for each in layers for below in each.on)
    return (("/etc/lvm/lvm.conf", "devices {\n scan_lvs = 1\n}\n"),) if nested else ()


def luks_uuid(name: str) -> str:
    """A UUID that is recognised in a prompt."""
    return f"3b1f4c52-6f0e-4c56-8f55-{int(name[1:]):012x}"


def _plain(kind: str) -> str:
    return "" if kind == "linear" else kind


def _with_host(layer: Layer, homehost: str) -> Layer:
    return Layer(layer.kind, layer.name, layer.on, homehost=homehost, left=layer.left)
