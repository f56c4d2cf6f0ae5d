"""What users wrote about encrypted volumes, as values. `config` makes them."""

from initpy.core.devices.names import DeviceSpec
from initpy.core.tuples import NamedTuple


class KeySpec(NamedTuple):
    """Where the user keeps the key of a volume: in the image, on a device, or in a program."""

    path: str = ""  # of the file; empty: the device's own bytes
    device: DeviceSpec | None = None  # None: the file is in the image
    types: tuple[str, ...] = ()  # the device's file system; empty: what udev finds
    offset: int = 0
    size: int = 0  # bytes; 0: all
    # Run with `path` as its argument, once `device` is there; what it prints is the key.
    program: str = ""
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
    """An encrypted volume that the user named, from either crypttab dialect or the command line."""

    source: DeviceSpec
    name: str  # of the mapping, /dev/mapper/NAME; empty: luks-UUID, whatever UUID it has
    key: KeySpec | None = None
    options: tuple[str, ...] = ()  # arguments of cryptsetup, already checked
    tries: int = 3  # wrong passphrases; 0 = no limit
    optional: bool = False  # nofail: the boot does not wait for it
    header: HeaderSpec | None = None  # detached
    kind: str = "luks"  # or "plain": cryptsetup's --type
    empty: bool = False  # the empty passphrase is tried before the user is asked
    headless: bool = False  # the user is never asked
    timeout: float = 0.0  # seconds for the user to answer; 0: for ever
    # From a line of crypttab that does not say that the initramfs needs the volume.
    listed: bool = False
    # It has to be this device, too: the command line names it so, and `source` is crypttab's word.
    also: DeviceSpec | None = None
    # It is opened beside others: that it is named does not mean that others are not wanted.
    beside: bool = False
    limit: float | None = 0.0  # seconds that its device may take at least; None: for ever
    # The path of a key file that counts if no key is named for it and the image has the file.
    usual_key: str = ""

    def called(self, uuid: str) -> "VolumeSpec":
        """The volume with the name that its mapping gets, now that its UUID is known."""
        return self if self.name else self._replace(name=f"luks-{uuid}")

    @property
    def unmarked(self) -> bool:
        """True when nothing on the device says that it is encrypted: its name has to do."""
        return self.header is not None or self.kind != "luks"
