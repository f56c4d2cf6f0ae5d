"""What the network's events and actions are made of: addresses, routes, DHCP messages."""

import enum
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from initpy.core.network.iscsilogin import without_login
from initpy.core.tuples import NamedTuple


class Route(NamedTuple):
    """A way to a network. `target`: `ADDRESS/BITS`; no `gateway`: the target is on the link."""

    target: str
    gateway: str = ""


DEFAULT_ROUTE = "0.0.0.0/0"


class LinkConfig(NamedTuple):
    """All that a link is to have; what it had from us before goes. Empty: nothing.

    Addresses are `ADDRESS/BITS`, and valid for ever: see `leases` for the reason.
    """

    addresses: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    mtu: int = 0  # bytes; 0: as it is
    learned: tuple[str, ...] = ()  # that the kernel has from routers; nothing is to be done


class DhcpKind(enum.Enum):
    """DHCP message types (RFC 2132, 9.6) that a client sends or acts on."""

    DISCOVER = "discover"
    OFFER = "offer"
    REQUEST = "request"
    ACK = "ack"
    NAK = "nak"

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class Request(NamedTuple):
    """A message to a DHCP server (RFC 2131, table 5), sent to all hosts on the link.

    Addresses are "" where the message has none. `client`: the address that the link has already.
    """

    kind: DhcpKind
    xid: int
    seconds: int  # since the client began
    wanted: str = ""  # option 50
    server: str = ""  # option 54
    client: str = ""  # ciaddr
    host: str = ""  # option 12
    identifier: str = ""  # option 61 with its type, hexadecimal; empty: the hardware address


class Reply(NamedTuple):
    """A message from a DHCP server, decoded; "" or () where it says nothing.

    `prefix`: bits of the network's address; None without a subnet mask. Times are in seconds;
    `lease` None: for ever, as with BOOTP. `routes`: option 121, which replaces `routers`
    (RFC 3442), None without that option.
    """

    kind: DhcpKind
    xid: int
    address: str = ""  # yiaddr
    server: str = ""  # option 54
    prefix: int | None = None
    routers: tuple[str, ...] = ()
    routes: tuple[Route, ...] | None = None
    lease: float | None = None
    renew: float | None = None
    rebind: float | None = None
    root_path: str = ""
    next_server: str = ""  # siaddr
    file: str = ""
    host: str = ""
    domain: str = ""
    search: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()
    mtu: int = 0
    malformed: tuple[str, ...] = ()  # options that were left out, and why


def is_unicast(address: str) -> bool:
    """True for an IPv4 address that a host can have on a network."""
    first, *_ = (int(each) for each in address.split("."))
    return first not in (0, 127) and first < 224


def is_domain(text: str) -> bool:
    """True for a domain: what a server says must not add lines or words to a file."""
    return (
        0 < len(text) < 254
        and all(each.isalnum() or each in "-_." for each in text)
        and text.isascii()
    )


def shown(root_path: str) -> str:
    """A root-path without the secrets of an iSCSI login."""
    kind, colon, rest = root_path.partition(":")
    return f"{kind}:{without_login(rest)}" if colon and kind.lower() == "iscsi" else root_path


def plain_reply(reply: Reply) -> list[object]:
    """A reply as JSON knows it."""
    return [reply.kind.value, *reply[1:]]


def reply_of(values: Sequence[Any]) -> Reply:
    """A reply from its plain form. Raises ValueError or TypeError for anything else."""
    kind, *rest = values
    reply = Reply(DhcpKind(kind), *rest)
    return reply._replace(
        routers=tuple(reply.routers),
        routes=None if reply.routes is None else tuple(Route(*each) for each in reply.routes),
        search=tuple(reply.search),
        dns=tuple(reply.dns),
        ntp=tuple(reply.ntp),
        malformed=tuple(reply.malformed),
    )


def zone_of(server: str) -> str:
    """The link that an address of a link is on, "" where it does not say (RFC 4007)."""
    return server.partition("%")[2]


def on_link(server: str, link: str) -> str:
    """A server whose address says a link, with this name of that; any other one as it is."""
    return f"{server.partition('%')[0]}%{link}" if zone_of(server) else server


def with_zone(address: str, link: str) -> str:
    """An address of a link with that link; any other one as it is."""
    if ":" not in address or zone_of(address) or not ip_address(address).is_link_local:
        return address
    return f"{address}%{link}"
