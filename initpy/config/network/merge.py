"""Several `ip=` for one interface: at most one request for each version of IP comes of them.

dracut.cmdline(7), systemd-network-generator(8) and nm-initrd-generator(8) let `ip=` occur several
times for an interface, each adding to what the others say. An address of one version has one
source: fixed addresses, all of them, before a lease; a router's advertisements beside a fixed one.
"""

from collections.abc import Sequence

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.core.netsettings import FixedAddress, IPAddress, LinkMatch, LinkRequest, Method
from initpy.core.tuples import NamedTuple

ADVERTISED = (Method.AUTO6, Method.EITHER6)  # they come beside a fixed IPv6 address
LEASES = (Method.DHCP, Method.SINGLE_DHCP)


class Asked(NamedTuple):
    """A request, and the parameter that it is of."""

    parameter: Parameter
    request: LinkRequest


def merged(every: Sequence[Asked]) -> tuple[list[LinkRequest], list[InputError]]:
    """Return a request for each interface and version of IP; and what of the others is left out."""
    found: dict[LinkMatch, dict[int, LinkRequest]] = {}
    problems: list[InputError] = []
    wanted = {each.request.match for each in every if each.request.method is not Method.OFF}
    for parameter, request in every:
        if request.method is Method.OFF and (not wanted or request.match in wanted):
            continue  # nothing gets anything; or another parameter asks for more
        those = found.setdefault(request.match, {})
        before = those.get(request.version)
        if before is None:
            those[request.version] = request
            continue
        those[request.version], left_out = _together(before, request)
        if left_out:
            problems.append(
                parameter.error(f"no {left_out} beside what is asked for {_name(request)}")
            )
    return [each for those in found.values() for each in _of_link([*those.values()])], problems


def _name(request: LinkRequest) -> str:
    return "it" if request.match.any else str(request.match)


def _together(one: LinkRequest, other: LinkRequest) -> tuple[LinkRequest, str]:
    """Return what two requests of one version come to, and what of them does not count."""
    first, second = (other, one) if other.address and not one.address else (one, other)
    both = _filled(first, second)
    if first.address is None:
        return _dynamic(both, first.method, second.method)
    if second.address is not None:
        own = FixedAddress(second.address, second.peer, second.gateway)
        known = (FixedAddress(first.address, first.peer, first.gateway), *first.further)
        more = () if own in known else (own,)
        return both._replace(further=(*first.further, *more)), ""
    if second.method in ADVERTISED:
        return both._replace(routers=True), ""
    return both, "" if second.method is Method.LINK6 else second.method.value


def _dynamic(both: LinkRequest, one: Method, other: Method) -> tuple[LinkRequest, str]:
    """The same for two requests without an address."""
    if one is other or other is Method.LINK6:
        return both, ""
    if one is Method.LINK6:
        return both._replace(method=other), ""
    if one in LEASES and other in LEASES:
        return both, ""
    if one.version == 6:  # auto6 and dhcp6, either way
        return both._replace(method=Method.EITHER6), ""
    return both, other.value


def _filled(first: LinkRequest, second: LinkRequest) -> LinkRequest:
    """Return the first with all that only the second says, and the name servers of both."""
    return first._replace(
        server=first.server or second.server,
        hostname=first.hostname or second.hostname,
        dns=_joined(first.dns, second.dns),
        ntp=_joined(first.ntp, second.ntp),
        mtu=first.mtu or second.mtu,
        mac=first.mac or second.mac,
        client_id=first.client_id or second.client_id,
    )


def _joined(one: tuple[IPAddress, ...], other: tuple[IPAddress, ...]) -> tuple[IPAddress, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _of_link(both: list[LinkRequest]) -> list[LinkRequest]:
    """Give the requests of one interface what is the interface's, and no version's."""
    mtu = next((each.mtu for each in both if each.mtu), None)
    mac = next((each.mac for each in both if each.mac), "")
    hostname = next((each.hostname for each in both if each.hostname), "")
    return [
        each._replace(mtu=each.mtu or mtu, mac=mac, hostname=each.hostname or hostname)
        for each in both
    ]
