"""What people asked for, as values: root, timers, policies, volumes. `config` makes them."""

import enum
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from initpy.core.devices.graph import Device
from initpy.core.machine.definitions import Layer


class Naming(enum.Enum):
    """The ways a device is named; the value is the prefix, as in `root=UUID=…`."""

    UUID = "UUID"
    LABEL = "LABEL"
    PARTUUID = "PARTUUID"
    PARTLABEL = "PARTLABEL"
    PATH = "PATH"
    NUMBER = "NUMBER"  # MAJOR:MINOR, the kernel's root=0801
    GPT_AUTO = "gpt-auto"  # by its partition's type, see roles.py

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


# udev encodes what is not printable in these properties, see string_escape in udev(7).
PROPERTY = {
    Naming.UUID: "ID_FS_UUID_ENC",
    Naming.LABEL: "ID_FS_LABEL_ENC",
    Naming.PARTUUID: "ID_PART_ENTRY_UUID",
    Naming.PARTLABEL: "ID_PART_ENTRY_NAME",
}
# These name a device by its place among others, which it alone does not show.
RELATIVE = (Naming.GPT_AUTO,)


UNIQUE_LINKS = (
    "/dev/disk/by-uuid/",
    "/dev/disk/by-partuuid/",
    "/dev/disk/by-id/md-uuid-",
)


def unescape(text: str) -> str:
    r"""Undo udev's `\x20` encoding of bytes; bytes that are no UTF-8 stay distinct (PEP 383)."""
    if "\\x" not in text:
        return text
    encoded = text.encode("utf-8", "surrogateescape")
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda code: bytes([int(code[1], 16)]), encoded)
    return raw.decode("utf-8", "surrogateescape")


class DeviceSpec(NamedTuple):
    """A device as people name it: `UUID=…`, `LABEL=…`, `/dev/…`."""

    naming: Naming
    value: str
    offset: int = 0  # of PARTUUID=…/PARTNROFF=n: so many partitions further on the same disk

    @property
    def relative(self) -> bool:
        """True when the device alone does not show whether it is meant."""
        return self.offset != 0 or self.naming in RELATIVE

    def names(self, device: Device) -> bool:
        """True when this device is the one meant."""
        if self.naming is Naming.PATH:
            return self.value == device.node or self.value in device.links
        if self.naming is Naming.NUMBER:
            known = device.properties
            return self.value == f"{known.get('MAJOR')}:{known.get('MINOR')}"
        if self.relative:
            return False
        found = device.properties.get(PROPERTY[self.naming])
        if found is None:
            return False
        if self.naming in (Naming.UUID, Naming.PARTUUID):
            return found.lower() == self.value.lower()
        return unescape(found) == self.value

    @property
    def is_unique(self) -> bool:
        """True for a name that no other host's device has, as a label or `/dev/sda1` may have."""
        if self.naming is Naming.PATH:
            return self.value.startswith(UNIQUE_LINKS)
        return self.naming in (Naming.UUID, Naming.PARTUUID)

    def __str__(self) -> str:
        if self.naming in (Naming.PATH, Naming.NUMBER):
            return self.value
        if self.naming is Naming.GPT_AUTO:
            return "a partition of the type for this machine's root (gpt-auto)"
        offset = f"/PARTNROFF={self.offset}" if self.offset else ""
        return f"{self.naming.value}={self.value}{offset}"


class KeySpec(NamedTuple):
    """Where people keep the key of a volume: in the image, on a device, or in a program."""

    path: str = ""  # of the file; empty: the device's own bytes
    device: DeviceSpec | None = None  # None: the file is in the image
    types: tuple[str, ...] = ()  # the device's file system; empty: what udev finds
    offset: int = 0
    size: int = 0  # bytes; 0: all
    program: str = ""  # run with `path` as its argument; what it prints is the key
    timeout: float = 0.0  # seconds for the device to come; 0: as long as the volume is locked

    def __str__(self) -> str:
        if self.program:
            return f"the key script {self.program}"
        if self.device is None:
            return f"the key file {self.path}"
        return f"the key file {self.path} on {self.device}" if self.path else f"{self.device}"


class HeaderSpec(NamedTuple):
    """Where the header of a volume is that does not carry it itself."""

    path: str = ""  # of the file; empty: the device is the header
    device: DeviceSpec | None = None  # None: the file is in the image

    def __str__(self) -> str:
        if self.device is None:
            return self.path
        return f"{self.path} on {self.device}" if self.path else str(self.device)


class VolumeSpec(NamedTuple):
    """One encrypted volume that people named, from either crypttab dialect or the command line."""

    source: DeviceSpec
    name: str  # of the mapping, /dev/mapper/NAME
    key: KeySpec | None = None
    options: tuple[str, ...] = ()  # arguments of cryptsetup, already checked
    tries: int = 3  # wrong passphrases; 0 = no limit
    optional: bool = False  # nofail: the boot does not wait for it
    header: HeaderSpec | None = None  # detached
    kind: str = "luks"  # or "plain": cryptsetup's --type
    empty: bool = False  # the empty passphrase is tried before people are asked
    headless: bool = False  # people are never asked
    timeout: float = 0.0  # seconds for people to answer; 0: for ever

    @property
    def unmarked(self) -> bool:
        """True when nothing on the device says that it is encrypted: its name has to do."""
        return self.header is not None or self.kind != "luks"


class Degraded(enum.Enum):
    """Whether an array may start without its missing members (R8)."""

    YES = "yes"
    NO = "no"
    ASK = "ask"


class Emergency(enum.Enum):
    """What a final failure leads to when there is no shell (R24)."""

    WAIT = "wait"
    REBOOT = "reboot"
    POWEROFF = "poweroff"
    HALT = "halt"


class BreakPoint(enum.Enum):
    """Where a boot can be stopped for a shell; the value is for the journal."""

    START = "start"
    MOUNT = "mount"
    HAND_OVER = "handover"

    __hash__ = object.__hash__


class LayerPolicy(NamedTuple):
    """Whether a technology is used, and for which names only (none named: for all)."""

    enabled: bool = True
    named: frozenset[str] = frozenset()
    by: str = ""  # the parameter that named or disabled it, for messages


FOR_ALL = LayerPolicy()


class GroupPolicy(NamedTuple):
    """What people said about LVM volume groups, besides the names that `LayerPolicy` holds."""

    hinted: frozenset[str] = frozenset()  # groups that root= or resume= name
    volumes: frozenset[str] = frozenset()  # VG/LV: of these groups only these
    timeout: float = 30.0  # seconds that an incomplete group waits
    mode: str = ""  # complete, degraded or partial; empty: as lvm.conf says
    configured: bool = True  # False: lvm.conf and the devices file do not count


class RootMount(NamedTuple):
    """How root is mounted: `rootfstype=`, `rootflags=`, `ro`/`rw`."""

    types: tuple[str, ...] = ()  # empty: what udev found
    flags: tuple[str, ...] = ()
    writable: bool = False


class FurtherMount(NamedTuple):
    """A file system that is mounted below the root before the handover: /usr, say."""

    target: str  # as the real system sees it
    source: DeviceSpec
    types: tuple[str, ...] = ()  # empty: what udev found
    flags: tuple[str, ...] = ()
    checked: bool = False  # fstab asks for it to be checked before (R19)


class Overlay(NamedTuple):
    """Changes to the root go to memory, or to a disk; the file system below stays as it is."""

    by: str  # the parameter that asks for it, for messages
    source: DeviceSpec | None = None  # None: memory


class ImageFile(NamedTuple):
    """The root is in a file of another file system; `Settings.root` is the loop device then."""

    host: DeviceSpec
    path: str  # on the host file system, absolute
    mount: RootMount  # of the host file system


class Settings(NamedTuple):
    """Everything that decides a boot besides the events."""

    root: DeviceSpec | None = None
    mount: RootMount = RootMount()
    image: ImageFile | None = None
    usr: FurtherMount | None = None  # mount.usr=, else what the root's fstab says
    overlay: Overlay | None = None
    # What the programs that check file systems are told, in the words of fsck(8); None: not run.
    check: tuple[str, ...] | None = ("-a",)
    boot_partition: str | None = None  # PARTUUID, where the firmware's variables tell (gpt-auto)
    init: str | None = None
    root_wait: float | None = 90.0  # seconds; None = for ever
    grace: float = 10.0  # seconds after the last hold ends (R6)
    layers: Mapping[Layer, LayerPolicy] = MappingProxyType({})
    switched_off: frozenset[str] = frozenset()  # parameters that a job file names as `switch`
    volumes: tuple[VolumeSpec, ...] = ()
    # Key files in cryptsetup-keys.d of the image, by the name of the mapping they are for.
    key_files: Mapping[str, str] = MappingProxyType({})
    lvm: GroupPolicy = GroupPolicy()
    md_timeout: float = 30.0
    md_degraded: Degraded = Degraded.YES
    shell: bool = True
    emergency: Emergency = Emergency.WAIT
    emergency_delay: float = 0.0
    quiet: bool = False
    breaks: frozenset[BreakPoint] = frozenset()
    debug: bool = False

    def layer(self, layer: Layer) -> LayerPolicy:
        """The policy of a technology; enabled for all when nothing was said."""
        return self.layers.get(layer, FOR_ALL)

    def volume(self, device: Device) -> VolumeSpec | None:
        """The specification that people gave for this encrypted device, if any."""
        return next((each for each in self.volumes if each.source.names(device)), None)
