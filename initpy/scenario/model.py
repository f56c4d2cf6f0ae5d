"""The values of a scenario file: a machine, its disks, the user's input, faults, expectations.

They describe the world and not QEMU, so that the simulator can run the same file.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from zlib import crc32

from initpy.config.initramfstools import KEY_FILES, is_for_image, parameters, resume_of
from initpy.scenario.acts import Damage, Fault, Person, Syscall, Tool
from initpy.scenario.ibft import FirmwareTable
from initpy.scenario.servers import Nic, Server, Share

# Kinds of layers: arrays, and the containers of firmware RAID.
RAID = ("raid0", "raid1", "raid4", "raid5", "raid6", "raid10", "linear")
CONTAINERS = ("imsm", "ddf")
# Installed systems for roots, made by qemu/debian.sh.
SYSTEMS = (
    "debian-12", "debian-13", "debian-12-sysvinit", "debian-12-openrc", "debian-12-runit",
    "debian-12-loader", "debian-12-iscsi", "debian-12-nm", "debian-12-san", "debian-13-san",
    "debian-12-links", "debian-13-links", "debian-12-cloud", "debian-13-cloud",
)  # fmt: skip
CRYPTTAB = "/etc/crypttab"
DEFAULTS = "/etc/initpy/parameters"  # of the image, see initpy/config/settings.py
FSTAB = "/etc/fstab"  # its lines that have file systems checked
# What the kernel hook takes into an image from the configuration of its system.
OF_MACHINE = (CRYPTTAB, FSTAB, "/etc/mdadm/mdadm.conf", "/etc/hostname")
HOST_NAME = ("/etc/hostname", "debian\n")  # of an installed system
SWAPFILE = "/swapfile"
SHUTDOWNS = ("reboot", "poweroff", "halt")
AGAIN = ("soft-reboot", "kexec")
OWN_JOBS = "/etc/initpy/jobs/"  # the folder of the user's job files in the image
# The partition type of the ESP (Discoverable Partitions Specification).
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"


def world_wide_name(serial: str) -> str:
    """Return the WWN of a SCSI disk, 16 hexadecimal digits: the same on all paths to the disk."""
    return f"5000c500{crc32(serial.encode()):08x}"


class MachineKind(StrEnum):
    """The kind of machine for a scenario."""

    AUTO = "auto"  # User Mode Linux, unless the scenario needs hardware that it lacks
    QEMU = "qemu"
    UML = "uml"

    @property
    def in_words(self) -> str:
        """Return the name for display."""
        return {"qemu": "QEMU", "uml": "User Mode Linux"}.get(self.value, self.value)


class Outcome(StrEnum):
    """How a boot can end."""

    BOOTED = "booted"  # the real init ran and reported
    FAILED = "failed"  # the failure screen is up and the machine still waits
    SHELL = "shell"  # a shell in the initramfs
    REBOOTED = "rebooted"
    POWEROFF = "poweroff"  # before the real init ran
    HALTED = "halted"  # as rd.emergency=halt requests
    PANICKED = "panicked"  # a kernel panic, which no scenario expects
    NOTHING = "nothing"  # none of these within the time limit


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of the machine; `arrives` counts from the start of /init."""

    name: str
    size: int
    present: bool = True
    arrives: float | None = None
    bus: str = "virtio"
    copy_of: str = ""  # it has the content of this other disk
    image: str = ""  # not a disk of the machine: its content is this file in the image
    path_of: str = ""  # not a separate disk: another path to this one
    # Seconds until udev announces the disk; it announces its partitions at once.
    announced: float = 0.0
    rate: int | None = None  # bytes per second that it reads and writes; None: as fast as it can
    hangs: bool = False  # it says what it is, and answers no read: the kernel never shows it


class Loader(StrEnum):
    """The boot loader of a machine with several entries."""

    SYSTEMD_BOOT = "systemd-boot"  # counters in the names of its entries
    GRUB = "grub"  # counters in its environment block


@dataclass(frozen=True, slots=True)
class BootEntry:
    """An entry of the boot loader; the first with tries left is booted."""

    name: str
    cmdline: str  # these words follow the machine's
    tries: int | None = None  # None: the loader does not count its boots


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of a layer of kind `partitions`."""

    name: str
    size: int | None = None  # None: the rest of the disk
    label: str = ""
    uuid: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A file system of a ZFS pool; the ones above it are made too, without a mount point."""

    name: str  # without the pool's
    mountpoint: str = "legacy"
    canmount: str = "on"
    passphrase: str = ""  # it is encrypted, and the root of its encryption
    keyfile: str = ""  # in place of the passphrase: the path in the image that the dataset names
    holds: str = ""  # as of a layer
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of storage; the real tool creates it with the disks."""

    kind: str
    name: str
    on: tuple[str, ...]
    uuid: str = ""
    label: str = ""
    passphrase: str = ""
    keyfile: str = ""  # path in the image of a key that also opens the volume
    group: str = ""
    size: int | None = None
    type: str = ""  # of a logical volume, as in LVM_TYPES of the recipe
    metadata: str = ""
    homehost: str = "any"  # "<none>": the array's name has no host in it
    renamed: str = ""  # LVM: the group's name in the end, which another group may have
    system_id: str = ""  # LVM: the system that owns the group, as its first volume says
    # The state of an array: "degraded", "dirty", "stale" (its disks are reused); of a file system:
    # with "errors" that fsck corrects, or "spoilt", which needs a manual fsck; of a volume group,
    # as its first volume says: "exported", "shared", "clustered", or "skipped": its volumes have
    # the flag "activation skip".
    left: str = ""
    inodes: int = 0  # ext2, ext3, ext4: empty files, which a check has to read
    parts: tuple[Partition, ...] = ()
    datasets: tuple[Dataset, ...] = ()  # of a ZFS pool
    volumes: tuple[tuple[str, int], ...] = ()  # of a ZFS pool: names and sizes, for layers above
    # ZFS: the system with this id used the pool last, and did not export it; "": it is exported.
    host_id: str = ""
    bootfs: str = ""  # ZFS: the dataset that the pool's property names
    # "root": the test system, "usr": its /usr, "var": the /var of an installed one
    holds: str = ""
    system: str = ""  # an installed system in place of the test system, as in SYSTEMS
    files: tuple[tuple[str, str], ...] = ()  # extra files on the file system
    programs: tuple[str, ...] = ()  # extra programs there, with their libraries
    profile: str = ""  # of a btrfs on several devices
    log: tuple[str, ...] = ()  # those of a ZFS pool's devices that have its log
    subvolume: str = ""  # btrfs: the subvolume for the content
    subvolumes: tuple[str, ...] = ()  # btrfs: further ones, empty unless the content goes there
    default: bool = False  # it is the default subvolume
    header: str = ""  # the place of a detached LUKS header: a disk, or "file system:/path"
    argon2: tuple[int, int] | None = None  # KiB and passes of argon2id; None: cheap pbkdf2
    # LUKS2: as cryptsetup's --cipher and --integrity; "" for the usual, without integrity
    cipher: str = ""
    integrity: str = ""
    hash: str = ""  # LUKS: of the key's derivation, as cryptsetup's --hash
    swapfile: int | None = None  # ext4: the size of a swap file, SWAPFILE; None for none


@dataclass(frozen=True, slots=True)
class Expectation:
    """The expected result of a boot."""

    outcome: Outcome
    within: float
    console: tuple[re.Pattern[str], ...] = ()
    never: tuple[re.Pattern[str], ...] = ()
    facts: tuple[tuple[str, re.Pattern[str]], ...] = ()
    unchanged: tuple[str, ...] = ()  # disks without any write
    second: tuple[re.Pattern[str], ...] = ()  # like `console`, for the second console


@dataclass(frozen=True, slots=True)
class Variant:
    """The differences of the image from the generic one."""

    without: tuple[str, ...] = ()  # excluded drivers
    jobs: tuple[str, ...] = ()  # additional job files of jobs/extra
    compression: str = ""  # "": the default
    microcode: bool = False  # with an archive of microcode
    host: str = ""  # host-only: the scenario with the recorded stack to build it for
    minimal: bool = False  # host-only by the recipe `minimal`, without keyboards
    own: tuple[tuple[str, str], ...] = ()  # job files of the scenario with an [image] table
    hostname: str = ""  # of the machine; "": a portable image
    made: str = ""  # "hook": by the kernel hook in the scenario's installed system


@dataclass(frozen=True, slots=True)
class Recipe:
    """The input for creating the disks; the cache's key is a hash of this and of the tools."""

    disks: tuple[tuple[str, int], ...]
    layers: tuple[Layer, ...]
    keys: tuple[tuple[str, str], ...]  # key files of encrypted layers, with their content
    kernel: str = ""  # release of the kernel whose modules an installed system has


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
    slow: bool = False  # only in the full matrix
    damages: tuple[Damage, ...] = ()
    tools: tuple[Tool, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()  # time limits of jobs, by name
    variant: Variant = Variant()  # of the image
    second: bool = False  # with a second console
    chance: tuple[tuple[str, float], ...] = ()  # for the simulator only, by the names of CHANCES
    # Firmware starts systemd-boot and a unified kernel image from the first ESP; otherwise the
    # machine starts kernel and image directly.
    uefi: bool = False
    nics: tuple[Nic, ...] = ()
    servers: tuple[Server, ...] = ()
    restarts: bool = False  # a restart does not end the boot; the disks keep their content
    machine: MachineKind = MachineKind.AUTO
    # Once booted, the real system hibernates to this swap device, or to SWAPFILE of its root; the
    # machine then restarts.
    hibernates: str = ""
    syscalls: tuple[Syscall, ...] = ()
    entries: tuple[BootEntry, ...] = ()
    loader: Loader = Loader.SYSTEMD_BOOT
    boots: int = 1  # how many times it boots, each after a clean power-off
    # What the real system is asked for once it has reported, one of SHUTDOWNS; "": it just ends.
    shutdown: str = ""
    step_timeout: float = 0.0  # of the shutdown, in seconds; 0: systemd's default
    again: str = ""  # how an installed system starts once more before it reports, one of AGAIN
    ibft: FirmwareTable | None = None  # of the firmware, which has booted from an iSCSI target
    shares: tuple[Share, ...] = ()
    nbft: FirmwareTable | None = None  # of the firmware, which has booted from an NVMe namespace

    @property
    def system(self) -> str:
        """Return the installed system of the root; "" for the test system."""
        return next((layer.system for layer in self.layers if layer.system), "")

    @property
    def name(self) -> str:
        """Return the file's name without its suffix, which logs and tests use."""
        return self.path.stem

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the passphrases and keys, which must not be readable anywhere."""
        passphrases = {layer.passphrase for layer in self.layers} - {""}
        passphrases |= {each.passphrase for layer in self.layers for each in layer.datasets} - {""}
        return tuple(sorted(passphrases | {content for _, content in self.recipe().keys}))

    @property
    def has_server_machine(self) -> bool:
        """True if the machine's servers run on one of their own."""
        return any(each.on_a_machine for each in self.servers)

    def server_of(self, disk: str) -> Server | None:
        """Return the server that has the disk; None for a disk of the machine."""
        return next((each for each in self.servers if disk in each.serves), None)

    def recipe(self) -> Recipe:
        """Return the part of the scenario that determines the content of the disks."""
        named = {layer.keyfile for layer in self.layers if layer.keyfile}
        named |= {each.keyfile for layer in self.layers for each in layer.datasets} - {""}
        files = (*self.files, *(file for layer in self.layers for file in layer.files))
        return Recipe(
            tuple((disk.name, disk.size) for disk in self.disks if not disk.path_of),
            self.layers,
            tuple((path, content) for path, content in files if path in named),
        )


def as_carried(scenario: Scenario) -> Scenario:
    """Return the scenario with all files of its image: the hook takes some from the real system.

    Without a visible root the hook takes all lines of crypttab; root's lines open the same volumes
    by the same names.
    """
    if not scenario.variant.made:
        return scenario
    own = dict(file for layer in scenario.layers if layer.system for file in layer.files)
    taken = {path: text for path, text in (HOST_NAME, *own.items()) if path in OF_MACHINE}
    table, hook = own.get(CRYPTTAB, ""), own.get(KEY_FILES, "")
    of_volumes = {*re.findall(r"keyscript=(/[^,\s]+)", table)}
    of_volumes |= {path for path in own if path in table.split() and is_for_image(path, hook)}
    taken |= {path: own[path] for path in of_volumes if path in own}
    if text := parameters(resume_of(own)):
        taken[DEFAULTS] = text
    return replace(scenario, files=tuple((taken | dict(scenario.files)).items()))
