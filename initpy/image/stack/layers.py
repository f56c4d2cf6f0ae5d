"""What a root stands on, as a value: layers from the file system down to the bus, JSON in and out.

A layer says by which names the kernel or udev asks for its driver, in the words of
modules.alias(5): `fs-ext4`, `md-raid1`, `pci:v00001AF4d…`. Nothing here knows a driver; one that
nobody has heard of yet is described in the same way.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from initpy.config.errors import InputError

FORMAT = 1
# The fact of a layer that a key file is on: the name of the volume which it opens.
KEY = "key"


class StackError(ValueError):
    """The root stands on nothing that could be described; the text says why and what to do."""


class Kind(StrEnum):
    """What a layer is, for people and for what depends on it."""

    FILESYSTEM = "file system"
    LVM = "logical volume"
    LUKS = "LUKS"
    CRYPT = "dm-crypt"  # plain, BitLocker, VeraCrypt, …
    MAPPER = "device mapper"  # any other target
    MULTIPATH = "multipath"
    MD = "md"
    CONTAINER = "firmware RAID"
    LOOP = "loop"
    STACKED = "stacked device"  # bcache, drbd: a device that names what it stands on
    PARTITION = "partition"
    DISK = "disk"
    BUS = "bus"
    NETWORK = "network"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ask:
    """A driver that a layer needs, by the names under which it may be known.

    The first of `names` (aliases or module names) that the kernel knows is what counts; any
    module that bears it serves. `using` are the modules that do it on the described system,
    where that could be seen: then it is these that are needed. `works`: it was seen at work there,
    so that without a module it is built in.
    """

    names: tuple[str, ...]
    why: str
    using: tuple[str, ...] = ()
    works: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One thing that the root stands on.

    `identity` is unique in the stack; `on` are the identities below. `properties` are udev's, as
    job files match them. `facts` are for people: type, level, cipher.
    """

    identity: str
    kind: Kind
    name: str
    on: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()

    def fact(self, name: str) -> str:
        """One of the facts; "" if it is not known."""
        return dict(self.facts).get(name, "")

    def property(self, name: str) -> str:
        """One of udev's properties; "" if it is not there."""
        return dict(self.properties).get(name, "")


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything below the file systems that a boot needs, those on top first.

    `tops` are the identities of the file systems; `in_use` the modules that something held on the
    described system; `unknown` says in sentences what could not be found out there.
    """

    root: str  # as it was asked for: /, UUID=…, /dev/sda2
    kernel: str  # the running one's release
    machine: str  # as `uname -m`
    tops: tuple[str, ...]
    layers: tuple[Layer, ...]
    in_use: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    cmdline: str = ""  # of the running kernel, where this root is what it booted

    def layer(self, identity: str) -> Layer:
        """The layer of this identity. Raises KeyError."""
        return next(_found(identity, self.layers))

    def above(self, layer: Layer) -> tuple[Layer, ...]:
        """What stands directly on a layer."""
        return tuple(each for each in self.layers if layer.identity in each.on)

    def to_json(self) -> str:
        """The text of a stack file."""
        return json.dumps({"initpy-stack": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Stack":
        """Read a stack file. Raises InputError naming the file and what is wrong."""
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(where, str(error), "the JSON of a stack") from None
        if not isinstance(content, dict) or content.pop("initpy-stack", None) != FORMAT:
            raise InputError(where, text[:40], "the output of `initpy check --describe`")
        try:
            stack = _stack(content)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(where, f"{type(error).__name__}: {error}", "a whole stack") from None
        _check(stack, where)
        return stack


def combined(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Layers without doubles: one that is reached twice counts once, asks of both included."""
    found: dict[str, Layer] = {}
    for layer in layers:
        before = found.get(layer.identity)
        if before is None:
            found[layer.identity] = layer
        else:
            asks = tuple(dict.fromkeys((*before.asks, *layer.asks)))
            found[layer.identity] = replace(before, asks=asks)
    return tuple(found.values())


def _found(identity: str, layers: Iterable[Layer]) -> Iterator[Layer]:
    found = [each for each in layers if each.identity == identity]
    if not found:
        raise KeyError(identity)
    return iter(found)


def _check(stack: Stack, where: str) -> None:
    known = {layer.identity for layer in stack.layers}
    named = {*stack.tops, *(below for layer in stack.layers for below in layer.on)}
    for identity in sorted(named - known):
        raise InputError(where, identity, "the identity of one of the layers")
    if not stack.tops:
        raise InputError(where, "tops", "at least one file system")


def _stack(content: dict[str, Any]) -> Stack:
    return Stack(
        root=_text(content["root"]),
        kernel=_text(content["kernel"]),
        machine=_text(content["machine"]),
        tops=_texts(content["tops"]),
        layers=tuple(_layer(each) for each in content["layers"]),
        in_use=_texts(content.get("in_use", ())),
        unknown=_texts(content.get("unknown", ())),
        cmdline=_text(content.get("cmdline", "")),
    )


def _layer(content: dict[str, Any]) -> Layer:
    return Layer(
        identity=_text(content["identity"]),
        kind=Kind(content["kind"]),
        name=_text(content["name"]),
        on=_texts(content.get("on", ())),
        asks=tuple(_ask(each) for each in content.get("asks", ())),
        facts=_pairs(content.get("facts", ())),
        properties=_pairs(content.get("properties", ())),
    )


def _ask(content: dict[str, Any]) -> Ask:
    names = _texts(content["names"])
    if not names:
        raise ValueError("an ask without names")
    using = _texts(content.get("using", ()))
    return Ask(names, _text(content["why"]), using, bool(content.get("works")))


def _pairs(content: Any) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(value)) for name, value in content)


def _texts(content: Any) -> tuple[str, ...]:
    if not isinstance(content, list | tuple):
        raise TypeError(f"{content!r} is no list")
    return tuple(_text(each) for each in content)


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError(f"{content!r} is no text")
    return content
