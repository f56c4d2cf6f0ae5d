"""Judges what the command line says of the way to a root on the network: interfaces and targets.

The names of interfaces, addresses of servers and names of targets are those of the described root.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address

from initpy.core.netsettings import (
    FixedAddress,
    IPAddress,
    IscsiRoot,
    LinkRequest,
    Method,
    NetworkSettings,
)
from initpy.core.network.requests import name_for, requests_for
from initpy.core.network.virtual import master_of
from initpy.core.settings import Settings
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack

TITLE = "the command line"
DHCP6_JOB = "/usr/lib/initpy/jobs/dhcp6.json"
IPV4 = (Method.DHCP, Method.SINGLE_DHCP)


def rows(archive: Archive, stack: Stack, settings: Settings, text: str) -> Iterator[Row]:
    """Yield the rows about interfaces and iSCSI targets; TEXT is the command line."""
    network = settings.network
    ways = [each for each in stack.layers if each.kind is Kind.NETWORK and each.fact("server")]
    for way in ways if network is not None else ():
        assert network is not None
        yield _interface(archive, network, way, text)
    for layer in stack.layers:
        if layer.kind is Kind.TARGET and layer.property("TARGET") == "iscsi":
            yield _target(network, layer, stack)


def _interface(archive: Archive, network: NetworkSettings, way: Layer, text: str) -> Row:
    """Judge whether the interface to a server gets an address that leads to the server."""
    name, mac, server = way.property("INTERFACE"), way.fact("mac"), way.fact("server")
    need = f"ip= for {name}"
    if network.off:
        return Row(TITLE, need, Verdict.MISSING, "ip=off keeps all interfaces down")
    if network.may_need_firmware:
        reason = "cannot know: the firmware's table says which interfaces are set up"
        return Row(TITLE, need, Verdict.WARNING, reason)
    if (master := master_of(network, name)) is not None:
        reason = f"it has no address of its own as a member of {master.name}"
        return Row(TITLE, need, Verdict.MISSING, reason)
    requests = requests_for(network, name_for(network, name, mac), mac)
    if not requests:
        return _unmatched(network, way, need, text)
    address = _address(server)
    leading = (each for each in requests if _leads(network, each, address))
    request = next(leading, requests[0])
    if request.method is Method.DHCP6 and DHCP6_JOB not in archive:
        reason = "dhcp6 needs a DHCPv6 client in the image (jobs/extra/dhcp6.toml)"
        return Row(TITLE, need, Verdict.MISSING, reason)
    if _leads(network, request, address):
        return Row(TITLE, need, Verdict.OK, request.method.value)
    if request.address is not None:
        reason = f"{request.address} has no way to {server}: neither a gateway nor rd.route="
    else:
        reason = f"{request.method.value} gives it no address for {server}"
    return Row(TITLE, need, Verdict.MISSING, reason)


def _unmatched(network: NetworkSettings, way: Layer, need: str, text: str) -> Row:
    matches = [each.match for each in network.links]
    if network.boot_link is not None:
        matches.append(network.boot_link)
    if any(each.mac for each in matches) and not way.fact("mac"):
        reason = (
            "cannot know whether it has the MAC address of the command line: name the interface"
        )
        return Row(TITLE, need, Verdict.UNKNOWN, reason)
    if "net.ifnames=" in text or network.names:
        reason = (
            "cannot know what it is called then: net.ifnames= or ifname= has a say: name it by "
        )
        reason += "its MAC address (ip=MAC:…)"
        return Row(TITLE, need, Verdict.UNKNOWN, reason)
    named = ", ".join(dict.fromkeys(str(each) for each in matches))
    instead = f"other interfaces: {named}" if named else "no interface"
    reason = f"root is reached over it, and the command line sets up {instead}"
    return Row(TITLE, need, Verdict.MISSING, reason)


def _leads(network: NetworkSettings, request: LinkRequest, server: IPAddress | None) -> bool:
    """Return whether a request gives an address that leads to the server, as far as is known."""
    if server is None:
        return True
    if request.address is not None and request.version == server.version:
        fixed = FixedAddress(request.address, request.peer, request.gateway), *request.further
        by_route = any(server in each.destination for each in network.routes)
        return by_route or any(_is_near(each, server) for each in fixed)
    if isinstance(server, IPv4Address):
        return request.method in IPV4
    return request.method is not Method.STATIC


def _is_near(fixed: FixedAddress, server: IPAddress) -> bool:
    """Return whether a fixed address has a way to the server."""
    by_peer = fixed.peer is not None and server in fixed.peer.network
    return by_peer or server in fixed.address.network or fixed.gateway is not None


def _address(text: str) -> IPAddress | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _target(network: NetworkSettings | None, layer: Layer, stack: Stack) -> Row:
    """Judge whether the command line has an iSCSI target logged in to."""
    name = layer.identity.removeprefix("target:")
    known = name.startswith(("iqn.", "eui.", "naa."))
    servers = [stack.layer(each).fact("server") for each in layer.on]
    server = next(filter(None, servers), "")
    host = f"[{server}]" if ":" in server else server
    need = f"netroot= for {layer.name}"
    given = [each for each in network.targets if isinstance(each, IscsiRoot)] if network else []
    if network is not None and (network.iscsi.firmware or network.from_dhcp):
        teller = "the firmware's table" if network.iscsi.firmware else "the lease"
        return Row(TITLE, need, Verdict.WARNING, f"cannot know: {teller} names targets")
    if not given:
        word = f"netroot=iscsi:{host}::::{name if known else 'TARGET'}"
        return Row(TITLE, need, Verdict.MISSING, f"nothing names a target: {word}")
    same = [each for each in given if not (known and each.target) or each.target == name]
    if not same:
        others = ", ".join(each.target for each in given)
        return Row(TITLE, need, Verdict.MISSING, f"the command line names other targets: {others}")
    if not server or any(each.server in ("", server) for each in same):
        return Row(TITLE, need, Verdict.OK, "the engine logs in to it")
    reason = (
        f"cannot know whether {same[0].server} leads to it, which is at {server} now: name it so"
    )
    return Row(TITLE, need, Verdict.UNKNOWN, reason)
