"""The parameters about links, addresses, routes and name servers, one after another."""

from collections.abc import Callable
from typing import Any

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields, ip, links, merge
from initpy.core.netsettings import (
    Bond,
    Bridge,
    LinkMatch,
    LinkRequest,
    Method,
    NetLimits,
    NetworkSettings,
    Route,
    Vlan,
)
from initpy.core.slots import dataclass, field

ADDRESS = "the address of a name server; several have a nameserver= each"
IP6 = "dhcp6, off or the name of a network interface"


@dataclass(slots=True)
class LinkWish:
    """What the parameters say; of several virtual links of one name the last counts."""

    problems: list[InputError] = field(default_factory=list)
    asked: list[merge.Asked] = field(default_factory=list)
    requests: list[LinkRequest] = field(default_factory=list)  # that this comes to
    off: bool = False
    firmware: bool = False  # links are as iBFT says
    needed: bool = False
    boot_device: LinkMatch | None = None  # bootdev=
    boot_interface: LinkMatch | None = None  # BOOTIF=, the boot loader's
    use_boot_interface: bool = True
    names: dict[str, str] = field(default_factory=dict)
    vlans: dict[str, Vlan] = field(default_factory=dict)
    bonds: dict[str, Bond] = field(default_factory=dict)
    bridges: dict[str, Bridge] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=list)
    peer_dns: bool = True
    client_ids: dict[str, tuple[bytes, Parameter]] = field(default_factory=dict)
    limits: NetLimits = field(default_factory=NetLimits)

    def take_ip(self, parameter: Parameter) -> None:
        """`ip=`, `nfsaddrs=`"""
        asked = ip.read(parameter)
        self.problems.extend(asked.notes)
        self.off = asked.off
        self.firmware = self.firmware or asked.firmware
        self._add(parameter, *asked.links)

    def take_ip6(self, parameter: Parameter) -> None:
        """`ip6=` of Ubuntu's initramfs-tools: a word, or the link to ask for DHCPv6 on."""
        text = parameter.text(IP6)
        if text in ("off", "none"):
            return
        words = ("on", "any", "all", "dhcp", "dhcp6")
        match = LinkMatch() if text in words else fields.link(text)
        if match is None:
            raise parameter.error(IP6)
        self._add(parameter, LinkRequest(match, Method.DHCP6))

    def _add(self, parameter: Parameter, *requests: LinkRequest) -> None:
        self.asked.extend(merge.Asked(parameter, each) for each in requests)
        # Wrong combinations are told once, at the end.
        self.requests, _ = merge.merged(self.asked)

    def take_interface_name(self, parameter: Parameter) -> None:
        """`ifname=`"""
        mac, name = links.interface_name(parameter)
        self.names = {key: each for key, each in self.names.items() if each != name}
        self.names[mac] = name

    def take_boot_device(self, parameter: Parameter) -> None:
        """`bootdev=`"""
        self.boot_device = links.boot_device(parameter)

    def take_boot_interface(self, parameter: Parameter) -> None:
        """`BOOTIF=`"""
        self.boot_interface = links.boot_interface(parameter)

    def take_use_boot_interface(self, parameter: Parameter) -> None:
        """`rd.bootif=`"""
        self.use_boot_interface = parameter.flag()

    def take_vlan(self, parameter: Parameter) -> None:
        """`vlan=`"""
        found = links.vlan(parameter, self.problems)
        self.vlans[found.name] = found

    def take_bond(self, parameter: Parameter) -> None:
        """`bond=`"""
        found = links.bond(parameter, self.problems)
        self.bonds[found.name] = found

    def take_bridge(self, parameter: Parameter) -> None:
        """`bridge=`"""
        found = links.bridge(parameter, self.problems)
        self.bridges[found.name] = found

    def take_route(self, parameter: Parameter) -> None:
        """`rd.route=`"""
        self.routes.append(links.route(parameter))

    def take_nameserver(self, parameter: Parameter) -> None:
        """`nameserver=`"""
        text = parameter.value or ""
        found = fields.of_a_link(text)
        if found is None and (plain := fields.address(text)) is not None:
            if plain.is_link_local and plain.version == 6:
                raise parameter.error(f"[{plain}%INTERFACE]: it is an address of a link")
            found = str(plain)
        if found is None:
            raise parameter.error(ADDRESS)
        self.nameservers.append(found)

    def take_client_id(self, parameter: Parameter) -> None:
        """`rd.net.dhcp.client-id=`"""
        name, found = links.client_id(parameter)
        self.client_ids[name] = found, parameter

    def take_peer_dns(self, parameter: Parameter) -> None:
        """`rd.peerdns=`"""
        self.peer_dns = parameter.flag()

    def take_needed(self, parameter: Parameter) -> None:
        """`rd.neednet=`"""
        self.needed = parameter.flag()

    def take_limit(self, name: str, parameter: Parameter) -> None:
        """`rd.net.timeout.*`; 0 is no limit."""
        changes: dict[str, Any] = {name: parameter.seconds(for_ever=0.0) or None}
        self.limits = self.limits._replace(**changes)

    def take_dhcp_tries(self, parameter: Parameter) -> None:
        """`rd.net.dhcp.retry=`"""
        count = parameter.integer()
        if count < 1:
            raise parameter.error("a number of tries, 1 or more")
        self.limits = self.limits._replace(dhcp_tries=count)

    def _identify(self) -> None:
        """Give requests the client identifiers that are meant for their links."""
        for name, (found, parameter) in self.client_ids.items():
            if not any(each.match.name == name for each in self.requests):
                self.problems.append(parameter.error(f"an ip={name}:dhcp beside it"))
            self.requests = [
                each._replace(client_id=found) if each.match.name == name else each
                for each in self.requests
            ]

    def server(self) -> str:
        """Return the server that an `ip=` names for whatever names none of its own."""
        return next((str(each.server) for each in self.requests if each.server), "")

    def finish(self, network: NetworkSettings, default: Method) -> NetworkSettings:
        """Return the settings with links, each request without a link for the one booted from.

        Without any request the default is DHCP, where the root needs a link (nfsroot.rst,
        dracut.cmdline(7)); see `_defaults`.
        """
        for name in links.in_circles({**self.bonds, **self.bridges, **self.vlans}):
            told = "links that are not made of each other: this one is left out"
            self.problems.append(InputError("command line: bond, bridge, vlan", name, told))
            for made in (self.bonds, self.bridges, self.vlans):
                made.pop(name, None)
        self.problems.extend(merge.merged(self.asked)[1])
        self._identify()
        boot = self.boot_device or (self.boot_interface if self.use_boot_interface else None)
        firmware = self.firmware or network.iscsi.firmware_links or network.iscsi.firmware
        wanted = network.root_needs_link or self.needed
        defaulted = wanted and not (self.requests or self.off or firmware)
        requests = _defaults(network, default) if defaulted else self.requests
        return network._replace(
            links=tuple(
                each._replace(match=boot) if boot is not None and each.match.any else each
                for each in requests
            ),
            defaulted=defaulted,
            off=self.off and not requests,
            needed=self.needed,
            boot_link=boot,
            names=tuple(self.names.items()),
            vlans=tuple(self.vlans.values()),
            bonds=tuple(self.bonds.values()),
            bridges=tuple(self.bridges.values()),
            routes=tuple(self.routes),
            nameservers=tuple(self.nameservers),
            peer_dns=self.peer_dns,
            limits=self.limits,
            iscsi=network.iscsi._replace(
                firmware_links=network.iscsi.firmware_links or self.firmware
            ),
        )


def _defaults(network: NetworkSettings, method: Method) -> list[LinkRequest]:
    """Return what all links get without an ip=; IPv6, too, if a server has such an address."""
    named = [getattr(network.root, "server", ""), *(each.server for each in network.targets)]
    zones = [each.partition("%")[2] for each in named if each]
    if zones and all(zones):  # addresses of links: those links will do
        return [LinkRequest(LinkMatch(name=each), Method.LINK6) for each in dict.fromkeys(zones)]
    six = method.version == 4 and any(":" in each for each in named)
    return [LinkRequest(method=each) for each in ((method, Method.EITHER6) if six else (method,))]


def _limit(name: str) -> Callable[[LinkWish, Parameter], None]:
    return lambda wish, parameter: wish.take_limit(name, parameter)


PARAMETERS: dict[str, Callable[[LinkWish, Parameter], None]] = {
    "ip": LinkWish.take_ip,
    "nfsaddrs": LinkWish.take_ip,
    "ip6": LinkWish.take_ip6,
    "ifname": LinkWish.take_interface_name,
    "bootdev": LinkWish.take_boot_device,
    "BOOTIF": LinkWish.take_boot_interface,
    "rd.bootif": LinkWish.take_use_boot_interface,
    "vlan": LinkWish.take_vlan,
    "bond": LinkWish.take_bond,
    "bridge": LinkWish.take_bridge,
    "rd.route": LinkWish.take_route,
    "nameserver": LinkWish.take_nameserver,
    "rd.net.dns": LinkWish.take_nameserver,  # NetworkManager's, without its URIs
    "rd.net.dhcp.client-id": LinkWish.take_client_id,
    "rd.peerdns": LinkWish.take_peer_dns,
    "rd.neednet": LinkWish.take_needed,
    "rd.net.timeout.iflink": _limit("link"),
    "rd.net.timeout.ifup": _limit("up"),
    "rd.net.timeout.carrier": _limit("carrier"),
    "rd.net.timeout.dhcp": _limit("dhcp"),
    "rd.net.timeout.route": _limit("route"),
    "rd.net.timeout.ipv6dad": _limit("dad"),
    "rd.net.timeout.ipv6auto": _limit("auto"),
    "rd.net.dhcp.retry": LinkWish.take_dhcp_tries,
}
