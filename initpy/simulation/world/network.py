"""The network as the machine has it: cards, cables, addresses, servers and what they serve."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from initpy.scenario.model import Nic, Scenario, Server
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
    address: str = ""


@dataclass(slots=True)
class Served:
    """A device, or a mounted export, that a server is behind; `lost` is when it broke off."""

    server: Server
    lost: float | None = None


@dataclass(slots=True)
class Network:
    """All of it; `plug` is how the kernel gets a disk of an iSCSI server."""

    links: dict[str, Link]
    servers: dict[str, Server]
    serving: set[str]  # names of servers that are up
    disks: dict[str, Served] = field(default_factory=dict)  # by the kernel's name
    exports: dict[str, Served] = field(default_factory=dict)  # by where they are mounted
    folders: set[str] = field(default_factory=lambda: {"/mnt", "/tmp", "/run"})
    plug: Callable[[DiskPlan], None] | None = None
    listener: Callable[[], None] | None = None  # the engine, where links change
    notes: list[tuple[float, str]] = field(default_factory=list)  # which disk came from where

    def reach(self, host: str, port: int) -> tuple[Server | None, float, str]:
        """A TCP connection: the server, or why there is none; and after how long that is known."""
        ways = [each for each in self.links.values() if each.up and each.address]
        if not ways:
            return None, CONNECT_SECONDS, "Network is unreachable"
        cards = {each.plan.name for each in ways if each.carrier}
        hosts = [each for each in self.servers.values() if each.address == host]
        if not any(each.nic in cards for each in hosts):
            return None, ARP_SECONDS, "No route to host"
        for each in hosts:
            if each.kind == "dhcp":
                continue
            if each.port == port and each.nic in cards and each.name in self.serving:
                return each, CONNECT_SECONDS, ""
        return None, CONNECT_SECONDS, "Connection refused"

    def has_route(self, host: str) -> bool:
        """Whether a link that is up has an address in the host's network: there are no routers."""
        up = [each.address for each in self.links.values() if each.up and each.address]
        return any(ip_address(host) in ip_interface(each).network for each in up)

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
