"""How users name devices: `UUID=…`, `LABEL=…`, `/dev/…`, a place among others."""

import enum
import re
from typing import NamedTuple

from initpy.core.devices.graph import Device


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
    """A device as users name it: `UUID=…`, `LABEL=…`, `/dev/…`."""

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
