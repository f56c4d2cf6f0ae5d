"""What names an NBD export on the command line and in a lease, and options of nbd-client.

dracut.cmdline(7): SERVER:PORT-OR-EXPORT[:TYPE[:MOUNT-OPTIONS[:CLIENT-OPTIONS]]]. README of Debian's
nbd-client: SERVER:/EXPORT, SERVER:PORT/EXPORT, SERVER/EXPORT, SERVER,EXPORT[,DEVICE], an IPv6
server in brackets; its script says what a slash belongs to. The options are those of nbd-client(8),
with commas between them; the hyphen before a word may be left out.
"""

import re
from collections.abc import Iterable

from initpy.core import netfields as fields
from initpy.core.netsettings import NbdRoot
from initpy.core.tuples import NamedTuple

FORM = "nbd:SERVER:EXPORT[:TYPE[:MOUNT-OPTIONS[:CLIENT-OPTIONS]]], an IPv6 server in brackets"
DEBIAN_FORM = "SERVER:/EXPORT or SERVER:PORT/EXPORT, an IPv6 server in brackets"
COMMA_FORM = "SERVER,EXPORT or SERVER,EXPORT,DEVICE with a device such as nbd0"
PORT = 10809  # IANA
DEVICE = re.compile(r"(/dev/nbd[0-9]{1,3})(p[0-9]{1,3})?")
FLAGS = ("persist", "swap", "readonly", "enable-tls", "no-optgo")
NUMBERS = {"timeout": range(1 << 31), "connections": range(1, 256)}  # seconds; their count
SIZES = ("512", "1024", "2048", "4096")
FILES = ("certfile", "keyfile", "cacertfile")
HOST = "tlshostname"
ALIASES = {"bs": "block-size"}
# Over netlink nbd-client ends once the device is connected, and the kernel tells of no loss.
AGAIN = ("-persist", "-nonetlink")
KNOWN = "persist, swap, readonly, no-optgo, timeout=SECONDS, connections=NUMBER, block-size=BYTES"
KNOWN += ", enable-tls, tlshostname=NAME, certfile=, keyfile= or cacertfile= with a path"


class NbdNameError(ValueError):
    """It names no export, or has no option of nbd-client; the message says what was expected."""


class Export(NamedTuple):
    """An export and how the file system on it is mounted."""

    root: NbdRoot
    types: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def export(text: str) -> Export:
    """Return the export that the text after `nbd:` names. Raises NbdNameError."""
    parts = fields.split(text)
    host, name, kind, flags, options = (*parts, "", "", "", "", "")[:5]
    server = fields.server(host) if host else ""
    if len(parts) > 5 or not name or server is None:
        raise NbdNameError(FORM)
    root = NbdRoot(server, options=tuple(filter(None, options.split(","))))
    arguments(root.options)
    port = fields.number(name, fields.PORTS)
    root = root._replace(port=port) if port is not None else root._replace(export=name)
    types = tuple(each for each in kind.split(",") if each not in ("", "auto"))
    return Export(root, types, tuple(filter(None, flags.split(","))))


def debian(text: str) -> NbdRoot:
    """Return the export that `nbdroot=` names. Raises NbdNameError."""
    if "," in text:
        host, *words = text.split(",")
        if len(words) > 2 or not words[0]:
            raise NbdNameError(COMMA_FORM)
        found = _of_word(NbdRoot(_host(host)), words[0])
        return found._replace(device=_device(words[1])) if len(words) == 2 else found
    match = re.fullmatch(r"(\[[^\]]*\]|[^:/]*)([:/].*)", text)
    if match is None:
        raise NbdNameError(DEBIAN_FORM)
    root, rest = NbdRoot(_host(match[1])), match[2]
    if rest.startswith((":/", "/")):
        # As in NFS, the slash is part of the name; but not right after a server.
        name = rest[1:] if rest.startswith(":") or match[1] else rest
        return root._replace(export=name)
    word, slash, name = rest[1:].partition("/")
    if not word or ":" in word:
        raise NbdNameError(DEBIAN_FORM)
    # LTSP has SERVER:EXPORT.
    found = _of_word(root, word)
    return (
        found._replace(export=name)
        if not found.export
        else root._replace(export=word + slash + name)
    )


def _of_word(root: NbdRoot, word: str) -> NbdRoot:
    """With a port if it is a number, else with an export, as README.Debian tells them apart."""
    if not word.isdecimal():
        return root._replace(export=word)
    port = fields.number(word, fields.PORTS)
    if port is None:
        raise NbdNameError(f"a port from 1 to 65535, not {word!r}")
    return root._replace(port=port)


def _device(text: str) -> str:
    whole = whole_device(text if text.startswith("/dev/") else f"/dev/{text}")
    if whole is None:
        raise NbdNameError("SERVER,EXPORT,DEVICE with a device such as nbd0")
    return whole


def whole_device(node: str) -> str | None:
    """Return the NBD device that this is, or is a partition of; None if it is neither."""
    found = DEVICE.fullmatch(node)
    return found[1] if found else None


def _host(text: str) -> str:
    if text in ("", "dhcp"):
        return ""
    found = fields.server(text)
    if found is None:
        raise NbdNameError(DEBIAN_FORM)
    return found


def arguments(options: Iterable[str]) -> tuple[str, ...]:
    """Return the options as nbd-client takes them. Raises NbdNameError."""
    return tuple(word for option in options for word in _words(option))


def _words(option: str) -> tuple[str, ...]:
    name, equals, value = option.lstrip("-").partition("=")
    name = ALIASES.get(name, name)
    if name in FLAGS and not equals:
        return AGAIN if name == "persist" else (f"-{name}",)
    if not _is_valid(name, value):
        raise NbdNameError(f"options of nbd-client ({KNOWN}), not {option!r}")
    return (f"-{name}", value)


def _is_valid(name: str, value: str) -> bool:
    if name in NUMBERS:
        return value.isdecimal() and int(value) in NUMBERS[name]
    if name in FILES:
        return value.startswith("/")
    return value in SIZES if name == "block-size" else name == HOST and bool(value)
