"""Worlds of another host's incomplete arrays: root on one of them, beside them, or nowhere (R9).

Root is asked for by any kind of name, and stands on partitions, encrypted volumes, volume groups
and further arrays, as a machine has them whose image knows no host name.
"""

import random
import re
from dataclasses import replace

from initpy.scenario.acts import Cue, Person
from initpy.scenario.model import Disk, Layer, Partition, Scenario
from initpy.simulation.explore.stacks import LABEL, MEBI, UUID, luks_uuid

SHARE = 0.06  # of all worlds
PASSPHRASE = "open sesame"
PART = "0d3c6e1f-0000-4000-8000-000000000002"
# level -> members, and how many of them may be missing
LEVELS = {"raid1": (2, 1), "raid5": (3, 1), "raid6": (4, 2), "raid10": (4, 1)}
METADATA = ("0.90", "1.0", "1.2", "1.2")
LAYERS = ("luks1", "luks2", "lvm", "partitions", "raid1")


def with_halves(number: int, scenario: Scenario) -> Scenario | None:
    """Another scenario in the place of this one, in some worlds; None in the others."""
    chance = random.Random(f"halves {number}")
    if chance.random() >= SHARE:
        return None
    world = _World(chance)
    names = world.root() if chance.random() < 0.8 else [f"LABEL={LABEL}"]
    for _ in range(chance.choice((0, 0, 1, 2))):
        world.other()
    late = chance.random() < 0.3
    if late:  # root is elsewhere, and comes when it wants to
        world.layers = [replace(each, holds="", uuid="", label="other")
                        if each.holds == "root" else each for each in world.layers]  # fmt: skip
        disk = Disk("late", 64 * MEBI, False, chance.choice((2.0, 20.0, 33.0, 45.0, 70.0, 95.0)))
        world.disks.append(disk)
        world.layers.append(Layer("ext4", "", ("late",), UUID, LABEL, holds="root"))
        names = [f"LABEL={LABEL}", f"UUID={UUID}"]
    words = [f"root={chance.choice(names)}"]
    if chance.random() < 0.5:
        words.append(f"rd.md.timeout={chance.choice((3, 10, 40))}")
    if chance.random() < 0.15:
        words.append(f"rd.timeout={chance.choice((8, 20, 60))}")
    if chance.random() < 0.08:
        words.append("rd.md.degraded=no")
    if chance.random() < 0.3:
        volumes = [each for each in world.layers if each.kind.startswith("luks")]
        words += [f"rd.luks.name={each.uuid}=crypt-{each.name}" for each in volumes]
    return replace(
        scenario,
        cmdline=" ".join(words),
        disks=tuple(world.disks),
        layers=tuple(world.layers),
        people=tuple(world.people()) if chance.random() < 0.9 else (),
        files=(),
        faults=tuple(each for each in scenario.faults if not each.argument),
        damages=(),
        expect=scenario.expect,
    )


class _World:
    """What is drawn so far."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.disks: list[Disk] = []
        self.layers: list[Layer] = []

    def _array(self, level: str, on: tuple[str, ...]) -> str:
        name = f"r{len(self.layers)}"
        theirs = "elsewhere" if self.chance.random() < 0.9 else "any"
        metadata = self.chance.choice(METADATA)
        self.layers.append(Layer(level, name, on, metadata=metadata, homehost=theirs))
        return name

    def half(self) -> str:
        """An array on disks of its own, most often without one of them."""
        level = self.chance.choice(tuple(LEVELS))
        count, spare = LEVELS[level]
        first = len(self.disks)
        names = tuple(f"d{first + number}" for number in range(count))
        lost = self.chance.sample(names, self.chance.choice((0, 1, 1, 1, spare)))
        for name in names:
            arrives = self.chance.choice((None, None, None, 20.0, 40.0)) if name in lost else None
            self.disks.append(Disk(name, 192 * MEBI, name not in lost, arrives))
        return self._array(level, names)

    def _on(self, below: str, depth: int) -> tuple[str, list[str]]:
        """What a file system is to stand on, and the names that lead to it."""
        names: list[str] = []
        for _ in range(depth):
            kind = self.chance.choice(LAYERS)
            name = f"x{len(self.layers)}"
            if kind.startswith("luks"):
                uuid = luks_uuid(name)
                self.layers.append(Layer(kind, name, (below,), uuid=uuid, passphrase=PASSPHRASE))
                names, below = [], name
            elif kind == "lvm":
                self.layers.append(Layer(kind, name, (below,), group=f"g{name}"))
                names, below = [f"/dev/g{name}/{name}", f"/dev/mapper/g{name}-{name}"], name
            elif kind == "raid1":
                self.disks.append(Disk(f"e{name}", 192 * MEBI, self.chance.random() < 0.5))
                below, names = self._array(kind, (below, f"e{name}")), []
            elif below.startswith("r"):  # partitions of an array
                uuid = f"{PART[:-3]}{len(self.layers):03d}"
                second = Partition(f"{name}p2", label=f"system-{name}", uuid=uuid)
                parts = (Partition(f"{name}p1", 16 * MEBI), second)
                self.layers.append(Layer("partitions", "", (below,), parts=parts))
                below = f"{name}p2"
                names = [f"PARTUUID={parts[1].uuid}", f"PARTLABEL={parts[1].label}"]
        return below, names

    def root(self) -> list[str]:
        """Root's stack; the names that it has."""
        below, names = self._on(self.half(), self.chance.choice((0, 1, 1, 2, 3)))
        self.layers.append(Layer("ext4", "", (below,), UUID, LABEL, holds="root"))
        return [f"LABEL={LABEL}", f"UUID={UUID}", *names]

    def other(self) -> None:
        """An array that root has nothing to do with."""
        below, _ = self._on(self.half(), self.chance.choice((0, 1)))
        self.layers.append(Layer("ext4", "", (below,), label=f"other{len(self.layers)}"))

    def people(self) -> list[Person]:
        """Each volume has a user who answers whenever it is asked for."""
        people = []
        for layer in self.layers:
            if layer.kind.startswith("luks"):
                prompt = re.compile(
                    f"Passphrase for (luks-{layer.uuid}|crypt-{layer.name}) ", re.MULTILINE
                )
                for _ in range(6):
                    cue = Cue(when=prompt, after=1.0)
                    people.append(Person(cue, f"{PASSPHRASE}\n", name=layer.name))
        return people
