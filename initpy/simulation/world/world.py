"""The machine at one moment: what the kernel has, what is mounted, what the tools have noted.

Ground truth for the oracle. Each technology has a module of its own that changes it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from initpy.core.devices.graph import Device
from initpy.core.shutdown.declared import DeclaredLayer
from initpy.scenario.model import Scenario
from initpy.simulation.world.agenda import Agenda
from initpy.simulation.world.making import Disks
from initpy.simulation.world.network import Network, network_of
from initpy.simulation.world.plans import (
    ArrayPlan,
    DatasetPlan,
    DiskPlan,
    FileSystem,
    PartPlan,
    Place,
    VolumePlan,
)
from initpy.simulation.world.pools import Imported
from initpy.simulation.world.random_faults import Chance
from initpy.simulation.world.terminals import Terminals
from initpy.simulation.world.waits import Lock, Silence

SECTOR = 512
ENGINE_SECONDS = 1.1  # from /init to the engine's first event


@dataclass(slots=True, eq=False)
class Array:
    """An md array in the kernel."""

    plan: ArrayPlan
    node: str  # md127
    name: str  # below /dev/md, or a path, as /run/mdadm/map has it
    members: list[tuple[str, int]] = field(default_factory=list)  # names and slots
    state: str = "inactive"  # "readonly": nothing is written to its members
    read: bool = False  # the kernel has read the superblocks (at a start, successful or not)
    degraded: int = 0
    container: str = ""  # the node of the container that it is in
    forced: bool = False  # it was started although members were missing that it counted on


@dataclass(slots=True, eq=False)
class Mapped:
    """A device-mapper device."""

    name: str
    uuid: str
    hidden: bool = False  # the inner parts of a logical volume: not looked at
    volume: VolumePlan | None = None
    logical: tuple[str, str, str] | None = None  # group, volume, layer
    read_only: bool = False
    partial: bool = False  # parts of it cannot be read: libblkid, which reads its end, says nothing


@dataclass(slots=True, eq=False)
class Block:
    """A block device of the kernel."""

    name: str
    place: Place | None
    major: int
    minor: int
    disk: DiskPlan | None = None  # also of a partition on it
    part: tuple[str, int, PartPlan] | None = None  # its disk, its number there
    slaves: list[str] = field(default_factory=list)
    array: Array | None = None
    mapping: Mapped | None = None
    facts: Mapping[str, str] = field(default_factory=dict)  # of udev, kinds that have no module
    present: bool = True
    fixed: bool = False  # a loop device whose file is on what is mounted read-only
    # udev's database; None: not looked at yet.
    known: dict[str, str] | None = None
    links: frozenset[str] = frozenset()
    told: Device | None = None  # as the core is told of it; None: to be made anew
    read: bool = False  # an engine was told of it

    @property
    def node(self) -> str:
        """Its path below /dev."""
        return f"/dev/{self.name}"

    @property
    def number(self) -> str:
        """MAJOR:MINOR."""
        return f"{self.major}:{self.minor}"


class MountPoint(NamedTuple):
    """Something that is mounted."""

    source: str
    type: str
    options: str


class Superblock(NamedTuple):
    """An md superblock as a run has left it: how often it was written, who is recorded gone."""

    events: int = 1
    gone: frozenset[int] = frozenset()


class World:
    """Everything that is true of the machine, and the clock."""

    def __init__(
        self, scenario: Scenario, disks: Disks, chance: Chance, quiet: bool, missing: frozenset[str]
    ) -> None:
        self.scenario = scenario
        self.disks = disks
        self.chance = chance
        self.agenda = Agenda()
        self.terminals = Terminals(scenario.second)
        self.quiet = quiet
        self.without = missing  # drivers that the image lacks
        self.blocks: dict[str, Block] = {}
        self.holders: dict[str, list[str]] = {}  # name -> names of what stands on it
        self.plugged: dict[str, str] = {}  # disk of the scenario -> kernel name
        self.silent: dict[str, Silence] = {}  # disks of the scenario that answer no request
        self.shown: dict[str, float] = {}  # disk -> when udev tells of it, where that is known
        self.mounts: dict[str, MountPoint] = {}
        self._released: list[frozenset[str]] = []  # devices that a layer is about to let go
        self.superblocks: dict[tuple[str, int], Superblock] = {}  # array's UUID and slot
        self.modules: set[str] = set()
        self.online: dict[str, tuple[str, str]] = {}  # physical volumes: number and node
        self.imported: set[str] = set()  # volume groups that were exported
        self.registered: list[str] = []  # with bcache
        self.pools: dict[str, Imported] = {}  # of ZFS, by GUID
        self.scanned: dict[str, set[str]] = {}  # btrfs: UUID -> places that the kernel has seen
        self.repaired: set[str] = set()  # UUIDs of file systems that a check has mended
        self.helpers: set[str] = set()  # daemons that end with the initramfs
        self.monitors: dict[str, int] = {}  # containers -> the process of the mdmon that runs
        self.processes = 0  # how many monitors there have been
        self.monitor_ended: Callable[[str], None] = lambda name: None  # whom the engine has told
        self.records: dict[str, str] = {}  # files below /run/initpy
        self.secrets: dict[str, bytes] = {}  # files that only root can read, by path
        # Layers that the program for the shutdown knows; None: it is not in /run/initramfs.
        self.exitrd: tuple[DeclaredLayer, ...] | None = None
        self.headers: dict[str, VolumePlan] = {}  # files that are LUKS headers
        self.written: dict[str, tuple[float, str]] = {}  # disk -> its first write, and what it was
        self.refused: list[tuple[float, str, str]] = []  # writes to what is read-only
        self.run_full = False
        self.short = False  # no process can be started
        # What holds a hibernated system: swap, or a file system with a swap file.
        self.hibernated: FileSystem | None = None
        self.location: tuple[str, int] | None = None  # of it, in a variable of the firmware
        self.located: dict[int, tuple[str, int]] = {}  # the same, as engines have read it
        self.resumed = False
        self.disturbed: list[str] = []  # devices whose file systems it has, mounted or checked
        self.array_map = Lock(self.agenda)  # of mdadm, /run/mdadm/map.lock
        self.unsupported: list[str] = []
        # Most machines boot without one.
        self.network: Network | None = network_of(scenario) if scenario.nics else None

    @property
    def now(self) -> float:
        """The virtual time."""
        return self.agenda.now

    def kernel(self, text: str) -> None:
        """A line of the kernel's on the console."""
        if not self.quiet:
            self.terminals.kernel(f"[{self.agenda.now:12.6f}] {text}\n")

    def cannot(self, what: str) -> None:
        """Something was asked for that is not modelled: said, never passed over."""
        if what not in self.unsupported:
            self.unsupported.append(what)

    # Devices

    def add(self, block: Block) -> None:
        """A device is there."""
        self.blocks[block.name] = block
        for lower in block.slaves:
            self.holders.setdefault(lower, []).append(block.name)

    def stand_on(self, block: Block, lower: str) -> None:
        """The device stands on one more."""
        block.slaves.append(lower)
        self.holders.setdefault(lower, []).append(block.name)
        block.told = None

    def drop(self, block: Block) -> None:
        """A device is gone, and nothing stands on others through it."""
        self.blocks.pop(block.name, None)
        block.present = False
        for lower in block.slaves:
            if block.name in self.holders.get(lower, ()):
                self.holders[lower].remove(block.name)
            if block.part is not None and lower in self.blocks:
                self.blocks[lower].told = None  # sysfs shows its partitions

    def above(self, block: Block) -> list[Block]:
        """What stands directly on it."""
        names = tuple(self.holders.get(block.name, ()))
        return [self.blocks[each] for each in names if each in self.blocks]

    def at(self, node: str) -> Block | None:
        """The device of a path: its node, or a link of udev's."""
        found = self.blocks.get(node.removeprefix("/dev/"))
        if found is not None:
            return found
        return next((each for each in self.blocks.values() if node in each.links), None)

    def dataset(self, name: str) -> DatasetPlan | None:
        """The dataset of an imported pool."""
        every = (each for pool in self.pools.values() for each in pool.plan.datasets)
        return next((each for each in every if each.name == name), None)

    def of(self, place: Place) -> Block | None:
        """The device that is this place; an array that does not run has nothing to read."""
        for each in self.blocks.values():
            if each.place is place and (each.array is None or each.array.state != "inactive"):
                return each
        return None

    def used(self, block: Block) -> bool:
        """Whether a layer above or a mount has it exclusively."""
        above = self.holders.get(block.name)
        if above and any(self.blocks[each].part is None for each in above if each in self.blocks):
            return True
        if self.is_released(block.name):
            return True
        return any(each.source == block.node for each in self.mounts.values())

    def is_released(self, name: str) -> bool:
        """Whether the kernel is about to let go of the device."""
        return any(name in each for each in self._released)

    @contextmanager
    def releasing(self, names: frozenset[str]) -> Iterator[None]:
        """Have the devices in exclusive use for as long, though nothing stands on them."""
        self._released.append(names)
        try:
            yield
        finally:
            self._released.remove(names)

    def read_only(self, block: Block) -> bool:
        """Whether the kernel refuses writes to the device: `ro` in its folder of sysfs."""
        if block.array is not None:
            return block.array.state == "readonly"
        if block.fixed or (block.mapping is not None and block.mapping.read_only):
            return True
        if block.disk is not None and block.disk.bus == "cdrom":
            return True
        disk = self.blocks.get(block.part[0]) if block.part is not None else None
        return disk is not None and self.read_only(disk)

    def write(self, block: Block, what: str) -> None:
        """Something is written to the device, or is refused by what it stands on."""
        if self.read_only(block):
            self.refused.append((self.now, block.name, what))
        elif block.disk is not None:
            self.written.setdefault(block.disk.name, (self.now, what))
        else:
            for name in block.slaves:
                if (lower := self.blocks.get(name)) is not None:
                    self.write(lower, what)

    def free_name(self, prefix: str) -> int:
        """The lowest number that is free behind a prefix."""
        number = 0
        while f"{prefix}{number}" in self.blocks:
            number += 1
        return number

    def freeze(self, disk: str) -> None:
        """From now on the disk answers no request."""
        if disk not in self.silent:
            self.silent[disk] = Silence(self.agenda)
            self.kernel(f"INITPY-LAB disk {disk} does not answer any more")

    def thaw(self, disk: str) -> None:
        """It answers again, or is gone: requests that wait end either way."""
        if (silence := self.silent.pop(disk, None)) is not None:
            silence.end()

    def left(self, system: FileSystem) -> str:
        """What is wrong with a file system: "errors", "spoilt" or nothing."""
        return "" if system.uuid in self.repaired else system.left

    def superblock(self, array: ArrayPlan, slot: int) -> Superblock:
        """What is on the disk of that member now."""
        key = array.uuid, slot
        found = self.superblocks.get(key)
        if found is not None:
            return found
        if not array.degraded:
            return Superblock()
        last = len(array.on) - 1
        # mdadm had failed and removed the last one: the others have been written to since.
        return Superblock(1) if slot == last else Superblock(3, frozenset((last,)))


def started_again(world: World) -> World:
    """The machine is restarted: what is on its disks and on its consoles is still there."""
    fresh = World(world.scenario, world.disks, world.chance, world.quiet, world.without)
    fresh.agenda.now = world.now
    fresh.terminals = world.terminals
    fresh.terminals.hang_up()
    fresh.superblocks, fresh.repaired = world.superblocks, world.repaired
    fresh.unsupported = world.unsupported
    fresh.hibernated, fresh.location = world.hibernated, world.location
    fresh.located = world.located
    fresh.written, fresh.refused = world.written, world.refused
    return fresh
