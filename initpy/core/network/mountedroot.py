"""How mount(2) is to mount what a server, or the hypervisor, offers: type and options."""

from collections.abc import Iterable

from initpy.core.netsettings import MountedRoot, NfsRoot, NinePRoot, VirtioFsRoot

# The minor versions are named: without one, 4 is 4.0 in mount(2).
VERSIONS = ("4.2", "4.1", "4.0", "3")
# Options that say over what NFS is spoken; without one, version 3 has TCP here.
TRANSPORTS = {"proto", "tcp", "tcp6", "udp", "udp6", "rdma"}


def versions(root: NfsRoot) -> tuple[str, ...]:
    """The versions to try, the newest first."""
    if root.version in VERSIONS or not root.version:
        return (root.version,) if root.version else VERSIONS
    return tuple(each for each in VERSIONS if each.startswith(f"{root.version}.")) or VERSIONS


def how_to(
    root: MountedRoot, turn: int, address: str, here: str, flags: Iterable[str]
) -> tuple[str, tuple[str, ...]]:
    """Return the type of the file system and its options.

    TURN: of the versions to try. ADDRESS: the server's. HERE: this machine's, as the server is to
    know it; "" if it has none of that kind. FLAGS: what rootflags= has besides.
    """
    if isinstance(root, NfsRoot):
        return _nfs(root, versions(root)[turn], address, here, flags)
    if isinstance(root, NinePRoot):
        if root.server:
            return "9p", ("trans=tcp", f"aname={root.tag}")
        return "9p", ("trans=virtio", "version=9p2000.L")
    return "virtiofs", ()


def _nfs(
    root: NfsRoot, version: str, address: str, here: str, flags: Iterable[str]
) -> tuple[str, tuple[str, ...]]:
    found = [*root.options, f"vers={version}", f"addr={address}"]
    given = {each.partition("=")[0] for each in (*root.options, *flags)}
    if version == "3":
        found += ["nolock"] if not given & {"lock", "nolock"} else []
        tcp = "proto=tcp6" if ":" in address else "proto=tcp"
        found += [tcp] if not given & TRANSPORTS else []
    elif here:
        found.append(f"clientaddr={here}")
    return ("nfs" if version == "3" else "nfs4"), tuple(found)


def local(root: MountedRoot | None) -> bool:
    """True for a root of the hypervisor's, which needs no link."""
    return isinstance(root, VirtioFsRoot) or (isinstance(root, NinePRoot) and not root.server)
