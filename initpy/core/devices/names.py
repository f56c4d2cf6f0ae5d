"""How users name devices: `UUID=…`, `LABEL=…`, `/dev/…`, a place among others."""

import enum
import re
from collections.abc import Iterable
from typing import Generic, TypeVar

from initpy.core.devices.graph import LISTED, Device
from initpy.core.devices.marks import ROOT_NAME
from initpy.core.tuples import NamedTuple


class Naming(enum.Enum):
    """The ways a device is named; the value is the prefix, as in `root=UUID=…`."""

    UUID = "UUID"
    UUID_START = "UUID_START"  # the beginning of one, dracut's rd.luks.uuid=
    LABEL = "LABEL"
    PARTUUID = "PARTUUID"
    PARTLABEL = "PARTLABEL"
    PATH = "PATH"
    NUMBER = "NUMBER"  # MAJOR:MINOR, the kernel's root=0801
    EXPORT = "EXPORT"  # what a server exports, in the user's words
    GPT_AUTO = "gpt-auto"  # by its partition's type, see roles.py
    LISTED = "listed"  # in a form that a job file declares, for what a job lists

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


# udev encodes what is not printable in these properties, see string_escape in udev(7).
PROPERTY = {
    Naming.UUID: "ID_FS_UUID_ENC",
    Naming.LABEL: "ID_FS_LABEL_ENC",
    Naming.PARTUUID: "ID_PART_ENTRY_UUID",
    Naming.PARTLABEL: "ID_PART_ENTRY_NAME",
    Naming.EXPORT: ROOT_NAME,
}
# How their letters are written means nothing.
IN_ANY_CASE = (Naming.UUID, Naming.UUID_START, Naming.PARTUUID)
# These name a device by its place among others, which it alone does not show.
RELATIVE = (Naming.GPT_AUTO,)


def unescape(text: str) -> str:
    r"""Undo udev's `\x20` encoding of bytes; bytes that are no UTF-8 stay distinct (PEP 383)."""
    if "\\x" not in text:
        return text
    encoded = text.encode("utf-8", "surrogateescape")
    raw = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda code: bytes([int(code[1], 16)]), encoded)
    return raw.decode("utf-8", "surrogateescape")


_What = TypeVar("_What")
Shown = tuple[tuple[str, str], ...]  # properties and what each must be


def _shows(device: Device, wanted: Shown) -> bool:
    known = device.properties
    for key, value in wanted:
        other = value[1:-1] if value.startswith("{") and value.endswith("}") else ""
        expected = known.get(other) if other else value
        if expected is None or known.get(key) != expected:
            return False
    return True


class DeviceSpec(NamedTuple):
    """A device as users name it: `UUID=…`, `LABEL=…`, `/dev/…`."""

    naming: Naming
    value: str
    offset: int = 0  # of PARTUUID=…/PARTNROFF=n: so many partitions further on the same disk
    # In a form that a job file declares: of LISTED, properties of the device that is meant; of the
    # sets that are needed for it, also of PATH. All of one alternative must be so; "{PROPERTY}"
    # stands for another property of that device.
    shows: tuple[Shown, ...] = ()
    needs: tuple[Shown, ...] = ()

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
        if self.naming is Naming.LISTED:
            return device.kind is LISTED and any(_shows(device, each) for each in self.shows)
        if self.naming is Naming.UUID_START:
            uuid = device.properties.get(PROPERTY[Naming.UUID], "")
            return uuid.lower().startswith(self.value.lower())
        found = device.properties.get(PROPERTY[self.naming])
        if found is None:
            return False
        if self.naming in IN_ANY_CASE:
            return found.lower() == self.value.lower()
        return unescape(found) == self.value

    def is_needed(self, device: Device) -> bool:
        """True when this set leads to what is meant, as the job file declares it."""
        return any(_shows(device, each) for each in self.needs)

    def __str__(self) -> str:
        if self.naming in (Naming.PATH, Naming.NUMBER, Naming.EXPORT, Naming.LISTED):
            return self.value
        if self.naming is Naming.GPT_AUTO:
            return "a partition of the type for this machine's root (gpt-auto)"
        if self.naming is Naming.UUID_START:
            return f"UUID={self.value}…"
        offset = f"/PARTNROFF={self.offset}" if self.offset else ""
        return f"{self.naming.value}={self.value}{offset}"


class RootForm(NamedTuple):
    """A form of root= that names what a job lists; a path, without `shows`, names a block device.

    `*` in one of `forms` is the name; `shows` and `needs` are as in `DeviceSpec`, where `{name}`
    stands for the name, `{first}` for its part before the first slash, `{rest}` for what follows.
    `instead` has parameters that name it where root= is missing, such as `bootfs=*`.
    """

    forms: tuple[str, ...]
    shows: tuple[Shown, ...]
    needs: tuple[Shown, ...]
    instead: tuple[str, ...] = ()


def listed(text: str, name: str, shows: tuple[Shown, ...], needs: tuple[Shown, ...]) -> DeviceSpec:
    """The name of something that a job lists, written as `text`, in a form of a job file.

    In the values of `shows` and `needs`, `{name}` stands for the name, `{first}` for its part
    before the first slash, `{rest}` for what follows.
    """
    return DeviceSpec(Naming.LISTED, text, shows=_filled(shows, name), needs=_filled(needs, name))


def with_needs(spec: DeviceSpec, forms: Iterable[RootForm]) -> DeviceSpec:
    """The device of a path, with the sets that lead to it if a job file declares such paths."""
    if spec.naming is not Naming.PATH:
        return spec
    found = fitting(spec.value, (form for form in forms if not form.shows))
    return spec if found is None else spec._replace(needs=_filled(found[0].needs, found[1]))


def fitting(text: str, forms: Iterable[RootForm]) -> tuple[RootForm, str] | None:
    """The form that fits, and what stands in it for `*`; the exact ones go before the others."""
    known = tuple(forms)
    for whole in (True, False):
        for form in known:
            for each in form.forms:
                if ("*" in each) is not whole and (name := name_in(text, each)) is not None:
                    return form, name
    return None


def name_in(text: str, form: str) -> str | None:
    """What stands in a text for the `*` of a form, "" if it has none; None if it does not fit."""
    before, star, after = form.partition("*")
    if not star:
        return "" if text == form else None
    fits = text.startswith(before) and text.endswith(after)
    return text[len(before) : len(text) - len(after)] or None if fits else None


def _filled(alternatives: tuple[Shown, ...], name: str) -> tuple[Shown, ...]:
    first, slash, rest = name.partition("/")
    words = {"{name}": name, "{first}": first, "{rest}": slash + rest}
    return tuple(tuple((key, words.get(value, value)) for key, value in each)
                 for each in alternatives)  # fmt: skip


class SpecTable(Generic[_What]):
    """What belongs to names of devices; the cost to find it does not grow with their number."""

    __slots__ = ("_added", "_by_naming")

    def __init__(self, pairs: Iterable[tuple[DeviceSpec, _What]] = ()) -> None:
        self._by_naming: dict[Naming, dict[str, dict[int, _What]]] = {}
        self._added = 0
        for spec, what in pairs:
            self.add(spec, what)

    def add(self, spec: DeviceSpec, what: _What) -> None:
        """Have it found by the device that the name is of; a relative name is of none."""
        self._added += 1
        if not spec.relative:
            named = self._by_naming.setdefault(spec.naming, {})
            named.setdefault(_comparable(spec), {})[self._added] = what

    def remove(self, spec: DeviceSpec, what: _What) -> None:
        """Have it found no more."""
        named, value = self._by_naming.get(spec.naming, {}), _comparable(spec)
        left = {order: each for order, each in named.get(value, {}).items() if each != what}
        if left:
            named[value] = left
        else:
            named.pop(value, None)

    def of(self, device: Device) -> list[_What]:
        """What belongs to names of this device, in the order in which it was added."""
        found: dict[int, _What] = {}
        for naming, named in self._by_naming.items():
            for value in _values(device, naming):
                if value in named:
                    found |= named[value]
        return [found[order] for order in sorted(found)] if found else []

    def first(self, device: Device) -> _What | None:
        """The first of these, if any."""
        found = self.of(device)
        return found[0] if found else None


def _comparable(spec: DeviceSpec) -> str:
    return spec.value.lower() if spec.naming in IN_ANY_CASE else spec.value


def _values(device: Device, naming: Naming) -> Iterable[str]:
    """What the device is called in this way, comparable with a `DeviceSpec`."""
    known = device.properties
    if naming is Naming.PATH:
        return (device.node, *device.links)
    if naming is Naming.NUMBER:
        return (f"{known.get('MAJOR')}:{known.get('MINOR')}",)
    if naming is Naming.UUID_START:
        uuid = known.get(PROPERTY[Naming.UUID], "").lower()
        return (uuid[:length] for length in range(1, len(uuid) + 1))
    value = known.get(PROPERTY[naming])
    if value is None:
        return ()
    return (value.lower() if naming in IN_ANY_CASE else unescape(value),)
