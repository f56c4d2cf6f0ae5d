"""What a boot is asked for, as the oracle understands the command line and crypttab."""

import re
from dataclasses import dataclass, field

NAMINGS = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
BY_ID = "/dev/disk/by-id/virtio-"  # before the name of a disk of the scenario
UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@dataclass(frozen=True, slots=True)
class Name:
    """A device as users name it; `how` is PATH for a path, empty where the oracle cannot tell."""

    how: str
    value: str

    def __str__(self) -> str:
        return self.value if self.how in ("PATH", "") else f"{self.how}={self.value}"


@dataclass(frozen=True, slots=True)
class Key:
    """Where the key of a volume is; `odd` where the oracle does not follow it."""

    path: str = ""
    device: Name | None = None
    odd: bool = False


@dataclass(slots=True)
class Volume:
    """An encrypted volume that users name."""

    source: Name
    name: str  # of the mapping
    key: Key | None = None
    tries: int = 3  # 0: no limit
    optional: bool = False  # the boot does not wait for it
    headless: bool = False  # no user is asked
    odd: bool = False  # it has options that the oracle does not follow
    header: Key | None = None  # where its header is, if that is detached


@dataclass(slots=True)
class Wishes:
    """All that users ask for, as far as the oracle judges by it."""

    root: Name = Name("", "gpt-auto")
    root_wait: float | None = 90.0
    flags: tuple[str, ...] = ()  # of the mount
    types: tuple[str, ...] = ()  # of root's file system; empty: what udev finds
    md_timeout: float = 30.0
    md_degraded: str = "yes"  # or "no", "ask"
    lvm_timeout: float = 30.0
    hinted: frozenset[str] = frozenset()  # volume groups that paths name
    off: set[str] = field(default_factory=set)  # of md, lvm, luks
    named: set[str] = field(default_factory=set)  # of md, lvm: only what is named counts
    volumes: list[Volume] = field(default_factory=list)
    end_after: float | None = None  # the boot ends so long after a failure; None: it goes on
    resume: Name | None = None  # where a hibernated system may be
    counted: bool = False  # the boot loader counts the boot
    unclear: list[str] = field(default_factory=list)  # words that may decide, and how is not known

    def volume(self, uuid: str) -> Volume | None:
        """What is said of the volume with this UUID."""
        for each in self.volumes:
            if each.source.how == "UUID" and each.source.value.lower() == uuid:
                return each
        return None

    def volume_on(self, disk: str) -> Volume | None:
        """What is said of the volume on a whole disk, by the path of that."""
        return next((each for each in self.volumes if each.source.value == f"{BY_ID}{disk}"), None)


def name_of(text: str) -> Name:
    """The device that a text names."""
    prefix, separator, value = text.partition("=")
    if separator and prefix.upper() in NAMINGS:
        return Name(prefix.upper(), _unescaped(value.strip("\"'")))
    for how in NAMINGS:
        folder = f"/dev/disk/by-{how.lower()}/"
        if text.startswith(folder):
            return Name(how, _unescaped(text.removeprefix(folder)))
    return Name("PATH" if text.startswith("/dev/") else "", text)


def _unescaped(text: str) -> str:
    r"""Undo udev's `\x20` for a blank."""
    return re.sub(r"\\x([0-9a-fA-F]{2})", lambda code: chr(int(code[1], 16)), text)
