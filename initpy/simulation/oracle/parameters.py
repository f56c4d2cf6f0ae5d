"""What users ask for on the command line and in crypttab, as the oracle reads it.

A parser of its own, so that the oracle cannot share a mistake with initpy/config. It reads what
random worlds and found cases say; of a word that it does not know it only notes that it may decide
(`unclear`), and nothing that hangs on root is judged then.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from initpy.scenario.model import Scenario

NAMINGS = ("UUID", "LABEL", "PARTUUID", "PARTLABEL")
GPT_AUTO = "/dev/gpt-auto-root"  # a link of systemd's that users may name as root
BY_ID = "/dev/disk/by-id/virtio-"  # before the name of a disk of the scenario
UNIQUE_LINKS = ("/dev/disk/by-uuid/", "/dev/disk/by-partuuid/", "/dev/disk/by-id/md-uuid-")
UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
GRACE = 10.0  # seconds after each hold, R6
EMERGENCY_SECONDS = 10.0  # to read the screen, where panic= does not say
COUNTED_SECONDS = 60.0  # the same of a boot that the loader counts, to press a key
FALSE = ("0", "no", "false", "off", "n")
NO_KEY = ("", "none", "-")
SHARED = ("nbd", "iscsi", "virtiofs", "9p")
# Parameters that decide what root is, or what is opened, in ways that the oracle does not follow.
UNFOLLOWED = (
    "loop", "mount.usr", "rd.overlay", "rd.live.overlay.overlayfs", "overlayroot", "luks.data",
    "systemd.volatile", "rd.luks.partuuid", "rd.luks.data", "cryptopts", "crypto", "cryptkey",
    "rd.live.overlay", "rd.overlay.crypt", "rd.auto", "rd.fstab", "systemd.gpt-auto", "roothash",
    "rd.live.image", "rd.writable.fsimg", "boot",
)  # fmt: skip
# Beginnings of root= for a root of a server or of the hypervisor; /dev/root may be one.
SERVED = ("/dev/root", "/dev/nfs", "/dev/nfs4", "nfs", "nfs4", "dhcp", "dhcp6", *SHARED)


@dataclass(frozen=True, slots=True)
class Name:
    """A device as users name it; `how` is PATH for a path, empty where the oracle cannot tell."""

    how: str
    value: str

    @property
    def unique(self) -> bool:
        """Whether no other host's device has this name."""
        return self.how in ("UUID", "PARTUUID") or (
            self.how == "PATH" and self.value.startswith(UNIQUE_LINKS)
        )

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


def wishes_of(scenario: Scenario) -> Wishes:
    """Read the command line and the image's crypttab."""
    reader = _Reader()
    defaults = dict(scenario.files).get("/etc/initpy/parameters", "")
    for key, value in (*_words(defaults), *_words(scenario.cmdline)):
        if (read := READERS.get(key)) is not None:
            read(reader, key, value)
        elif key in UNFOLLOWED:
            reader.wishes.unclear.append(key)
    return reader.finished(dict(scenario.files).get("/etc/crypttab", ""))


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


def _words(text: str) -> Iterator[tuple[str, str | None]]:
    for quoted in re.findall(r'(?:[^\s"]|"[^"]*")+', text):
        word = re.sub('^"(.*)"$', r"\1", quoted)
        if word == "--":  # what follows is for the real init
            return
        key, separator, value = word.partition("=")
        value = re.sub('^"(.*)"$', r"\1", value)  # quotes within it stay
        yield key.replace("_", "-"), value if separator else None


class _Reader:
    """The command line while it is read; the last word of each kind counts."""

    def __init__(self) -> None:
        self.wishes = Wishes()
        self.waits: dict[str, float] = {}
        self.names: dict[str, str] = {}  # UUID -> mapping, "" for the usual one
        self.keys: dict[str, Key] = {}  # UUID, or "" for all
        self.options: dict[str, str] = {}
        self.arch: list[Volume] = []
        self.table, self.noresume = True, False
        self.panic, self.emergency = 0, False

    def finished(self, table: str) -> Wishes:
        """What all words and the table come to."""
        wishes = self.wishes
        if self.panic or self.emergency:
            wishes.end_after = abs(self.panic) if self.panic > 0 else EMERGENCY_SECONDS
        elif wishes.counted:
            wishes.end_after = COUNTED_SECONDS
        if self.waits:
            waits = self.waits.values()
            wishes.root_wait = None if 0.0 in waits else max(waits)
        entries = list(_entries(table)) if self.table else []
        wishes.volumes = [*self.arch, *self._volumes(entries)]
        wishes.hinted = frozenset(_groups(wishes))
        if not self.names and ("" in self.keys or "" in self.options):
            wishes.unclear.append("a key or options of no volume in particular")
        return wishes

    def _volumes(self, entries: list[Volume]) -> Iterator[Volume]:
        """UUIDs on the command line leave of the table only theirs (systemd's rule)."""
        if not self.names:
            yield from entries
        for uuid, name in self.names.items():
            same = [each for each in entries if each.source == Name("UUID", uuid)]
            same = same or [each for each in entries if each.name == f"luks-{uuid}"]
            for each in same[:1]:
                each.source = Name("UUID", uuid)
            volume = same[0] if same else Volume(Name("UUID", uuid), f"luks-{uuid}")
            usual = self.options.get("") if not same else None
            options = self.options.get(uuid, usual)
            if options is not None:
                _refine(volume, options)
            # Whether a line with a path is for it shows when the device is there.
            volume.odd = volume.odd or (not same and any(
                each.source.how != "UUID" for each in entries))  # fmt: skip
            volume.name = name or volume.name
            volume.key = self.keys.get(uuid, self.keys.get("")) or volume.key
            yield volume


def _seconds(value: str | None) -> float | None:
    text = value or ""
    if text == "infinity":
        return 0.0
    number = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
    parts = re.fullmatch(rf"(?:({number})h)?(?:({number})min)?(?:({number})s?)?", text)
    if not text or parts is None:
        return None
    pairs = zip(parts.groups(), (3600.0, 60.0, 1.0), strict=True)
    return sum(float(each) * unit for each, unit in pairs if each)


def _on(value: str | None) -> bool:
    return value is None or value.lower() not in FALSE


def _key(text: str) -> Key:
    """`/path`, `/path:DEVICE`, `DEVICE:/path`; anything else is odd."""
    if text.startswith("/dev/") and ":/" not in text:
        return Key("", name_of(text), odd=True)  # bytes of a device
    path, separator, device = text.partition(":")
    if path.startswith("/") and not path.startswith("/dev/"):
        name = name_of(device)
        return Key(path, name if separator else None, odd=bool(separator) and not name.how)
    before, _, after = text.rpartition(":/")
    name = name_of(before)
    return Key(f"/{after}", name, odd=not name.how or ":" in after)


def _refine(volume: Volume, options: str) -> None:
    """Options of crypttab(5) that change who opens the volume, and how often."""
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name == "tries" and value.isdecimal():
            volume.tries = int(value)
        elif name == "nofail":
            volume.optional = True
        elif name == "header":
            volume.header = _key(value) if ":" in value else Key(value)
        elif name == "headless":
            volume.headless = _on(value or None)
        elif name not in ("luks", "initramfs", "discard", "quiet", "none", "swap"):
            volume.odd = True


def _entries(table: str) -> Iterator[Volume]:
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        name, source, key, options, *_ = *fields, "none", ""
        words = {each.partition("=")[0] for each in options.split(",")}
        left = "noauto" in words and not words & {"initramfs", "x-initrd.attach"}
        made = words & {"swap", "tmp"} and "initramfs" not in words  # Debian's makes nothing anew
        if left or made or key in ("/dev/urandom", "/dev/random"):
            continue
        if not name_of(source).how or "/" in name:
            continue  # malformed, and reported
        volume = Volume(name_of(source), name, None if key in NO_KEY else _key(key))
        _refine(volume, options)
        yield volume


def _groups(wishes: Wishes) -> Iterator[str]:
    """The volume groups that the paths of root and of encrypted volumes name."""
    mappings = {f"/dev/mapper/{each.name}": each.source for each in wishes.volumes}
    root = wishes.root
    while root.how == "PATH" and root.value in mappings:
        root = mappings.pop(root.value)
    if root.how != "PATH":
        return
    paths = [root, *(each.source for each in wishes.volumes)]
    for path in {each.value for each in paths if each.how == "PATH"}:
        found = re.fullmatch(r"/dev/mapper/((?:[^-]|--)+)-((?:[^-]|--)+)", path)
        if found is not None and path not in mappings:
            yield found[1].replace("--", "-")
        words = path.removeprefix("/dev/").split("/")
        if len(words) == 2 and words[0] not in ("mapper", "md", "disk", "bcache", "block"):
            yield words[0]


# One reader a parameter

Read = Callable[[_Reader, str, str | None], None]


def _root(reader: _Reader, key: str, value: str | None) -> None:
    reader.wishes.root = Name("", value) if value == GPT_AUTO else name_of(value or "")
    host = re.match("[^/=]+:/", value or "")  # of an export
    if host or (value or "").partition(":")[0] in SERVED:
        reader.wishes.unclear.append(key)


def _resume(reader: _Reader, key: str, value: str | None) -> None:
    """`noresume` counts wherever it stands."""
    reader.noresume = reader.noresume or key == "noresume"
    reader.wishes.resume = None if reader.noresume or not value else name_of(value)


def _wait(reader: _Reader, key: str, value: str | None) -> None:
    seconds = 0.0 if (key, value) == ("rootwait", None) else _seconds(value)
    if seconds is not None:
        reader.waits[key] = seconds


def _volume(reader: _Reader, _: str, value: str | None) -> None:
    text = (value or "").removeprefix("luks-").removeprefix("UUID=").lower()
    if re.fullmatch(UUID, text):
        reader.names.setdefault(text, "")
    elif re.fullmatch("[0-9a-f-]{2,35}", text):
        reader.wishes.unclear.append("the beginning of a UUID")


def _named_volume(reader: _Reader, _: str, value: str | None) -> None:
    uuid, _, name = (value or "").partition("=")
    if re.fullmatch(UUID, uuid) and name and "/" not in name:
        reader.names[uuid.lower()] = name


def _key_of_volume(reader: _Reader, _: str, value: str | None) -> None:
    uuid, text = _of_volume(value)
    reader.keys[uuid] = _key(text)


def _options_of_volume(reader: _Reader, _: str, value: str | None) -> None:
    uuid, text = _of_volume(value)
    reader.options[uuid] = text


def _of_volume(value: str | None) -> tuple[str, str]:
    """`UUID=TEXT`, or a text for all volumes."""
    first, separator, rest = (value or "").partition("=")
    if separator and re.fullmatch(UUID, first):
        return first.lower(), rest
    return "", value or ""


def _crypt_device(reader: _Reader, _: str, value: str | None) -> None:
    source, name, options, *_rest = *(value or "").split(":", 2), "", ""
    volume = Volume(name_of(source), name)
    _refine(volume, options)
    reader.arch.append(volume)


def _table(reader: _Reader, _: str, value: str | None) -> None:
    reader.table = _on(value)


def _panic(reader: _Reader, _: str, value: str | None) -> None:
    if re.fullmatch("-?[0-9]+", value or ""):
        reader.panic = int(value or 0)


def _emergency(reader: _Reader, _: str, value: str | None) -> None:
    reader.emergency = value in ("reboot", "poweroff", "halt")


def _set(name: str, read: Callable[[str | None], object]) -> Read:
    def reader(draft: _Reader, _: str, value: str | None) -> None:
        if (found := read(value)) is not None:
            setattr(draft.wishes, name, found)

    return reader


def _switch(name: str) -> Read:
    def reader(draft: _Reader, _: str, value: str | None) -> None:
        draft.wishes.off.discard(name)
        if not _on(value):
            draft.wishes.off.add(name)

    return reader


def _only(name: str) -> Read:
    return lambda reader, _, __: reader.wishes.named.add(name)


def _types(value: str | None) -> tuple[str, ...]:
    return tuple(each for each in (value or "").split(",") if each not in ("", "auto"))


def _root_types(reader: _Reader, key: str, value: str | None) -> None:
    reader.wishes.types = _types(value)
    if set(reader.wishes.types) & set(SERVED):  # root= has a tag then
        reader.wishes.unclear.append(key)


def _policy(value: str | None) -> str:
    return value if value in ("yes", "no", "ask") else "no"  # what writes least


def _flags(reader: _Reader, _: str, value: str | None) -> None:
    reader.wishes.flags += tuple((value or "").split(","))


READERS: dict[str, Read] = {
    "root": _root,
    "rootfstype": _root_types,
    **dict.fromkeys(("resume", "noresume"), _resume),
    "rootflags": _flags,
    **dict.fromkeys(("rootwait", "rootdelay", "rd.timeout", "rd.retry"), _wait),
    "panic": _panic,
    "initpy.tries": _set("counted", lambda value: (value or "").isdecimal()),
    "rd.emergency": _emergency,
    "rd.md.timeout": _set("md_timeout", _seconds),
    "rd.md.degraded": _set("md_degraded", _policy),
    "bootdegraded": _set("md_degraded", lambda value: "yes" if _on(value) else "no"),
    "rd.lvm.timeout": _set("lvm_timeout", _seconds),
    "rd.md": _switch("md"),
    "rd.lvm": _switch("lvm"),
    **dict.fromkeys(("rd.luks", "luks"), _switch("luks")),
    "rd.md.uuid": _only("md"),
    **dict.fromkeys(("rd.lvm.vg", "rd.lvm.lv", "rd.lvm.activationmode"), _only("lvm")),
    **dict.fromkeys(("rd.luks.uuid", "luks.uuid"), _volume),
    **dict.fromkeys(("rd.luks.name", "luks.name"), _named_volume),
    **dict.fromkeys(("rd.luks.key", "luks.key"), _key_of_volume),
    **dict.fromkeys(("rd.luks.options", "luks.options"), _options_of_volume),
    **dict.fromkeys(("rd.luks.crypttab", "luks.crypttab"), _table),
    "cryptdevice": _crypt_device,
}
