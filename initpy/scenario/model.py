"""What a scenario file says, as values: a machine, its disks, people, faults and expectations.

It describes the world, never QEMU, so that a simulator can run the same file.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zlib import crc32

# Kinds of layers: arrays, and the containers of firmware RAID that arrays stand on.
RAID = ("raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "linear")
CONTAINERS = ("imsm", "ddf")
OWN_JOBS = "/etc/initpy/jobs/"  # where people's own job files are in the image
# The type of the partition that UEFI firmware boots from (Discoverable Partitions Specification).
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"


def world_wide_name(serial: str) -> str:
    """The WWN of a SCSI disk, 16 hexadecimal digits: the same by all paths to the disk."""
    return f"5000c500{crc32(serial.encode()):08x}"


class MachineKind(StrEnum):
    """What a scenario is booted in."""

    AUTO = "auto"  # User Mode Linux, unless the scenario needs what it lacks
    QEMU = "qemu"
    UML = "uml"

    @property
    def in_words(self) -> str:
        """For users."""
        return {"qemu": "QEMU", "uml": "User Mode Linux"}.get(self.value, self.value)


class Outcome(StrEnum):
    """How a boot can end."""

    BOOTED = "booted"  # the real init ran and reported
    FAILED = "failed"  # the failure screen is up and the machine still waits
    SHELL = "shell"  # a shell in the initramfs
    REBOOTED = "rebooted"
    POWEROFF = "poweroff"  # without the real init having run
    HALTED = "halted"  # the machine stands still, as rd.emergency=halt asks for
    PANICKED = "panicked"  # never expected by a scenario of ours, but it must have a name
    NOTHING = "nothing"  # none of these within the time allowed


class Deed(StrEnum):
    """What a fault does to the machine."""

    PLUG = "plug"
    UNPLUG = "unplug"
    CTRL_ALT_DEL = "ctrl-alt-del"
    KILL_ENGINE = "kill-engine"
    STOP_ENGINE = "stop-engine"
    CONTINUE_ENGINE = "continue-engine"
    KILL_UDEVD = "kill-udevd"
    KILL_UDEV_WORKERS = "kill-udev-workers"
    FREEZE = "freeze"  # a disk answers no request from now on
    THAW = "thaw"
    STORM = "storm"  # a disk is announced as changed some hundred times
    FILL_RUN = "fill-run"
    EMPTY_RUN = "empty-run"
    SIGNAL_INIT = "signal-init"
    CARRIER_ON = "carrier-on"  # the cable of a network card
    CARRIER_OFF = "carrier-off"
    SERVER_UP = "server-up"
    SERVER_DOWN = "server-down"


# What the simulator may be told of chance: the seed, after which event the engine dies, and how
# probable each kind of mischief is.
CHANCES = (
    "seed", "crash-after", "late", "doubled", "reordered", "lost", "tool-fails", "tool-hangs",
    "tool-killed", "engine-dies", "udevd-dies",
)  # fmt: skip
# Done by the machine itself; the others need the lab's agent in the guest.
NETWORK_DEEDS = (Deed.CARRIER_ON, Deed.CARRIER_OFF, Deed.SERVER_UP, Deed.SERVER_DOWN)
MACHINE_DEEDS = (Deed.PLUG, Deed.UNPLUG, Deed.CTRL_ALT_DEL, *NETWORK_DEEDS)
SIMULATED_DEEDS = (Deed.FREEZE, Deed.THAW)  # see feasible.simulated_only()
AGENT_DEEDS = tuple(deed for deed in Deed if deed not in (*MACHINE_DEEDS, *SIMULATED_DEEDS))


class Way(StrEnum):
    """How a tool misbehaves."""

    FAILS = "fails"  # with exit status 1, having done nothing
    HANGS = "hangs"  # for ever, deaf to SIGTERM
    KILLED = "killed"  # having done nothing
    MUTE = "mute"  # it does its work, and is killed before it has said so
    RESTART = "restart"  # it does its work, and asks for a restart if that was a correction (fsck)
    UNFINISHED = "unfinished"  # mdadm is killed once it has taken in a member of another host's
    UNKILLABLE = "unkillable"  # it waits in the kernel ("D" in ps(1)): SIGKILL does not end it


class SystemCall(StrEnum):
    """A system call of process 1 that can fail."""

    SPAWN_UDEVD = "spawn-udevd"
    FORK_ENGINE = "fork-engine"
    INOTIFY = "inotify"  # by which it learns that udevd is idle
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of the machine; `arrives` counts from the start of /init."""

    name: str
    size: int
    present: bool = True
    arrives: float | None = None
    bus: str = "virtio"
    copy_of: str = ""  # has the content of this other disk
    image: str = ""  # not a disk of the machine: its content is this file of the image
    path_of: str = ""  # is no disk of its own but another path to this one
    # udev tells of the disk itself so long after it is there, and of its partitions at once.
    announced: float = 0.0


@dataclass(frozen=True, slots=True)
class Times:
    """When something is there, in seconds after the start of /init; it may go and come back."""

    up: float | None = 0.0  # 0: from the start; None: never
    down: float | None = None
    back: float | None = None

    def changes(self) -> tuple[tuple[float, bool], ...]:
        """When it comes (True) and goes after the start, in order."""
        found = [] if not self.up else [(self.up, True)]
        found += [] if self.down is None else [(self.down, False)]
        return tuple(found if self.back is None else [*found, (self.back, True)])


@dataclass(frozen=True, slots=True)
class Nic:
    """A network card; `carrier` is when its cable is plugged in."""

    name: str  # the kernel's: eth0, eth1, in the file's order
    carrier: Times = Times()
    lease: float | None = None  # seconds that the DHCP server takes to answer; None: there is none


@dataclass(frozen=True, slots=True)
class Server:
    """A storage server on the network of a card; when it is not up, connections are refused."""

    name: str
    kind: str  # nbd, iscsi, nfs
    serves: tuple[str, ...]  # disks of the scenario, which are not in the machine then
    nic: str
    address: str
    port: int
    times: Times = Times()
    target: str = ""  # iSCSI: the qualified name


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of a layer of kind `partitions`."""

    name: str
    size: int | None = None  # None: the rest of the disk
    label: str = ""
    uuid: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of storage, made by the real tool when the disks are made."""

    kind: str
    name: str
    on: tuple[str, ...]
    uuid: str = ""
    label: str = ""
    passphrase: str = ""
    keyfile: str = ""  # the path in the image of the key that also opens a LUKS volume
    group: str = ""
    size: int | None = None
    type: str = ""  # of a logical volume, as in LVM_TYPES of the recipe
    metadata: str = ""
    homehost: str = "any"
    # How an array is left: "degraded", "dirty", "stale" (its disks used anew); a file system with
    # "errors" that a check corrects, or "spoilt" so that it asks a person.
    left: str = ""
    parts: tuple[Partition, ...] = ()
    holds: str = ""  # "root": the test system, "usr": its /usr
    files: tuple[tuple[str, str], ...] = ()  # further files on the file system
    programs: tuple[str, ...] = ()  # further programs there, with their libraries
    profile: str = ""  # of a btrfs over several devices
    subvolume: str = ""  # of a btrfs: where what it holds is
    default: bool = False  # that subvolume is what is mounted when none is named
    header: str = ""  # where a detached LUKS header is: a disk, or "file system:/path"
    argon2: tuple[int, int] | None = None  # KiB and passes of argon2id; None: pbkdf2, cheap


@dataclass(frozen=True, slots=True)
class Cue:
    """When something is done: at a time after the start of /init, or some time after a text."""

    at: float | None = None
    when: re.Pattern[str] | None = None
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """Something typed at the console; what the same person does is done in the file's order."""

    cue: Cue
    text: str
    pace: float = 0.0  # seconds between the keys
    second: bool = False  # at the machine's second console
    name: str = ""  # people of different names do not wait for each other


@dataclass(frozen=True, slots=True)
class Fault:
    """Something done to the machine."""

    cue: Cue
    deed: Deed
    argument: str = ""  # a disk, a signal; whatever the deed takes


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that misbehaves the first times it is called with a word among its arguments."""

    program: str
    way: Way
    times: int
    arguments: str = ""
    ends: float | None = None  # unkillable: it ends after so many seconds all the same; None: never


@dataclass(frozen=True, slots=True)
class Syscall:
    """A system call of process 1 that fails some times, for want of memory."""

    call: SystemCall
    fails: int
    skip: int = 0  # so many succeed before


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes written over a disk's content before the machine is switched on."""

    disk: str
    at: int  # negative: from the end
    data: bytes


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be true in the end."""

    outcome: Outcome
    within: float
    console: tuple[re.Pattern[str], ...] = ()
    never: tuple[re.Pattern[str], ...] = ()
    facts: tuple[tuple[str, re.Pattern[str]], ...] = ()
    unchanged: tuple[str, ...] = ()  # disks that nothing may have been written to
    second: tuple[re.Pattern[str], ...] = ()  # like `console`, at the second one


@dataclass(frozen=True, slots=True)
class Variant:
    """How the image differs from the generic one."""

    without: tuple[str, ...] = ()  # drivers that it lacks
    jobs: tuple[str, ...] = ()  # job files of jobs/extra that it has as well
    compression: str = ""  # another than the usual one
    microcode: bool = False  # it begins with an archive of microcode
    host: str = (
        ""  # it is for one machine: the scenario whose root's recorded stack it is made from
    )
    minimal: bool = False  # and nobody types there
    own: tuple[tuple[str, str], ...] = ()  # job files of the scenario that say what they need


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the disks are made from; the cached disks are keyed by this and the tools."""

    disks: tuple[tuple[str, int], ...]
    layers: tuple[Layer, ...]
    keys: tuple[tuple[str, str], ...]  # key files that LUKS layers name, with their content


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario file."""

    path: Path
    title: str
    requirements: tuple[str, ...]
    memory: int
    cmdline: str
    disks: tuple[Disk, ...]
    layers: tuple[Layer, ...]
    files: tuple[tuple[str, str], ...]
    people: tuple[Person, ...]
    faults: tuple[Fault, ...]
    expect: Expectation
    slow: bool = False  # only run with the full matrix
    damages: tuple[Damage, ...] = ()
    tools: tuple[Tool, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()  # time limits of jobs, by name
    variant: Variant = Variant()  # of the image
    second: bool = False  # there is a second console
    chance: tuple[tuple[str, float], ...] = ()  # for the simulator alone, by the names of CHANCES
    # Starts systemd-boot and a unified kernel image from the first ESP; otherwise the machine
    # starts kernel and image by itself.
    uefi: bool = False
    nics: tuple[Nic, ...] = ()
    servers: tuple[Server, ...] = ()
    restarts: bool = False  # after a restart it goes on, with the disks as they are then
    machine: MachineKind = MachineKind.AUTO
    syscalls: tuple[Syscall, ...] = ()

    @property
    def name(self) -> str:
        """The file's name without its ending, by which logs and tests call the scenario."""
        return self.path.stem

    @property
    def secrets(self) -> tuple[str, ...]:
        """What opens a volume and must not be readable anywhere."""
        passphrases = {layer.passphrase for layer in self.layers} - {""}
        return tuple(sorted(passphrases | {content for _, content in self.recipe().keys}))

    def server_of(self, disk: str) -> Server | None:
        """The server that has the disk; None for one of the machine's own."""
        return next((each for each in self.servers if disk in each.serves), None)

    def recipe(self) -> Recipe:
        """The part of the scenario that the content of the disks depends on."""
        named = {layer.keyfile for layer in self.layers if layer.keyfile}
        files = (*self.files, *(file for layer in self.layers for file in layer.files))
        return Recipe(
            tuple((disk.name, disk.size) for disk in self.disks if not disk.path_of),
            self.layers,
            tuple((path, content) for path, content in files if path in named),
        )
