"""NFS roots: `nfsroot=`, `root=nfs:…`, `root=SERVER:/PATH`, and the same in a lease's root-path.

Documentation/admin-guide/nfs/nfsroot.rst, dracut.cmdline(7), nfs(5), RFC 2224 for nfs://.
"""

import re
from typing import NamedTuple

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.core.netsettings import NfsRoot

FORM = "[SERVER:]/DIRECTORY[,OPTION,…], an IPv6 server in brackets"
TYPES = ("nfs", "nfs4")
VERSIONS = ("3", "4", "4.0", "4.1", "4.2")
KERBEROS = ("krb5", "krb5i", "krb5p")
NO_KERBEROS = "sec=sys: an NFS root with Kerberos is not supported, nothing here has a ticket"
# Options of nfs(5) that say the version, and those that are this initramfs's to say.
VERSION_NAMES = ("vers", "nfsvers")
KERNELS_OWN = ("addr", "clientaddr", "mountaddr")


class Export(NamedTuple):
    """An export, and `ro` or `rw` if its options say so."""

    root: NfsRoot
    writable: bool | None = None
    notes: tuple[InputError, ...] = ()


def is_one(text: str) -> bool:
    """True for a value of root= or netroot= that names an export."""
    kind = text.partition(":")[0]
    return kind in TYPES or bool(re.match(r"(\[[0-9a-fA-F:.]+\]|[^/:=]+):/(?!/)", text))


def read(parameter: Parameter, text: str, version: str = "") -> Export:
    """Return the export that a text names: with `nfs:` before it, or not."""
    if text.startswith("nfs://"):
        return _url(parameter, text.removeprefix("nfs://"), version)
    kind, colon, rest = text.partition(":")
    if colon and kind in TYPES:
        version, text = version or ("4" if kind == "nfs4" else ""), rest
    elif text in TYPES:
        version, text = version or ("4" if text == "nfs4" else ""), ""
    # Anaconda's OPTIONS:SERVER:/PATH
    if found := re.fullmatch(r"([^/:\[\]]+=[^/:\[\]]+|[a-z,]+,[^/:\[\]]+):(.+:/.*)", text):
        text = f"{found[2]},{found[1]}"
    server, path, options = _parts(parameter, text)
    return _export(parameter, server, path, options, version)


def _parts(parameter: Parameter, text: str) -> tuple[str, str, str]:
    server = ""
    if text and not text.startswith("/"):
        host, colon, path = text.rpartition("]:") if text.startswith("[") else text.partition(":")
        host += "]" if text.startswith("[") else ""
        found = fields.server(host)
        if not colon or found is None or not path.startswith("/"):
            raise parameter.error(FORM)
        server, text = found, path
    end = re.search("[,:]", text)
    return server, text[: end.start()] if end else text, text[end.end() :] if end else ""


def _url(parameter: Parameter, text: str, version: str) -> Export:
    """nfs://SERVER[:PORT]/PATH"""
    host, _, path = text.partition("/")
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::([0-9]*))?", host)
    server = fields.server(found[1]) if found else None
    port = found[2] if found else None
    if server is None or (port and fields.number(port, fields.PORTS) is None):
        raise parameter.error("nfs://SERVER[:PORT]/DIRECTORY")
    return _export(parameter, server, f"/{path}", f"port={port}" if port else "", version)


def _export(parameter: Parameter, server: str, path: str, options: str, version: str) -> Export:
    writable: bool | None = None
    kept: list[str] = []
    notes: list[InputError] = []
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if option in ("ro", "rw"):
            writable = option == "rw"
        elif name in VERSION_NAMES:
            version = value
        elif re.fullmatch("v[234](\\.[012])?", option):
            version = option[1:]
        elif name == "sec" and set(value.split(":")) & set(KERBEROS):
            raise parameter.error(NO_KERBEROS)
        elif name in KERNELS_OWN:
            notes.append(parameter.error(f"no {name}=: it follows from the network"))
        else:
            kept.append(option)
    if version and version not in VERSIONS:
        notes.append(parameter.error(f"vers= among {', '.join(VERSIONS)}, not {version!r}"))
        version = ""
    return Export(NfsRoot(server, path, version, tuple(kept)), writable, tuple(notes))
