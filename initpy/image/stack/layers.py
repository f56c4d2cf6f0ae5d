"""The stack below a root as a value: layers from the file system down to the bus, and its JSON.

A layer names its driver as the kernel or udev requests it, by an alias of modules.alias:
`fs-ext4`, `md-raid1`, `pci:v00001AF4d…`. This module knows no driver, so that it can describe
drivers of the future too.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from initpy.config.errors import InputError
from initpy.image.stack.bootlines import CommandLine

FORMAT = 1
# The fact of a layer that holds a key file: the name of the volume that the key opens.
KEY = "key"
# The same of a detached header: the name of the volume that is not opened without it.
HEADER_OF = "header of"
# The fact of a file system besides the root: its device, as the root's fstab names it.
SOURCE = "source"
# Its types and options there, separated by commas.
TYPES, FLAGS = "types in fstab", "options in fstab"
# The fact of a file system of a pool, such as ZFS's: its name there.
POOLED = "name in its pool"
# The fact of a device: others of the same name, each a line of udev's property and device.
TWINS = "others of its name"
# Facts of a btrfs: the path of its default subvolume, and of those that command lines name.
DEFAULT_SUBVOLUME, SUBVOLUMES = "default subvolume", "subvolumes"
# The mount point of the file system that has the changes of an overlay (runtime/overlays.py).
BACKING = "/run/overlayfs-backing"
# The fact of a layer that a hibernated system would be on: how the image names it.
RESUME = "resume"


class StackError(ValueError):
    """The root cannot be described; the text says why and what to type."""


class Kind(StrEnum):
    """The kind of a layer, as messages name it."""

    FILESYSTEM = "file system"
    LVM = "logical volume"
    LUKS = "LUKS"
    CRYPT = "dm-crypt"  # plain, BitLocker, VeraCrypt, …
    MAPPER = "device mapper"  # any other target
    MULTIPATH = "multipath"
    MD = "md"
    CONTAINER = "firmware RAID"
    LOOP = "loop"
    STACKED = "stacked device"  # bcache, drbd: a device with `slaves` in sysfs
    PARTITION = "partition"
    DISK = "disk"
    BUS = "bus"
    NETWORK = "network"
    TARGET = "target"  # of iSCSI or NVMe, which a login gets disks from
    KEYBOARD = "keyboard"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ask:
    """A driver that a layer needs, by alternative names.

    `names` are aliases or module names; the first one that the kernel knows decides. `using` are
    the modules that provide the driver on the described system, if known: the layer then needs
    exactly these. `works`: the driver works there, so that it is built in if no module exists.
    """

    names: tuple[str, ...]
    why: str
    using: tuple[str, ...] = ()
    works: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a stack.

    `identity` is unique in the stack; `on` are the identities directly below. `properties` are
    udev's, as job files match them. `facts` are for display: type, level, cipher.
    """

    identity: str
    kind: Kind
    name: str
    on: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    properties: tuple[tuple[str, str], ...] = ()

    def fact(self, name: str) -> str:
        """Return a fact; "" if it is not known."""
        return dict(self.facts).get(name, "")

    def property(self, name: str) -> str:
        """Return a udev property; "" if it is not set."""
        return dict(self.properties).get(name, "")


@dataclass(frozen=True, slots=True)
class Stack:
    """The file systems that a boot needs and all layers below, topmost first.

    `tops` are the identities of the file systems. `in_use` are the modules with a reference count
    on the described system. `unknown` lists what could not be determined there.
    """

    root: str  # as requested: /, UUID=…, /dev/sda2
    kernel: str  # the running one's release
    machine: str  # as `uname -m`
    tops: tuple[str, ...]
    layers: tuple[Layer, ...]
    in_use: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    cmdline: str = ""  # of the running kernel, if it booted this root
    hostname: str = ""  # of the described system, by its /etc/hostname
    # Of the boot loaders' configuration, see `commandlines`.
    command_lines: tuple[CommandLine, ...] = ()
    resume: str = ""  # the device with a hibernated system, by Debian's configuration
    # The running kernel is locked down, not by its command line: by Secure Boot.
    locked_down: bool = False
    # (module, version) of drivers that are loaded there and tell one.
    versions: tuple[tuple[str, str], ...] = ()
    # Where fstab mounts a file system of the boot loader, and nothing is mounted.
    unmounted: tuple[str, ...] = ()

    def layer(self, identity: str) -> Layer:
        """Return the layer of this identity. Raises KeyError."""
        return next(_found(identity, self.layers))

    def above(self, layer: Layer) -> tuple[Layer, ...]:
        """Return the layers directly above a layer."""
        return tuple(each for each in self.layers if layer.identity in each.on)

    def to_json(self) -> str:
        """Return the text of a stack file."""
        return json.dumps({"initpy-stack": FORMAT, **asdict(self)}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str) -> "Stack":
        """Read a stack file. Raises InputError with the file and the error."""
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


def without_resume(stack: Stack) -> Stack:
    """Return the stack without the layers that only a hibernated system is on."""
    needed: set[str] = set()
    waiting = [
        *stack.tops,
        *(each.identity for each in stack.layers if each.fact(KEY) or each.fact(HEADER_OF)),
    ]
    below = {each.identity: each.on for each in stack.layers}
    while waiting:
        identity = waiting.pop()
        if identity not in needed:
            needed.add(identity)
            waiting.extend(below[identity])
    return replace(stack, layers=tuple(each for each in stack.layers if each.identity in needed))


def role(point: str) -> tuple[tuple[str, str], ...]:
    """Return the mark that the engine sets on a file system that it mounts (core/goals)."""
    if point == "/":
        return (("INITPY_ROLE", "root"),)
    return (("INITPY_MOUNT", point),) if point else ()


def combined(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Merge layers of the same identity, with the asks of both."""
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
        hostname=_text(content.get("hostname", "")),
        command_lines=tuple(_command_line(each) for each in content.get("command_lines", ())),
        resume=_text(content.get("resume", "")),
        locked_down=bool(content.get("locked_down")),
        unmounted=_texts(content.get("unmounted", ())),
        versions=_pairs(content.get("versions", ())),
    )


def _command_line(content: dict[str, Any]) -> CommandLine:
    return CommandLine(
        _text(content["text"]),
        _text(content["origin"]),
        _text(content.get("kernel", "")),
        _texts(content.get("images", ())),
        _text(content.get("loader", "")),
        bool(content.get("in_use")),
        _text(content.get("release", "")),
        _text(content.get("imageless", "")),
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
