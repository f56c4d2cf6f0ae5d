"""Worlds of storage that needs a second thing: a cache, a header, a journal, other disks of a pool.

And machines that may have hibernated. The second thing is late, goes, hangs or never comes. Root
stands on encrypted volumes, volume groups and partitions here, too.
"""

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from initpy.scenario.acts import Cue, Damage, Deed, Fault, Person
from initpy.scenario.model import Dataset, Disk, Layer, Partition, Scenario
from initpy.simulation.explore.stacks import LABEL, MEBI, UUID, luks_uuid

SHARE = 0.08  # of all worlds
TIMES = (0.5, 2.0, 5.0, 12.0, 20.0, 33.0, 45.0, 70.0)
PASSPHRASE = "open sesame"
HEADER, STICK = "/headers/root", "STICK"
SWAP = "2b1f9c3e-5a3c-4a39-9a56-3f7f6f1d0a01"
SUSPENDED = Damage("", 4086, b"S1SUSPEND\x00")  # a signature that no kernel of this machine made
POOL, DATASET = "rpool", "ROOT/debian"
PATIENCE = 6  # times that a prompt is answered


def with_other_storage(number: int, scenario: Scenario) -> Scenario | None:
    """Another scenario in the place of this one, in some worlds; None in the others."""
    chance = random.Random(f"other storage {number}")
    if chance.random() >= SHARE:
        return None
    world = _World(chance)
    KINDS[chance.choice(sorted(KINDS))](world)
    if chance.random() < 0.3:
        world.words.append(f"rd.timeout={chance.choice((8, 20, 60))}")
    if chance.random() < 0.1:
        world.words.append("rd.md.degraded=no")
    return replace(
        scenario,
        cmdline=" ".join(world.words),
        disks=tuple(world.disks),
        layers=tuple(world.layers),
        people=tuple(world.people()) if chance.random() < 0.9 else (),
        files=tuple(world.files),
        faults=(*(each for each in scenario.faults if not each.argument), *world.faults),
        damages=tuple(world.damages),
        variant=replace(scenario.variant, jobs=world.jobs),
    )


class _World:
    """What is drawn so far."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.disks: list[Disk] = []
        self.layers: list[Layer] = []
        self.files: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.damages: list[Damage] = []
        self.words: list[str] = []
        self.jobs: tuple[str, ...] = ()
        self.names: dict[
            str, str
        ] = {}  # layer of an encrypted volume -> its mapping, as crypttab has it

    def disk(self, *, second: bool = False, size: int = 160, bus: str = "virtio") -> str:
        """A disk; the second thing has something happen to it more often than not."""
        chance, name = self.chance, f"d{len(self.disks) + 1}"
        fate = chance.choices(
            ("there", "late", "never", "pulled", "silent"),
            (30, 35, 10, 15, 10) if second else (80, 12, 2, 4, 2),
        )[0]
        arrives = chance.choice(TIMES) if fate == "late" else None
        self.disks.append(Disk(name, size * MEBI, fate not in ("late", "never"), arrives, bus=bus))
        if fate in ("pulled", "silent"):
            away, back = (Deed.UNPLUG, Deed.PLUG) if fate == "pulled" else (Deed.FREEZE, Deed.THAW)
            at = chance.choice(TIMES)
            self.faults.append(Fault(Cue(at=at), away, name))
            if chance.random() < 0.8:
                self.faults.append(Fault(Cue(at=at + chance.choice(TIMES)), back, name))
        return name

    def add(self, kind: str, on: tuple[str, ...], **more: Any) -> str:
        """A layer with a name."""
        name = f"l{len(self.layers) + 1}"
        self.layers.append(replace(Layer(kind, name, on), **more))
        return name

    def place(self, *, second: bool = False, depth: int = 1) -> str:
        """What something may stand on: a disk, partition, volume of LUKS or LVM, or a mirror."""
        kind = self.chance.choice(("disk", "disk", "part", "luks", "lvm", "raid1"))
        if kind == "disk" or depth <= 0:
            return self.disk(second=second)
        if kind == "raid1":
            members = (self.disk(second=second), self.disk())
            return self.add("raid1", members)
        below = self.place(second=second, depth=depth - 1)
        if kind == "part":
            return self.partition(below) if below.startswith("d") else below
        return self.volume(below) if kind == "luks" else self.logical(below)

    def partition(self, disk: str) -> str:
        """The one partition of a disk."""
        part, table = f"p{len(self.layers) + 1}", self.chance.choice(("", "mbr"))
        layer = Layer("partitions", "", (disk,), metadata=table, parts=(Partition(part),))
        self.layers.append(layer)
        return part

    def volume(self, on: str) -> str:
        """An encrypted volume, perhaps with integrity (dm-integrity below dm-crypt)."""
        kind = self.chance.choice(("luks1", "luks2", "luks2"))
        safe = kind == "luks2" and self.chance.random() < 0.3
        return self.add(
            kind, (on,), uuid=luks_uuid(f"l{len(self.layers) + 1}"), passphrase=PASSPHRASE,
            cipher="aes-xts-plain64" if safe else "", integrity="hmac-sha256" if safe else "",
        )  # fmt: skip

    def logical(self, on: str, *more: str) -> str:
        """A logical volume of a group of its own."""
        return self.add("lvm", (on, *more), group=f"g{len(self.layers) + 1}")

    def root(self, *on: str, kind: str = "ext4") -> None:
        """The test system."""
        self.layers.append(Layer(kind, "", on, UUID, LABEL, holds="root"))
        self.words.append(self.chance.choice((f"root=LABEL={LABEL}", f"root=UUID={UUID}")))

    def people(self) -> list[Person]:
        """Users who answer at each prompt."""
        found = []
        for each in self.layers:
            if each.kind.startswith("luks"):
                mapping = self.names.get(each.name, f"luks-{each.uuid}")
                after = self.chance.choice((0.0, 1.0, 5.0, 20.0))
                cue = Cue(when=re.compile(f"Passphrase for {mapping} ", re.MULTILINE), after=after)
                person = Person(cue, f"{PASSPHRASE}\n", name=each.name)
                found += [person] * PATIENCE
        return found


def _cache(world: _World) -> None:
    """A disk with a cache, under root or under what root is on."""
    backing, cache = world.place(), world.place(second=True)
    top = world.add("bcache", (backing, cache))
    above = world.chance.choice(("", "luks", "lvm"))
    world.root({"luks": world.volume, "lvm": world.logical}.get(above, str)(top))


def _header(world: _World) -> None:
    """The header of a volume is elsewhere: on a disk, in a file on a stick, in the image."""
    chance, data = world.chance, world.disk()
    where = chance.choice(("disk", "stick", "stick", "image"))
    uuid, mapping = luks_uuid(f"l{len(world.layers) + 2}"), "cryptroot"
    if where == "disk":
        header = world.disk(second=True, size=16)
        by_uuid = f"/dev/disk/by-uuid/{uuid}"
        option = chance.choice((by_uuid, f"/dev/disk/by-id/virtio-{header}"))
    elif where == "stick":
        stick = world.disk(second=True, size=40, bus="usb")
        files = (("/headers/readme", "nothing"),)
        world.layers.append(Layer("ext4", "keys", (stick,), label=STICK, files=files))
        header, option = f"keys:{HEADER}", f"{HEADER}:LABEL={STICK}"
    else:
        header, option = "header", HEADER
        world.disks.append(Disk(header, 16 * MEBI, image=HEADER))
    name = world.add("luks2", (data,), uuid=uuid, passphrase=PASSPHRASE, header=header)
    table = f"{mapping} /dev/disk/by-id/virtio-{data} none luks,header={option}\n"
    world.files.append(("/etc/crypttab", table))
    world.names[name] = mapping
    world.root(world.logical(name) if chance.random() < 0.3 else name)


def _journal(world: _World) -> None:
    """A file system with its journal, or its log, on another device."""
    kind = world.chance.choice(("ext4", "xfs"))
    world.root(world.place(), world.place(second=True), kind=kind)


def _pool(world: _World) -> None:
    """A root in a pool of ZFS."""
    profile, least = world.chance.choice((("", 1), ("", 2), ("mirror", 2), ("raidz", 3)))
    on = [world.place() if world.chance.random() < 0.3 else world.disk()]
    on += [world.disk(second=number == 1) for number in range(1, least)]
    passphrase = PASSPHRASE if world.chance.random() < 0.3 else ""
    dataset = Dataset(DATASET, "/", "noauto", passphrase=passphrase, holds="root")
    world.layers.append(
        replace(Layer("zfs", POOL, tuple(on), profile=profile), datasets=(dataset,))
    )
    world.words.append(f"root=ZFS={POOL}/{DATASET}")
    world.jobs = ("zfs",)


def _hibernation(world: _World) -> None:
    """A swap that a hibernated system may be on, perhaps with one that is not this machine's."""
    chance, below = world.chance, world.place(second=True)
    world.layers.append(Layer("swap", "", (below,), SWAP, "swap"))
    if below.startswith("d") and chance.random() < 0.4:
        world.damages.append(replace(SUSPENDED, disk=below))
    world.words.append(chance.choice((f"resume=UUID={SWAP}", "resume=LABEL=swap")))
    world.root(world.place())


KINDS: dict[str, Callable[[_World], None]] = {
    "cache": _cache, "header": _header, "hibernation": _hibernation, "journal": _journal,
    "pool": _pool,
}  # fmt: skip
