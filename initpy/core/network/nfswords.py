"""The names of NFS exports, in `root=`, `nfsroot=` and the root-path of a lease.

Documentation/admin-guide/nfs/nfsroot.rst, dracut.cmdline(7), nfs(5), RFC 2224 for nfs://:
`[nfs:|nfs4:][SERVER:]/DIRECTORY[,OPTION,…]`, with a colon before the options as well.
"""

import re

from initpy.core import netfields as fields
from initpy.core.netsettings import NfsRoot
from initpy.core.network import nfsoptions
from initpy.core.tuples import NamedTuple

FORM = "[SERVER:]/DIRECTORY[,OPTION,…], an IPv6 server in brackets"
URL = "nfs://SERVER[:PORT]/DIRECTORY"
TYPES = ("nfs", "nfs4")
VERSIONS = ("3", "4", "4.0", "4.1", "4.2")
KERBEROS = ("krb5", "krb5i", "krb5p")
NO_KERBEROS = "sec=sys: an NFS root with Kerberos is not supported, nothing here has a ticket"
# Options of nfs(5) that say the version, and those that are this initramfs's to say.
VERSION = r"v[234](\.[012])?"
VERSION_NAMES = ("vers", "nfsvers")
MINOR = "minorversion"
KERNELS_OWN = ("addr", "clientaddr", "mountaddr")
# Options for mount.nfs(8), which the kernel does not know: it is asked again here anyway.
HELPERS_OWN = ("bg", "fg", "retry")
ZONE = r"%[^\[\]/:,\s]{1,15}"  # RFC 4007: the link that an address of the link is on


class NfsNameError(ValueError):
    """The text names no export; the message says what would."""


class Export(NamedTuple):
    """An export; `ro` or `rw` if its options say so; what would be right for odd ones."""

    root: NfsRoot
    writable: bool | None = None
    notes: tuple[str, ...] = ()


def export(text: str, version: str = "") -> Export:
    """Return the export that a text names: with `nfs:` before it, or not. Raises NfsNameError."""
    if text.startswith("nfs://"):
        return _url(text.removeprefix("nfs://"), version)
    kind, colon, rest = text.partition(":")
    if colon and kind in TYPES:
        version, text = version or ("4" if kind == "nfs4" else ""), rest
    elif text in TYPES:
        version, text = version or ("4" if text == "nfs4" else ""), ""
    # Anaconda's OPTIONS:SERVER:/PATH
    if found := re.fullmatch(r"([^/:\[\]]+=[^/:\[\]]+|[a-z,]+,[^/:\[\]]+):(.+:/.*)", text):
        text = f"{found[2]},{found[1]}"
    server, path, words = _parts(text)
    return options(NfsRoot(server, path, version), words)


def _parts(text: str) -> tuple[str, str, str]:
    server = ""
    if text.startswith(":/"):
        text = text[1:]  # dracut's: the server is that of the lease
    elif text and text[0] not in "/,":
        host, colon, path = text.rpartition("]:") if text.startswith("[") else text.partition(":")
        host += "]" if text.startswith("[") else ""
        found = fields.server(host)
        if not colon or found is None or not path.startswith("/"):
            raise NfsNameError(FORM)
        server, text = found, path
    end = re.search("[,:]", text)
    return server, text[: end.start()] if end else text, text[end.end() :] if end else ""


def _url(text: str, version: str) -> Export:
    """nfs://SERVER[:PORT]/PATH, and with options as they follow other names."""
    host, _, path = text.partition("/")
    found = re.fullmatch(r"(\[[^\]]+\]|[^:]+)(?::([0-9]*))?", host)
    server = fields.server(found[1]) if found else None
    port = found[2] if found else None
    if server is None or (port and fields.number(port, fields.PORTS) is None):
        raise NfsNameError(URL)
    path, _, words = path.partition(",")
    return options(NfsRoot(server, f"/{path}", version), f"port={port},{words}" if port else words)


def is_own(option: str) -> bool:
    """True for an option that says the version, how users are known, or what the network tells."""
    name = option.partition("=")[0]
    own = (*VERSION_NAMES, MINOR, "sec", *KERNELS_OWN, *HELPERS_OWN)
    return name in own or bool(re.fullmatch(VERSION, option))


def options(root: NfsRoot, text: str) -> Export:
    """Return the export with options, which are separated by commas. Raises NfsNameError."""
    version, minor = root.version, ""
    writable: bool | None = None
    kept, notes = list[str](), list[str]()
    for option in filter(None, text.split(",")):
        name, _, value = option.partition("=")
        if option in ("ro", "rw"):
            writable = option == "rw"
        elif name in VERSION_NAMES:
            version = value
        elif re.fullmatch(VERSION, option):
            version = option[1:]
        elif name == MINOR:
            minor = value
        elif name == "sec" and set(value.split(":")) & set(KERBEROS):
            raise NfsNameError(NO_KERBEROS)
        elif name in KERNELS_OWN:
            notes.append(f"no {name}=: it follows from the network")
        elif why := nfsoptions.problem(option):
            notes.append(why)
        elif name not in HELPERS_OWN:
            kept.append(option)
    # Without its value, which may be a secret.
    unknown = (each.partition("=")[0] for each in nfsoptions.unknown(kept))
    notes += (f"no {each}: nfs(5) has no such option" for each in unknown)
    if minor and version in ("", "4"):
        version = f"4.{minor}"
    if version and version not in VERSIONS:
        notes.append(f"vers= among {', '.join(VERSIONS)}, not {version!r}")
        version = ""
    if udp := [each for each in kept if each in nfsoptions.UDP]:
        if version.startswith("4"):
            notes.append(f"no {udp[0]}: version {version} has TCP alone")
            kept = [each for each in kept if each not in udp]
        version = version or "3"
    return Export(root._replace(version=version, options=tuple(kept)), writable, tuple(notes))
