"""IPv6 addresses of a link that a router's advertisements or a DHCPv6 server give it.

The kernel takes advertisements itself; their addresses and routes are facts. A job asks for DHCPv6
where the image has a client (jobs/extra/dhcp6.toml) and publishes the address; the routes are the
router's in this case, too (RFC 8415 has none).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address

from initpy.core.netsettings import LinkRequest, Method
from initpy.core.network.actions import AcceptRouters
from initpy.core.network.dhcp import Change
from initpy.core.network.leasing import arm
from initpy.core.network.link import Client6, Link, LinkState, uses_dhcp6
from initpy.core.network.moves import move
from initpy.core.network.properties import (
    ADDRESSES6,
    DHCP6,
    DOMAINS_RA,
    DUID6,
    IAID6,
    LEASED6,
    NAMESERVERS6,
    NET_FOLDER,
    SERVERS_RA,
    WANTED,
)
from initpy.core.network.values import LinkConfig, is_domain, with_zone
from initpy.core.state.context import Context

DUID = re.compile("(?:[0-9a-fA-F]{2}){3,130}")  # RFC 8415, 11.1: two bytes are its type
IAID = re.compile("[0-9a-fA-F]{8}")
METHODS = (Method.AUTO6, Method.EITHER6, Method.DHCP6)
HAS = (LinkState.READY, LinkState.SPARE, LinkState.CONFIGURING)


def uses_it(request: LinkRequest | None) -> bool:
    """True for the methods of this module."""
    return request is not None and request.method in METHODS


def has_its_own(request: LinkRequest) -> bool:
    """True where a link is to have no other address than the kernel's own, of this link."""
    return request.method is Method.LINK6


def prepare(context: Context, link: Link) -> None:
    """Have the kernel take advertisements, before the link is switched on.

    And use an address at once: else that of the link is of no use for a second or two.
    """
    asked = link.request
    if asked is not None and (uses_it(asked) or asked.routers or has_its_own(asked)):
        context.current.act(AcceptRouters(link.name))


def begin(context: Context, link: Link) -> set[str]:
    """The link can carry frames: wait for a router, or ask for DHCPv6.

    Return the subjects for whose jobs something is new.
    """
    prepare(context, link)
    if link.request is not None and link.request.method is Method.DHCP6:
        return _ask(context, link)
    move(context, link, LinkState.LISTENING)
    arm(context, link)
    return set()


def goes_on(context: Context, link: Link) -> set[str]:
    """No router has given an address in time: return as `begin` if DHCPv6 is to be asked for."""
    listening = link.state is LinkState.LISTENING and link.request is not None
    if not listening or link.request is None or not uses_dhcp6(link.request):
        return set()
    return _ask(context, link)


def _ask(context: Context, link: Link) -> set[str]:
    move(context, link, LinkState.SEARCHING)
    link.leased_6 = ""
    context.devices.mark(NET_FOLDER + link.name, DHCP6, WANTED)
    arm(context, link)
    return {NET_FOLDER + link.name}


def learn(context: Context, link: Link, known: Mapping[str, str]) -> Change:
    """Take the addresses and name servers that a link has, or a job has got for it.

    Bound: it can be used; renewed: it has others now; lost: it has none any more.
    """
    named = learn_names(link, known) and link.state is LinkState.READY
    found = _learn_addresses(context, link, known)
    return Change.RENEWED if named and found is Change.NONE else found


def _learn_addresses(context: Context, link: Link, known: Mapping[str, str]) -> Change:
    if not uses_it(link.request):
        return Change.NONE
    leased = known.get(LEASED6, "")
    if link.state is LinkState.SEARCHING and not link.leased_6 and is_address(leased):
        link.leased_6, link.client_6 = leased, _client(known)
        servers = filter(is_address, known.get(NAMESERVERS6, "").split())
        link.dns_6 = tuple(with_zone(each, link.name) for each in servers)
        context.report(f"{link.name}: {leased} from a DHCPv6 server", detail=True)
        return Change.BOUND
    addresses = tuple(known.get(ADDRESSES6, "").split())
    if link.leased_6 or link.request is None or link.request.method is Method.DHCP6:
        return Change.NONE
    # A router may come while a DHCPv6 server is asked.
    if link.state in (LinkState.LISTENING, LinkState.SEARCHING) and addresses:
        link.config = link.config._replace(learned=addresses)
        return Change.BOUND
    if addresses == link.config.learned or link.state not in HAS:
        return Change.NONE
    link.config = link.config._replace(learned=addresses)
    return Change.RENEWED if addresses else Change.LOST


def _client(known: Mapping[str, str]) -> Client6:
    """As whom a job has asked, as it tells that; a tool may print anything."""
    duid, iaid = known.get(DUID6, ""), known.get(IAID6, "")
    right = DUID.fullmatch(duid) and IAID.fullmatch(iaid)
    return Client6(duid.lower(), iaid.lower()) if right else Client6()


def learn_names(link: Link, known: Mapping[str, str]) -> bool:
    """Take the name servers and domains that routers advertise; True if they are others now.

    The zone of a server's address of the link is the link itself.
    """
    servers = (each for each in known.get(SERVERS_RA, "").split())
    found = tuple(each for each in servers if is_address(each.partition("%")[0]))
    domains = tuple(filter(is_domain, known.get(DOMAINS_RA, "").split()))
    news = (found, domains) != (link.dns_ra, link.search_ra)
    link.dns_ra, link.search_ra = found, domains
    return news


def config(link: Link, request: LinkRequest) -> LinkConfig:
    """What the link gets: the address of a server. Those of routers it has already."""
    if link.leased_6:
        return LinkConfig((f"{link.leased_6}/128",), mtu=request.mtu or 0)
    return LinkConfig(mtu=request.mtu or 0, learned=link.config.learned)


def is_address(text: str) -> bool:
    """True for an IPv6 address, as a tool has printed it."""
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False
