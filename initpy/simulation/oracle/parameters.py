"""What users ask for on the command line and in crypttab, as the oracle reads it.

A parser of its own, so that the oracle cannot share a mistake with initpy/config. It reads what
random worlds and found cases say; of a word that it does not know it only notes that it may decide
(`unclear`), and nothing that hangs on root is judged then.
"""

import re
from collections.abc import Callable, Iterator

from initpy.scenario.model import Scenario
from initpy.simulation.oracle.crypttab import entries_of, is_on, key_of, refine
from initpy.simulation.oracle.wishes import UUID, Key, Name, Volume, Wishes, name_of

GPT_AUTO = "/dev/gpt-auto-root"  # a link of systemd's that users may name as root
GRACE = 10.0  # seconds after each hold, R6
EMERGENCY_SECONDS = 10.0  # to read the screen, where panic= does not say
COUNTED_SECONDS = 60.0  # the same of a boot that the loader counts, to press a key
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
        entries = list(entries_of(table)) if self.table else []
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
                refine(volume, options)
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
    reader.keys[uuid] = key_of(text)


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
    refine(volume, options)
    reader.arch.append(volume)


def _table(reader: _Reader, _: str, value: str | None) -> None:
    reader.table = is_on(value)


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
        if not is_on(value):
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
    "bootdegraded": _set("md_degraded", lambda value: "yes" if is_on(value) else "no"),
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
