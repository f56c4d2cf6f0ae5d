"""A link that root stands on, as it is at the handover."""

from ipaddress import ip_address, ip_interface

from initpy.core.network.values import DEFAULT_ROUTE, Reply, Route
from initpy.core.tuples import NamedTuple

DEFAULT_ROUTE_6 = "::/0"
NOTE = "# Made by initpy: root stands on this interface.\n"


class Kept(NamedTuple):
    """A link that root stands on, as it is at the handover. Addresses are `ADDRESS/BITS`."""

    name: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[Route, ...] = ()
    mtu: int = 0  # bytes; 0: as it is
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    hostname: str = ""
    lease: Reply | None = None  # None: the addresses are no lease's
    seconds: float | None = None  # that the lease lasts from now on; None: for ever
    identifier: str = ""  # option 61 that the lease was got with, hexadecimal with its type
    ifindex: int = 0  # the kernel's number of the link; 0: it is not known
    iscsi: bool = False  # sessions of open-iscsi use it
    hidden: bool = False  # and root stands on them in a way that open-iscsi does not see
    learned: tuple[str, ...] = ()  # of the addresses, those that routers' advertisements gave it
    leased_6: str = ""  # of the addresses, that of a DHCPv6 server
    duid: str = ""  # of the client that got it, hexadecimal with its type; empty: it is not known
    iaid: str = ""  # of the link to that client, eight hexadecimal digits
    made: bool = False  # a VLAN, bond or bridge, made by the initramfs
    below: tuple[str, ...] = ()  # links that carry it
    macs: tuple[tuple[str, str], ...] = ()  # of those, by their names

    def gateway(self, version: int) -> str:
        """The default gateway of a version of IP, empty if there is none."""
        target = DEFAULT_ROUTE if version == 4 else DEFAULT_ROUTE_6
        return next((each.gateway for each in self.routes if each.target == target), "")

    def of(self, version: int) -> tuple[str, ...]:
        """The addresses of a version of IP."""
        return tuple(each for each in self.addresses if ip_interface(each).version == version)


def version_of(text: str) -> int:
    """Return the version of IP of an address or network."""
    return ip_address(text.partition("/")[0]).version
