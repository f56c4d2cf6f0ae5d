"""One link: what it is to get, and how far it has come.

A link is brought up when it appears; with a carrier it gets what its request says. Where several
links serve one request, each asks for a lease, which needs no address, and one at a time gets
the address: the first whose network leads to the root. If root needs servers in two networks, a
further link gets one as well. So a link is in one of these states:

    unused                                                       no request is for it
    carries                                                      a VLAN, bond or bridge
    starting -> no carrier -> searching -> spare -> configuring -> ready
                    ^   cable out |          ^  another has its turn |
                    +-------------+----------+-----------------------+
    listening, instead of searching                              its addresses are a router's
    left                                                         the root is reached without it
"""

import enum
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_interface

from initpy.core.netsettings import FixedAddress, LinkRequest, Method, NetworkSettings
from initpy.core.netsettings import Route as WantedRoute
from initpy.core.network.dhcp import Client
from initpy.core.network.values import (
    DEFAULT_ROUTE,
    LinkConfig,
    Reply,
    Route,
    is_domain,
    is_unicast,
    with_zone,
)
from initpy.core.tuples import NamedTuple


class LinkState(enum.Enum):
    """Where a link stands; the value is for the user."""

    UNUSED = "not used"
    STARTING = "is switched on"
    NO_CARRIER = "no carrier"
    SEARCHING = "asks for a lease"
    LISTENING = "waits for a router"
    GIVEN_UP = "has no address"  # within the user's limit
    SPARE = "has a lease"  # and another link of the same request is tried
    CONFIGURING = "gets its address"
    READY = "ready"
    LEFT = "not needed"
    CARRIES = "carries"  # another link, and has no address of its own

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class Client6(NamedTuple):
    """As whom a DHCPv6 server knows a client (RFC 8415), in hexadecimal digits; "": not known."""

    duid: str = ""  # with its type
    iaid: str = ""  # four bytes, of the link


class Link:
    """A link and what it has from us of one version of IP.

    A link with requests for both versions has two of these: neither waits for the other.
    """

    def __init__(
        self, name: str, mac: str, request: LinkRequest | None, others: tuple[str, ...] = ()
    ) -> None:
        """`others`: further names by which udev knows it."""
        self.name = name
        self.others = others
        self.mac = mac
        self.request = request
        self.state = LinkState.UNUSED if request is None else LinkState.STARTING
        self.since = 0.0
        self.reason = ""
        self.client: Client | None = None
        self.lease: Reply | None = None
        self.leased_6 = ""  # an address of a DHCPv6 server
        self.client_6 = Client6()  # to which it gave that
        self.dns_6: tuple[str, ...] = ()  # its name servers
        self.dns_ra: tuple[str, ...] = ()  # those that routers advertise
        self.search_ra: tuple[str, ...] = ()  # and their domains
        self.config = LinkConfig()  # as it was asked for last
        self.number = 0  # of that request
        self.switched_on = False  # by us
        self.had_address = False  # from an engine before this one
        self.failures = 0
        self.dropped = 0  # messages that no DHCP client understands
        self.further = False  # it has an address beside the link that has its turn
        self.useless: float = 0.0  # when it was last found not to lead to the root

    @property
    def version(self) -> int:
        """The version of IP, 4 or 6."""
        return self.request.version if self.request is not None else 4

    @property
    def key(self) -> str:
        """Its name among all links, and that of its timer; a kernel's name has no blank."""
        return key_of(self.name, self.version)

    @property
    def shares(self) -> bool:
        """True if its request is for any link: one of those has an address at a time."""
        return self.request is not None and self.request.match.any

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it has, without their prefix."""
        ready = self.state is LinkState.READY
        found = (*self.config.addresses, *self.config.learned) if ready else ()
        return tuple(each.partition("/")[0] for each in found)

    def move(self, state: LinkState, now: float, reason: str = "") -> bool:
        """Come to a state; True if it is another one."""
        news = state is not self.state
        if news:
            self.state, self.since = state, now
        self.reason = reason
        return news


def key_of(name: str, version: int) -> str:
    """The key of the part of a link that has the addresses of this version of IP."""
    return name if version == 4 else f"{name} {version}"


def told_addresses(config: LinkConfig) -> str:
    """The addresses for the user."""
    return ", ".join((*config.addresses, *config.learned)) or "no address of its own"


def static(request: LinkRequest) -> LinkConfig:
    """What a request without a lease gives a link."""
    if request.address is None:
        return LinkConfig(mtu=request.mtu or 0)
    every = (FixedAddress(request.address, request.peer, request.gateway), *request.further)
    addresses, routes = list[str](), list[Route]()
    for each in every:
        addresses.append(f"{each.address.ip}/{each.address.network.prefixlen}")
        routes += [route for route in _fixed_routes(each) if route not in routes]
    return LinkConfig(tuple(addresses), tuple(routes), request.mtu or 0)


def leads_to(config: LinkConfig, server: str) -> bool:
    """Whether a server is in the network of an address; a host's name is in none."""
    try:
        found = ip_address(server)
    except ValueError:
        return False
    return any(found in ip_interface(each).network for each in config.addresses)


def without_default(config: LinkConfig) -> LinkConfig:
    """The configuration without a route to everywhere: another link has that."""
    routes = tuple(each for each in config.routes if each.target not in (DEFAULT_ROUTE, "::/0"))
    return config._replace(routes=routes)


def _fixed_routes(fixed: FixedAddress) -> Iterator[Route]:
    """The routes that come with a fixed address."""
    address, peer, gateway = fixed
    if peer is not None and peer.version == address.version:
        yield Route(str(peer.network))
    if gateway is not None:
        if gateway.version == address.version and gateway not in address.network:
            yield Route(f"{gateway}/{gateway.max_prefixlen}")
        yield Route(DEFAULT_ROUTE if gateway.version == 4 else "::/0", str(gateway))


def leased(request: LinkRequest, lease: Reply) -> LinkConfig:
    """What a lease gives a link.

    Option 121 replaces the routers (RFC 3442). A router that is not in the network of the
    address, as with /32 addresses, is reached over the link.
    """
    prefix = lease.prefix if lease.prefix is not None else _classful(lease.address)
    network = IPv4Network(f"{lease.address}/{prefix}", strict=False)
    given = lease.routes
    if given is None:
        usable = [each for each in lease.routers if _is_host(each, network, lease.address)]
        given = tuple(Route(DEFAULT_ROUTE, each) for each in usable[:1])
    routes: list[Route] = []
    for each in given:
        if each.gateway in ("", "0.0.0.0"):
            routes.append(Route(each.target))
            continue
        over_link = Route(f"{each.gateway}/32")
        if IPv4Network(f"{each.gateway}/32").network_address not in network:
            routes += [over_link] if over_link not in routes else []
        routes.append(each)
    mtu = request.mtu or lease.mtu
    return LinkConfig((f"{lease.address}/{prefix}",), tuple(routes), mtu if mtu >= 576 else 0)


def _is_host(router: str, network: IPv4Network, own: str) -> bool:
    """True for an address that another host can have, in the network of our own or elsewhere."""
    found = IPv4Address(router)
    special = network.prefixlen < 31 and found in (
        network.network_address, network.broadcast_address,
    )  # fmt: skip
    return not (special or router == own or not is_unicast(router))


def _classful(address: str) -> int:
    """Bits of the network of an address before there were subnets: without a mask it is that."""
    first = int(address.partition(".")[0])
    return 8 if first < 128 else 16 if first < 192 else 24


def uses_dhcp(request: LinkRequest) -> bool:
    """True for the methods that ask a DHCPv4 server."""
    return request.method in (Method.DHCP, Method.SINGLE_DHCP)


def uses_dhcp6(request: LinkRequest) -> bool:
    """True for the methods that ask a DHCPv6 server, at once or later."""
    return request.method in (Method.DHCP6, Method.EITHER6)


def with_routes(config: LinkConfig, name: str, wanted: Iterable[WantedRoute]) -> LinkConfig:
    """The same with those routes of `rd.route=` that belong to the link."""
    networks = [ip_interface(each).network for each in config.addresses]
    routes = list(config.routes)
    for each in wanted:
        here = not each.name and any(each.gateway in network for network in networks)
        if each.name == name or here:
            routes.append(Route(str(each.destination), str(each.gateway or "")))
    return config._replace(routes=tuple(routes))


def resolver(settings: NetworkSettings | None, links: Iterable[Link]) -> str:
    """The text of resolv.conf(5) with the name servers that count; "" without any."""
    if settings is None:
        return ""
    servers, search = [*settings.nameservers], list[str]()
    for link in links:
        asked = link.request.dns if link.request is not None else ()
        servers += [with_zone(str(each), link.name) for each in asked]
        if link.lease is not None and settings.peer_dns:
            servers += link.lease.dns
            search += filter(is_domain, link.lease.search or (link.lease.domain,))
        if settings.peer_dns:
            servers += (*link.dns_6, *link.dns_ra)
            search += link.search_ra
    lines = [f"nameserver {each}" for each in dict.fromkeys(servers)]
    if lines and search:
        lines.insert(0, f"search {' '.join(dict.fromkeys(search))}")
    return "".join(f"{each}\n" for each in lines)
