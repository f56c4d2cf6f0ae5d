"""What the user asked for, as values: root, timers, policies, volumes. `config` makes them."""

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from initpy.core.devices.names import DeviceSpec, Naming, RootForm
from initpy.core.layer import Layer
from initpy.core.tuples import NamedTuple
from initpy.core.volumes import VolumeSpec

if TYPE_CHECKING:  # imported where the user asks for a network
    from initpy.core.netsettings import NetworkSettings


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


class Counting(NamedTuple):
    """The boot loader counts the boots of its entry until one is called good (R25)."""

    left: int | None  # tries that the entry has after this boot; None: it is not known
    done: int | None = None  # boots of the entry, this one included; None: it is not known
    by: str = ""  # what says so, for messages


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
    """What the user said about LVM volume groups, besides the names that `LayerPolicy` holds."""

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


class ExtraMount(NamedTuple):
    """A file system that is mounted below the root before the handover: /usr, say."""

    target: str  # as the real system sees it
    source: DeviceSpec
    types: tuple[str, ...] = ()  # empty: what udev found
    flags: tuple[str, ...] = ()
    checked: bool = False  # fstab asks for it to be checked before (R19)
    limit: float | None = 0.0  # seconds that its device may take at least; None: for ever


class OtherCheck(NamedTuple):
    """A file system that only the real system mounts, and that its fstab has checked before."""

    target: str  # as the real system sees it
    source: DeviceSpec


class Overlay(NamedTuple):
    """Changes to the root go to memory, or to a disk; the file system below stays as it is."""

    by: str  # the parameter that asks for it, for messages
    source: DeviceSpec | None = None  # None: memory
    options: tuple[str, ...] = ()  # of the file system in memory
    readonly: bool = False  # the changes on the device count, and new ones go to memory
    reset: bool = False  # earlier changes on the device are removed
    usr_only: bool = False  # of root only /usr is seen, the rest is empty memory
    encrypted: DeviceSpec | None = None  # the volume that `source` is the mapping of


class ImageFile(NamedTuple):
    """The root is in a file of another file system; `Settings.root` is the loop device then."""

    host: DeviceSpec
    path: str  # on the host file system, absolute
    mount: RootMount  # of the host file system


RESUME_SECONDS = 10.0
LOCATION = "HibernateLocation"  # the variable of the firmware that systemd writes


class Resume(NamedTuple):
    """Where a hibernated system may be (R20): swap, or a swap file on a file system."""

    source: DeviceSpec
    offset: int = 0  # pages from the device's start to the swap file's header; 0: all of it is swap
    by: str = "resume="  # what names it, for messages
    seconds: float | None = RESUME_SECONDS  # that root waits for the device; None: for ever
    default: bool = False  # the image says so; the firmware's variable knows it better


class Settings(NamedTuple):
    """Everything that decides a boot besides the events."""

    root: DeviceSpec | None = None
    # Why root is left alone: a parameter that keeps root from being written to, and that is not
    # understood. Empty: it is not.
    refusal: str = ""
    unread: str = ""  # what is wrong with the parameter that names root, where there is no `root`
    mount: RootMount = RootMount()
    image: ImageFile | None = None
    usr: ExtraMount | None = None  # mount.usr=, else what the root's fstab says
    fstab: bool = True  # root's own fstab counts
    overlay: Overlay | None = None
    resume: Resume | None = None
    may_resume: bool = True  # False: the user forbids what the firmware's variable may ask for
    # What the programs that check file systems are told, in the words of fsck(8); None: not run.
    check: tuple[str, ...] | None = ("-a",)
    # What the machine's fstab has checked besides root, as of the image's making.
    other_checks: tuple[OtherCheck, ...] = ()
    boot_partition: str | None = None  # PARTUUID, where the firmware's variables tell (gpt-auto)
    init: str | None = None
    root_wait: float | None = 90.0  # seconds; None = for ever
    grace: float = 10.0  # seconds after the last hold ends (R6)
    layers: Mapping[Layer, LayerPolicy] = MappingProxyType({})
    switched_off: frozenset[str] = frozenset()  # parameters that a job file names as `switch`
    switched_on: frozenset[str] = frozenset()  # parameters that a job file names in `with`
    # How sources of these types in fstab name what jobs list, as job files declare it.
    listed_types: Mapping[str, tuple[RootForm, ...]] = MappingProxyType({})
    patience: Mapping[str, float] = MappingProxyType({})  # seconds, by parameter of a job file
    volumes: tuple[VolumeSpec, ...] = ()
    # What parameters say of volumes that nothing names: their key and options.
    unnamed: VolumeSpec = VolumeSpec(DeviceSpec(Naming.PATH, ""), "")
    # Lines of crypttab that parameters leave out, because they name other volumes.
    left_out: tuple[VolumeSpec, ...] = ()
    # Key files of the image that nothing names, by the name of the mapping they are for: those in
    # cryptsetup-keys.d, and the usual one of mkinitcpio.
    key_files: Mapping[str, str] = MappingProxyType({})
    # Paths of key files that the user named in the image and that are not there.
    absent_keys: frozenset[str] = frozenset()
    network: "NetworkSettings | None" = None  # None: nothing asks for one
    lvm: GroupPolicy = GroupPolicy()
    md_timeout: float = 30.0
    md_degraded: Degraded = Degraded.YES
    shell: bool = True
    emergency: Emergency = Emergency.WAIT
    emergency_delay: float = 0.0
    counting: Counting | None = None
    may_count: bool = True  # False: what the firmware's variable says of it does not matter
    keymap: str = ""  # of prompts; "": the machine's own
    font: str = ""  # of the console; "": the machine's own
    quiet: bool = False
    breaks: frozenset[BreakPoint] = frozenset()
    debug: bool = False

    @property
    def narrowed(self) -> bool:
        """True when parameters or crypttab name some of what leads to a device, and so not all."""
        return bool(self.volumes) or any(each.named for each in self.layers.values())

    def layer(self, layer: Layer) -> LayerPolicy:
        """The policy of a technology; enabled for all when nothing was said."""
        return self.layers.get(layer, FOR_ALL)
