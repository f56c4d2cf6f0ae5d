"""What a lease says of the root: its root-path in the usual spellings, and the server to use.

DHCP's option 17 (RFC 2132) as dhcp-options(5), the kernel's nfsroot.rst, dracut.cmdline(7) and
initramfs-tools(7) have it: `PATH`, `SERVER:PATH`, `nfs:SERVER:PATH[:OPTIONS]`, `nfs4:…`,
`SERVER:PATH,OPTIONS`; an IPv6 address stands in brackets.
"""

import re

from initpy.core.netsettings import Chap, IscsiRoot, NfsRoot
from initpy.core.network import iscsiname
from initpy.core.network.values import Reply

PROTOCOLS = {"nfs": "", "nfs4": "4"}
ISCSI = "iscsi"
OTHERS = (ISCSI, "nbd", "cifs", "http", "https", "ftp", "tftp")
DEFAULT_PATH = "/tftpboot/%s"  # the kernel's, nfsroot.rst


class RootPathError(ValueError):
    """The root-path is none that is understood; the message says what was found."""


def root_of(lease: Reply, told: NfsRoot | None) -> NfsRoot:
    """The root that a lease names, with what the user said of it before that.

    Raises RootPathError.
    """
    told = told or NfsRoot()
    found = parse(lease.root_path) if lease.root_path else NfsRoot()
    server = told.server or found.server or _server(lease)
    return NfsRoot(
        server,
        filled(told.path or found.path or DEFAULT_PATH, lease.address),
        told.version or found.version,
        told.options or found.options,
    )


def target_of(lease: Reply, login: Chap) -> IscsiRoot | None:
    """The iSCSI target that a lease names, None if it names none. Raises RootPathError.

    The lease's next server stands in for one that the root-path does not name, `login` for a login.
    """
    kind, _, rest = lease.root_path.strip("\0 \t\r\n").partition(":")
    if kind != ISCSI:
        return None
    try:
        found = iscsiname.parse(rest)
    except iscsiname.IscsiNameError as error:
        raise RootPathError(f"the root-path of {lease.server}: expected {error}") from None
    server = found.server or _server(lease)
    return found._replace(server=server, login=found.login if found.login.username else login)


def _server(lease: Reply) -> str:
    return lease.next_server if lease.next_server not in ("", "0.0.0.0") else lease.server


def filled(path: str, address: str) -> str:
    """The path with this machine's address for `%s`, as the kernel has it."""
    return path.replace("%s", address)


def parse(text: str) -> NfsRoot:
    """The server, path, version and options of a root-path. Raises RootPathError."""
    rest, version = text.strip("\0 \t\r\n"), ""
    if not rest.isprintable():
        raise RootPathError(f"the root-path {text!r} has characters that no path has")
    if rest.startswith("nfs://"):  # RFC 2224
        server, slash, path = rest.removeprefix("nfs://").partition("/")
        rest = f"{server.removesuffix(':')}:{slash}{path}"
    protocol, colon, after = rest.partition(":")
    if colon and protocol in PROTOCOLS:
        rest, version = after, PROTOCOLS[protocol]
    elif colon and protocol in OTHERS:
        raise RootPathError(
            f"the root-path {text!r} is of {protocol}, and only NFS and iSCSI are supported"
        )
    server, path = _split(rest)
    if not path.startswith("/"):
        raise RootPathError(f"the root-path {text!r} has no absolute path")
    for separator in ":,":
        path, _, options = path.partition(separator)
        if options:
            break
    return _with_options(NfsRoot(server, path, version), text, options)


def _with_options(root: NfsRoot, text: str, options: str) -> NfsRoot:
    """The root with mount options; the version and what only the command line says are none."""
    version, kept = root.version, list[str]()
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name in ("vers", "nfsvers"):
            version = value
        elif found := re.fullmatch(r"v([34](?:\.[012])?)", option):
            version = found[1]
        elif name == "sec" and "krb5" in value:
            raise RootPathError(
                f"the root-path {text!r} asks for Kerberos, which has no ticket here"
            )
        elif option not in ("ro", "rw") and name not in ("addr", "clientaddr", "mountaddr"):
            kept.append(option)
    return root._replace(version=version, options=tuple(kept))


def _split(text: str) -> tuple[str, str]:
    """The server and the path; the server is "" where there is none."""
    if text.startswith("/"):
        return "", text
    if text.startswith("["):
        server, _, path = text[1:].partition("]")
        return server, path.removeprefix(":")
    server, _, path = text.partition(":")
    return server, path
