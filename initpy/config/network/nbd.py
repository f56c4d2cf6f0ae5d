"""NBD exports: dracut's `netroot=nbd:…`, Debian's `nbdroot=`.

dracut.cmdline(7): SERVER:PORT-OR-EXPORT[:TYPE[:MOUNT-OPTIONS[:CLIENT-OPTIONS]]]. README of Debian's
nbd-client: SERVER:/EXPORT, SERVER:PORT/EXPORT, SERVER,EXPORT,DEVICE, an IPv6 server in brackets.
"""

import re
from typing import NamedTuple

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.netsettings import NbdRoot

FORM = "nbd:SERVER:EXPORT[:TYPE[:MOUNT-OPTIONS[:CLIENT-OPTIONS]]], an IPv6 server in brackets"
DEBIAN_FORM = "SERVER:/EXPORT or SERVER:PORT/EXPORT, an IPv6 server in brackets"
PORT = 10809  # IANA
DEVICE = re.compile(r"(/dev/nbd[0-9]{1,3})(p[0-9]{1,3})?")


class Export(NamedTuple):
    """An export and how the file system on it is mounted."""

    root: NbdRoot
    types: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def read(parameter: Parameter, text: str) -> Export:
    """Return the export that the text after `nbd:` names."""
    host, export, kind, flags, options = (*fields.split(text), "", "", "", "", "")[:5]
    if len(fields.split(text)) > 5 or not export:
        raise parameter.error(FORM)
    server = fields.server(host) if host else ""
    if server is None:
        raise parameter.error(FORM)
    root = NbdRoot(server, options=tuple(filter(None, options.split(","))))
    port = fields.number(export, fields.PORTS)
    root = root._replace(port=port) if port is not None else root._replace(export=export)
    types = tuple(each for each in kind.split(",") if each not in ("", "auto"))
    return Export(root, types, tuple(filter(None, flags.split(","))))


def debian(parameter: Parameter, text: str) -> NbdRoot:
    """Return the export that `nbdroot=` names."""
    if text.count(",") == 2:
        host, export, device = text.split(",")
        node = device if device.startswith("/dev/") else f"/dev/{device}"
        whole = whole_device(node)
        if whole is None:
            raise parameter.error("SERVER,EXPORT,DEVICE with a device such as nbd0")
        return NbdRoot(_host(parameter, host), PORT, export, whole)
    if text.count(",") == 1:
        host, word = text.split(",")
        port = fields.number(word, fields.PORTS)
        if port is None:
            raise parameter.error(f"{DEBIAN_FORM}, or SERVER,PORT")
        return NbdRoot(_host(parameter, host), port)
    found = re.fullmatch(r"(\[[^\]]*\]|[^:/]*)(?::([0-9]*))?(?:/(.*))?", text)
    if found is None or (found[2] is None and found[3] is None):
        raise parameter.error(DEBIAN_FORM)
    port = fields.number(found[2], fields.PORTS) if found[2] else PORT
    if port is None:
        raise parameter.error(DEBIAN_FORM)
    return NbdRoot(_host(parameter, found[1]), port, _export_name(found))


def whole_device(node: str) -> str | None:
    """Return the NBD device that this is, or is a partition of; None if it is neither."""
    found = DEVICE.fullmatch(node)
    return found[1] if found else None


def _export_name(found: re.Match[str]) -> str:
    """With a port the name follows its slash; without one the slash is part of it, as in NFS."""
    name = found[3] or ""
    return name if found[2] else f"/{name}"


def _host(parameter: Parameter, text: str) -> str:
    if text in ("", "dhcp"):
        return ""
    found = fields.server(text)
    if found is None:
        raise parameter.error(DEBIAN_FORM)
    return found
