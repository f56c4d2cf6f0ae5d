"""What a lease's root-path (option 17) says of the root.

RFC 4173 for iSCSI, nfsroot.rst and dracut.cmdline(7) for NFS and NBD. It comes from whoever answers
on that network, so nothing in it is trusted to be well-formed.
"""

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import iscsi, nbd, nfs
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.netsettings import LeaseRoot, NbdRoot, NetworkSettings, NfsRoot
from initpy.core.settings import RootMount

EXPECTED = "SERVER:/DIRECTORY, nfs:…, iscsi:… or nbd:…"
LONGEST = 1024  # the kernel's own limit is MAXPATHLEN


def read(text: str, settings: NetworkSettings) -> tuple[LeaseRoot | None, InputError | None]:
    """Return the root that a root-path names, or what is wrong with it.

    Servers that it does not name are left empty: they are the lease's next server. What the
    command line says of NFS options goes before what the lease says.
    """
    parameter = Parameter("root-path", text, "DHCP")
    try:
        return _read(parameter, text.rstrip("\0 "), settings), None
    except InputError as error:
        return None, error


def _read(parameter: Parameter, text: str, settings: NetworkSettings) -> LeaseRoot:
    if not text.isprintable() or not 0 < len(text) <= LONGEST:
        raise parameter.error(EXPECTED)
    kind, _, rest = text.partition(":")
    if kind == "iscsi":
        target = iscsi.read(parameter, rest)
        return LeaseRoot(target=target, device=iscsi.device(target))
    asked = next((each for each in settings.targets if isinstance(each, NbdRoot)), None)
    if kind == "nbd":
        export = nbd.read(parameter, rest)
        mount = RootMount(export.types, export.flags) if export.types or export.flags else None
        return LeaseRoot(
            target=export.root, device=DeviceSpec(Naming.PATH, export.root.device), mount=mount
        )
    if asked is not None and not asked.server:  # nbdroot=dhcp
        root = nbd.debian(parameter, text)._replace(device=asked.device)
        return LeaseRoot(target=root, device=DeviceSpec(Naming.PATH, root.device))
    if not (text.startswith("/") or nfs.is_one(text)):
        raise parameter.error(EXPECTED)
    export_ = nfs.read(parameter, text)
    mount = None if export_.writable is None else RootMount(writable=export_.writable)
    return LeaseRoot(root=merged(export_.root, settings.root), mount=mount)


def merged(found: NfsRoot, asked: object) -> NfsRoot:
    """Return the lease's export with what the command line says of it."""
    if not isinstance(asked, NfsRoot):
        return found
    return NfsRoot(
        asked.server or found.server,
        asked.path or found.path,
        asked.version or found.version,
        asked.options or found.options,
    )
