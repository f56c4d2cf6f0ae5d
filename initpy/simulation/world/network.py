"""The network as the machine has it: cards, cables, addresses, servers and what they serve."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from initpy.core.netsettings import VirtualLink, Vlan
from initpy.scenario.model import Scenario
from initpy.scenario.servers import ADDRESS_ONLY, Nic, Server
from initpy.simulation.world.plans import DiskPlan

# arp(7): three requests, a second apart; then "No route to host".
ARP_SECONDS = 3.1
CONNECT_SECONDS = 0.02


@dataclass(slots=True)
class Link:
    """A card in the kernel."""

    plan: Nic
    carrier: bool
    mac: str = ""
    name: str = ""  # that it has now
    there: bool = False  # its driver is loaded
    up: bool = False
    mtu: int = 1500
    addresses: tuple[str, ...] = ()  # of IPv4
    addresses_6: tuple[str, ...] = ()  # that the engine has given it
    learned_6: str = ""  # that a router has given it
    network_6: str = ""  # that a router has said to be on the link
    names_6: tuple[str, str] = ("", "")  # name servers and domains that a router has said
    accepts: bool = False  # the kernel takes router advertisements on it
    made: VirtualLink | None = None  # what it was made as; None: a card
    master: str = ""  # name of the bond or bridge that it is a member of

    @property
    def all_addresses_6(self) -> tuple[str, ...]:
        """Its IPv6 addresses, wherever they are from."""
        return (*self.addresses_6, *filter(None, (self.learned_6,)))


@dataclass(slots=True)
class Served:
    """A device, or a mounted export, that a server is behind; `lost` is when it broke off."""

    server: Server
    lost: float | None = None
    patience: float = 120.0  # iSCSI: seconds that requests wait for it (iscsi_settings.h)
    persists: bool = False  # NBD: a client stays, and the kernel tells when it is lost


@dataclass(slots=True)
class Network:
    """All of it; `plug` is how the kernel gets a disk of an iSCSI or NVMe server."""

    links: dict[str, Link]
    servers: dict[str, Server]
    serving: set[str]  # names of servers that are up
    disks: dict[str, Served] = field(default_factory=dict)  # by the kernel's name
    # NVMe servers that there is a controller for, by name; with when its connection broke off.
    paths: dict[str, float | None] = field(default_factory=dict)
    exports: dict[str, Served] = field(default_factory=dict)  # by where they are mounted
    # iSCSI targets to which iscsid logs in, whoever has asked for it, and until when.
    logging_in: dict[str, float] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"/mnt", "/tmp", "/run"})
    plug: Callable[[DiskPlan], None] | None = None
    listener: Callable[[], None] | None = None  # the engine, where links change
    notes: list[tuple[float, str]] = field(default_factory=list)  # which disk came from where

    def below(self, link: Link) -> list[Link]:
        """The links that one is made of, as far as they are there."""
        if isinstance(link.made, Vlan):
            return [each for each in self.links.values() if each.name == link.made.parent]
        return [each for each in self.links.values() if each.master == link.name]

    def carries(self, link: Link) -> bool:
        """Whether frames can be sent on a link: it is on, and has a carrier."""
        if link.made is None:
            return link.up and link.carrier
        return link.up and any(self.carries(each) for each in self.below(link))

    def wires(self, link: Link) -> set[tuple[str, int]]:
        """The switches that frames of a link come to, each with the number of the VLAN."""
        if not self.carries(link):
            return set()
        if link.made is None:
            return {(link.plan.switch or link.plan.name, 0)}
        found = {wire for each in self.below(link) for wire in self.wires(each)}
        if isinstance(link.made, Vlan):
            found = {(name, link.made.id) for name, tag in found if not tag}
        return found

    def wire(self, nic: str) -> tuple[str, int]:
        """The switch, and the VLAN on it, of the servers that are at the end of a card's cable."""
        plan = self.links[nic].plan
        return plan.switch or plan.name, plan.vlan

    def reaches(self, server: Server) -> bool:
        """Whether frames of this machine come to a server."""
        return any(self.wire(server.nic) in self.wires(each) for each in self.links.values())

    def reach(self, host: str, port: int) -> tuple[Server | None, float, str]:
        """A TCP connection: the server, or why there is none; and after how long that is known."""
        plain, _, zone = host.partition("%")
        if zone:
            return self._on_link(zone, plain, port)
        host = self.address_of(host)
        if host.rpartition(".")[2].isalpha():
            return None, CONNECT_SECONDS, "Name or service not known"
        six = ":" in host
        addressed = [
            each
            for each in self.links.values()
            if (each.all_addresses_6 if six else each.addresses)
        ]
        ways = [each for each in addressed if each.up]
        if not ways or not self.has_route(host):
            return None, CONNECT_SECONDS, "Network is unreachable"
        wires = {wire for each in ways for wire in self.wires(each)}
        hosts = [each for each in self.servers.values() if each.address == host]
        if not any(self.wire(each.nic) in wires for each in hosts):
            return None, ARP_SECONDS, "No route to host"
        for each in hosts:
            if each.kind in ADDRESS_ONLY:
                continue
            answers = each.name in self.serving or each.withdraws
            if each.port == port and self.wire(each.nic) in wires and answers:
                return each, CONNECT_SECONDS, ""
        return None, CONNECT_SECONDS, "Connection refused"

    def address_of(self, host: str) -> str:
        """The address of a host that a name server knows; else what was given."""
        up = (each for each in self.servers.values() if each.name in self.serving)
        knows = (each for each in up if each.resolves == host and self.reaches(each))
        found = [each.resolves_to or (each.address,) for each in knows]
        there = {each.address for each in self.servers.values()}
        return next((each for those in found for each in those if each in there), host)

    def _on_link(self, name: str, host: str, port: int) -> tuple[Server | None, float, str]:
        """The same for a server's address of a link: no address of another kind is needed."""
        wires = {wire for each in self.links.values() if each.name == name
                 for wire in self.wires(each)}  # fmt: skip
        there = [each for each in self.servers.values()
                 if each.address == host and self.wire(each.nic) in wires]  # fmt: skip
        if not there:
            return None, ARP_SECONDS, "No route to host"
        for each in there:
            if each.port == port and (each.name in self.serving or each.withdraws):
                return each, CONNECT_SECONDS, ""
        return None, CONNECT_SECONDS, "Connection refused"

    def has_route(self, host: str) -> bool:
        """Whether a link that is up has an address in the host's network: there are no routers."""
        if zone := host.partition("%")[2]:
            return any(each.up for each in self.links.values() if each.name == zone)
        up = [each for each in self.links.values() if each.up]
        there = [text for each in up for text in (*each.addresses, *each.all_addresses_6)]
        there += [each.network_6 for each in up if each.network_6]
        return any(ip_address(host) in ip_interface(each).network for each in there)

    def changed(self) -> None:
        """A link has changed."""
        if self.listener is not None:
            self.listener()

    def gives(self, now: float, server: Server, disk: str, device: str) -> None:
        """A login has brought a disk: it is the server's from now on."""
        self.disks[device] = Served(server)
        self.notes.append((now, f"{server.name} ({server.kind}) gives {disk} as {device}"))


def network_of(scenario: Scenario) -> Network:
    """The network of a scenario as it is at power-on."""
    links = {
        nic.name: Link(nic, nic.carrier.up == 0.0, f"52:54:00:00:00:{number:02x}", nic.name)
        for number, nic in enumerate(scenario.nics)
    }
    servers = {each.name: each for each in scenario.servers}
    return Network(links, servers, {name for name, s in servers.items() if s.times.up == 0.0})
