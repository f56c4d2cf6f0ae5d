"""What is on the disks before the boot: superblocks, headers, tables, file systems. Never changed.

A `Place` is room for bytes: a disk, a partition, the inside of an array or of an opened volume. Its
`content` says what the place holds, and has further places inside. One plan serves any number of
runs; what a run changes on the disks is kept in its world.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

NO_HOST = "<none>"  # an array whose name has no host in it (HOMEHOST in mdadm.conf(5))


def homehost_digits(host: str) -> str:
    """The second half of a 0.90 array's UUID: a hash of its host (init_super0, match_home0)."""
    digest = hashlib.sha1(host.encode(), usedforsecurity=False).digest()
    return digest[3::-1].hex() + digest[7:3:-1].hex()


@dataclass(slots=True, eq=False)
class Place:
    """Room for bytes, and what is in it."""

    name: str
    size: int  # bytes
    content: "Content | None" = None
    stale: "Member | None" = None  # a superblock at its end that is left from before
    damages: list[str] = field(default_factory=list)  # what cannot be read any more
    # What udev (libblkid) says of it and the links that come of that: found out once.
    probed: tuple[Mapping[str, str], frozenset[str]] | None = None


@dataclass(slots=True, eq=False)
class DiskPlan:
    """A disk of the machine."""

    name: str
    place: Place
    bus: str
    present: bool
    serial: str
    wwn: str = ""  # of a disk with several paths
    announced: float = 0.0  # seconds that udev takes for the disk itself, beyond the usual
    slot: int = 0  # of the PCI bus, where the machine has nothing but such disks; 0: not modelled
    probed: tuple[Mapping[str, str], frozenset[str]] | None = None


@dataclass(slots=True, eq=False)
class FileSystem:
    """A file system, over several devices if it is a btrfs."""

    kind: str
    uuid: str
    label: str
    holds: str  # "root", "usr" or ""
    files: Mapping[str, str]
    on: tuple[Place, ...]
    subvolume: str = ""
    subvolumes: tuple[str, ...] = ()  # others
    default: bool = False  # that subvolume is mounted when none is named
    profile: str = ""
    left: str = ""  # with "errors" that a check mends, or "spoilt" so that it asks a person
    check: float = 0.0  # seconds that a slow disk takes for a check of all of it
    system: str = ""  # installed there, in place of the test system
    journal: Place | None = None  # a device of its own, for the log of an xfs as well
    images: dict[str, Place] = field(default_factory=dict)  # files that hold a file system
    headers: dict[str, "VolumePlan"] = field(default_factory=dict)  # files that are LUKS headers


@dataclass(slots=True, eq=False)
class ArrayPlan:
    """An md array as its superblocks describe it."""

    name: str
    level: str
    uuid: str  # 32 hexadecimal digits
    metadata: str  # 0.90, 1.0, 1.1, 1.2, imsm, ddf
    homehost: str
    on: tuple[Place, ...]
    inside: Place
    minor: int = 127  # preferred, of metadata 0.90
    dirty: bool = False
    degraded: bool = False  # recorded: the last member has failed
    container: "ArrayPlan | None" = None  # firmware metadata: the disks are its members
    volumes: list["ArrayPlan"] = field(default_factory=list)  # of a container

    @property
    def set_name(self) -> str:
        """The name in the superblock, with the host's; 0.90 has its number instead."""
        if self.metadata == "0.90":
            return str(self.minor)
        plain = self.homehost == NO_HOST or self.container is not None or self.level == "container"
        return self.name if plain else f"{self.homehost}:{self.name}"

    @property
    def spread(self) -> str:
        """The UUID as mdadm writes it: four groups of eight."""
        return ":".join(self.uuid[at : at + 8] for at in range(0, 32, 8))


@dataclass(slots=True, eq=False)
class Member:
    """A place is one of an array's members."""

    array: ArrayPlan
    slot: int


@dataclass(slots=True, eq=False)
class VolumePlan:
    """An encrypted volume."""

    name: str
    kind: str  # luks1, luks2, plain
    uuid: str
    secrets: tuple[bytes, ...]
    on: Place
    inside: Place
    seconds: float  # of key derivation on one try
    memory: int = 0  # KiB that the derivation needs
    detached: bool = False
    label: str = ""
    integrity: bool = False  # authenticated encryption: dm-integrity keeps the tags of its sectors


@dataclass(slots=True, eq=False)
class Header:
    """The place begins with the LUKS header of a volume: its own, or a detached one."""

    volume: VolumePlan


@dataclass(slots=True, eq=False)
class PhysicalPlan:
    """A physical volume of LVM; also the content of its place."""

    group: "GroupPlan"
    uuid: str
    on: Place
    free: int  # bytes, while the volumes are laid out
    device: str = ""  # where it was when the group was made, as the metadata notes it


@dataclass(slots=True, eq=False)
class LogicalPlan:
    """A logical volume."""

    name: str
    type: str
    uuid: str
    inside: Place
    needs: tuple[PhysicalPlan, ...]


@dataclass(slots=True, eq=False)
class GroupPlan:
    """A volume group."""

    name: str
    uuid: str
    physical: list[PhysicalPlan] = field(default_factory=list)
    volumes: list[LogicalPlan] = field(default_factory=list)
    system_id: str = ""  # of the system that owns it
    left: str = ""  # exported, shared, clustered, skipped


@dataclass(slots=True, eq=False)
class PartPlan:
    """A partition."""

    inside: Place
    uuid: str
    type: str
    label: str
    start: int  # sectors
    scheme: str = "gpt"  # as `Table.kind`


@dataclass(slots=True, eq=False)
class Table:
    """A partition table."""

    uuid: str  # of an MBR the disk identifier
    parts: tuple[PartPlan, ...]
    kind: str = "gpt"  # or "dos", as libblkid calls an MBR


@dataclass(slots=True, eq=False)
class JointPlan:
    """A bcache device: a backing disk and its cache."""

    backing: Place
    cache: Place
    inside: Place
    uuid: str


@dataclass(slots=True, eq=False)
class Joined:
    """A place is one of the two disks of a bcache."""

    joint: JointPlan
    uuid: str


@dataclass(slots=True, eq=False)
class JournalPlan:
    """A place is the journal of a file system on another device."""

    kind: str  # as blkid calls it: jbd, xfs_external_log
    uuid: str


@dataclass(slots=True, eq=False)
class DatasetPlan:
    """A file system of a ZFS pool."""

    name: str  # with the pool's
    mountpoint: str
    canmount: str
    encryption: str  # the dataset whose key it needs; "": it is not encrypted
    keylocation: str
    secret: bytes
    inside: Place  # with its content


@dataclass(slots=True, eq=False)
class PoolPlan:
    """A ZFS pool; also the content of each of its disks."""

    name: str
    guid: str  # decimal
    on: tuple[Place, ...]
    profile: str
    datasets: list[DatasetPlan]
    host_id: str  # of the system that used it last and did not export it
    bootfs: str  # with the pool's name
    volumes: tuple[Place, ...] = ()  # block devices of their own
    logs: tuple[Place, ...] = ()  # those of `on` that have the log

    @property
    def data(self) -> tuple[Place, ...]:
        """Its disks without those that have only the log."""
        return tuple(each for each in self.on if each not in self.logs)


Content = FileSystem | Member | Header | PhysicalPlan | Table | Joined | JournalPlan | PoolPlan
