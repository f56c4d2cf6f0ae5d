"""What a lease says of the root: its root-path in the usual spellings, and the server to use.

DHCP's option 17 (RFC 2132) as dhcp-options(5), the kernel's nfsroot.rst, dracut.cmdline(7) and
initramfs-tools(7) have it: `PATH`, `SERVER:PATH`, `nfs:SERVER:PATH[:OPTIONS]`, `nfs4:…`,
`SERVER:PATH,OPTIONS`; an IPv6 address stands in brackets.
"""

from initpy.core import netfields as fields
from initpy.core.netsettings import IscsiRoot, NbdRoot, NetworkSettings, NfsRoot
from initpy.core.network import iscsiname, nbdwords, nfswords
from initpy.core.network.values import Reply

ISCSI, NBD = "iscsi", "nbd"
OTHERS = (ISCSI, NBD, "cifs", "http", "https", "ftp", "tftp", "aoe", "fcp", "srp")
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
        told.path or found.path or DEFAULT_PATH,
        told.version or found.version,
        told.options or found.options,
    )


def odd_options(lease: Reply) -> tuple[str, ...]:
    """What is odd about the NFS options of a root-path: what would be right for them."""
    try:
        return nfswords.export(_plain(lease)).notes if lease.root_path else ()
    except nfswords.NfsNameError:
        return ()


def names_target(lease: Reply, settings: NetworkSettings) -> bool:
    """Whether the root-path is of a target to log in to, and not of an export to be mounted."""
    return _words(lease)[0] in (ISCSI, NBD) or _asked(settings) is not None


def target_of(lease: Reply, settings: NetworkSettings) -> IscsiRoot | NbdRoot | None:
    """The target that a lease names, None if it names none. Raises RootPathError.

    The lease's next server stands in for one that the root-path does not name, what the user said
    of a login for a login. For `nbdroot=dhcp` the root-path is the export, as Debian has it.
    """
    kind, rest = _words(lease)
    asked = _asked(settings)
    found: IscsiRoot | NbdRoot
    try:
        if isinstance(asked, IscsiRoot):
            told = iscsiname.parse(rest).server if kind == ISCSI else ""
            found = asked._replace(server=told)
        elif kind == ISCSI:
            found = iscsiname.parse(rest)
            login = found.login if found.login.username else settings.iscsi.login
            found = found._replace(login=login)
        elif kind == NBD:
            found = nbdwords.export(rest).root
        elif asked is not None and (lease.root_path or _is_named(asked)):
            found = _nbd_of(lease, asked)
        else:
            return None
    except (iscsiname.IscsiNameError, nbdwords.NbdNameError) as error:
        raise RootPathError(f"the root-path of {lease.server}: expected {error}") from None
    return found._replace(server=found.server or _server(lease))


def mount_of(lease: Reply) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the types and options of the file system that a root-path names, as `nbd:` does."""
    kind, rest = _words(lease)
    if kind != NBD:
        return (), ()
    export = nbdwords.export(rest)
    return export.types, tuple(each for each in export.flags if each not in ("ro", "rw"))


def _is_named(asked: NbdRoot) -> bool:
    """Whether all but the server is told: nbdroot=dhcp,EXPORT."""
    return bool(asked.export) or asked.port != nbdwords.PORT


def _nbd_of(lease: Reply, asked: NbdRoot) -> NbdRoot:
    """README.Debian of nbd-client: the root-path may begin with the parameter's name."""
    text = _plain(lease).removeprefix("nbdroot=")
    if _is_named(asked):
        return asked._replace(server=fields.server(text) or "" if text else "")
    return nbdwords.debian(text)._replace(device=asked.device)


def _asked(settings: NetworkSettings) -> IscsiRoot | NbdRoot | None:
    """The target whose server, and for NBD whose name, a lease is to tell."""
    for each in settings.targets if settings.from_dhcp else ():
        if isinstance(each, IscsiRoot | NbdRoot) and not each.server:
            return each
    return None


def _words(lease: Reply) -> tuple[str, str]:
    """The word before the first colon, and what follows it."""
    kind, _, rest = _plain(lease).partition(":")
    return kind, rest


def _plain(lease: Reply) -> str:
    return lease.root_path.strip("\0 \t\r\n")


def _server(lease: Reply) -> str:
    return lease.next_server if lease.next_server not in ("", "0.0.0.0") else lease.server


def paths(path: str, address: str, host: str) -> tuple[str, ...]:
    """The paths that one with `%s` stands for: with this machine's address, and with its host name.

    The address is what nfsroot.rst says, and klibc's nfsmount does. But the kernel puts in the name
    from ip= or the lease if there is one (root_nfs_data() of fs/nfs/nfsroot.c), as dracut does.
    """
    found = (path.replace("%s", each) for each in (address, host) if each)
    return tuple(dict.fromkeys(found)) or (path,)


def parse(text: str) -> NfsRoot:
    """The server, path, version and options of a root-path. Raises RootPathError."""
    rest = text.strip("\0 \t\r\n")
    if not rest.isprintable():
        raise RootPathError(f"the root-path {text!r} has characters that no path has")
    protocol, colon, _ = rest.partition(":")
    if colon and protocol in OTHERS:
        raise RootPathError(
            f"the root-path {text!r} is of {protocol}, and only NFS, iSCSI and NBD are supported"
        )
    try:
        root = nfswords.export(rest).root
    except nfswords.NfsNameError as error:
        raise RootPathError(f"the root-path {text!r}: expected {error}") from None
    if not root.path:
        raise RootPathError(f"the root-path {text!r} has no absolute path")
    return root
