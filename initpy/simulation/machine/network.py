"""What the engine wants done with the network, and what it hears of it.

The counterpart of runtime/net. A DHCP server answers as dnsmasq does without its ping: at once, an
offer to a discovery, an acknowledgement to a request for an address of its own.
"""

from collections.abc import Callable

from initpy.core.devices.graph import NET, Device
from initpy.core.events import DeviceChanged, DeviceRemoved, Event
from initpy.core.netsettings import VirtualLink, Vlan
from initpy.core.network.actions import (
    AcceptRouters,
    Configure,
    JoinLink,
    MakeLink,
    NameHost,
    NetworkAction,
    RemoveLink,
    RenameLink,
    Resolve,
    SendDhcp,
    StopDhcp,
    SwitchLink,
)
from initpy.core.network.events import (
    DhcpReceived,
    LinkConfigured,
    LinkJoined,
    LinkMade,
    Resolved,
)
from initpy.core.network.properties import DOMAINS_RA, SERVERS_RA
from initpy.core.network.values import DhcpKind, Reply, Request
from initpy.scenario.network import second_address
from initpy.scenario.servers import Server, distant_address, machine_address
from initpy.simulation.kernel import network as drivers
from initpy.simulation.world.network import Link
from initpy.simulation.world.world import World

SWITCH_SECONDS, CONFIGURE_SECONDS, MAKE_SECONDS = 0.05, 0.05, 0.1
ANSWER_SECONDS = 0.02
LEAST_MTU_6 = 1280  # below it the kernel takes IPv6 from a link (addrconf_notify())
MOST_MTU = 1500  # ETH_DATA_LEN, where a driver names no other (ether_setup())
RESOLVE_SECONDS = 5.0  # resolv.conf(5), timeout
NO_NAME = "Temporary failure in name resolution"


class Cards:
    """The links of the machine for one life of the engine."""

    def __init__(self, world: World, take: Callable[[Event], None]) -> None:
        self._world, self._take = world, take
        self._known: dict[str, Device] = {}
        self._listening: set[str] = set()
        self._open = True
        if world.network is not None:
            world.network.listener = self.look

    def close(self) -> None:
        """The engine is gone."""
        self._open = False
        if self._world.network is not None:
            self._world.network.listener = None

    def present(self) -> tuple[Device, ...]:
        """The links that udev has finished with."""
        self._known = self._found()
        return tuple(self._known.values())

    def has(self, subject: str) -> bool:
        """Whether a subject is a link that was told of."""
        return subject in self._known

    def look(self) -> None:
        """Tell what has changed since the last look."""
        if not self._open:
            return
        found = self._found()
        gone = [name for name in self._known if name not in found]
        news = [each for name, each in found.items() if self._known.get(name) != each]
        self._known = found
        for name in gone:
            self._take(DeviceRemoved(name))
        for each in news:
            self._take(DeviceChanged(each))

    def _found(self) -> dict[str, Device]:
        network = self._world.network
        links = network.links.values() if network is not None else ()
        devices = [self._as_device(each) for each in links if each.there]
        return {each.name: each for each in devices}

    def _as_device(self, link: Link) -> Device:
        name = link.name
        properties = {
            "SUBSYSTEM": "net",
            "INTERFACE": name,
            "address": link.mac,
            "type": "1",
            "mtu": str(link.mtu),
            "ifindex": str(2 + self._number(link)),  # 1 is that of the loopback
            "up": "1" if link.up else "0",
            "carrier": "1" if self._carries(link) else "0",
        }
        other = f"enx{link.mac.replace(':', '')}"  # ID_NET_NAME_MAC, of cards alone
        if link.made is None and other != name:
            properties["altnames"] = other
        if link.all_addresses_6:
            properties["addresses6"] = " ".join(sorted(link.all_addresses_6))
        for key, value in zip((SERVERS_RA, DOMAINS_RA), link.names_6, strict=True):
            properties |= {key: value} if value else {}
        if link.master:
            properties["master"] = link.master
        if lease := self._world.records.get(f"lease.{name}"):
            properties["lease"] = lease
        elif secret := self._world.secrets.get(f"/run/initpy/lease.{name}"):
            properties["lease"] = secret.decode()
        return Device(f"net/{name}", properties, kind=NET)

    def _number(self, link: Link) -> int:
        network = self._world.network
        return list(network.links.values()).index(link) if network is not None else 0

    def _carries(self, link: Link) -> bool:
        network = self._world.network
        return network is not None and network.carries(link)

    def act(self, action: NetworkAction) -> None:
        """Carry an action out."""
        after = self._world.agenda.after
        match action:
            case SwitchLink(link, up, mac):
                after(SWITCH_SECONDS, self._switch, link, up, mac)
            case RenameLink(link, name, otherwise):
                after(SWITCH_SECONDS, self._rename, link, name, otherwise)
            case MakeLink(made):
                after(MAKE_SECONDS, self._make, made)
            case JoinLink():
                after(SWITCH_SECONDS, self._join, action)
            case RemoveLink(name):
                after(SWITCH_SECONDS, self._remove, name)
            case AcceptRouters(link):
                after(CONFIGURE_SECONDS, self._accept_routers, link)
            case NameHost():
                pass  # nothing here asks for the name
            case Configure():
                after(CONFIGURE_SECONDS, self._configure, action)
            case SendDhcp(link, request):
                self._listening.add(link)
                self._send(link, request)
            case StopDhcp(link):
                self._listening.discard(link)
            case Resolve(host):
                self._resolve(host)

    def _resolve(self, host: str) -> None:
        """Ask a name server that a lease has named and that is reached now."""
        network = self._world.network
        seconds, found = RESOLVE_SECONDS, Resolved(host, (), NO_NAME)
        if network is not None:
            up = (each for each in network.servers.values() if each.name in network.serving)
            knows = (
                each
                for each in up
                if host in (each.resolves, each.resolves.partition(".")[0])
                and network.reaches(each)
            )
            if server := next(knows, None):
                addresses = server.resolves_to or (server.address,)
                seconds, found = ANSWER_SECONDS, Resolved(host, addresses)
        self._world.agenda.after(seconds, self._tell, found)

    def _tell(self, event: Event) -> None:
        if self._open:
            self._take(event)

    def _link(self, name: str) -> Link | None:
        network = self._world.network
        links = network.links.values() if network is not None else ()
        return next((each for each in links if each.name == name), None)

    def _switch(self, name: str, up: bool, mac: str) -> None:
        link = self._link(name)
        if link is None or not link.there or link.up is up:
            return
        link.mac = mac or link.mac
        network = self._world.network
        lower = network.below(link) if network is not None else []
        # The kernel switches no VLAN on whose parent is off (vlan_dev_open()).
        if not up or not isinstance(link.made, Vlan) or all(each.up for each in lower):
            drivers.switch(self._world, link, up)

    def _rename(self, name: str, wanted: str, otherwise: str) -> None:
        wanted = otherwise if self._link(wanted) is not None else wanted
        if (link := self._link(name)) is None:
            return
        link.up, link.name = False, wanted or name
        if not wanted:  # as LinkMonitor.tell_again
            self._known.pop(f"net/{name}", None)
            self._take(DeviceRemoved(f"net/{name}"))
        self.look()

    def _make(self, made: VirtualLink) -> None:
        network = self._world.network
        error = (
            drivers.make(self._world, network, made) if network is not None else "No such device"
        )
        self._tell(LinkMade(made.name, error))

    def _join(self, action: JoinLink) -> None:
        link, master = self._link(action.link), self._link(action.master)
        if link is None or master is None:
            self._tell(LinkJoined(action.link, action.master, "No such device"))
            return
        if not link.master:
            drivers.join(self._world, link, master)
        self._tell(LinkJoined(action.link, action.master))

    def _remove(self, name: str) -> None:
        if self._world.network is not None and self._link(name) is not None:
            drivers.remove(self._world.network, name)

    def _accept_routers(self, name: str) -> None:
        if (link := self._link(name)) is not None:
            link.accepts = True
            drivers.advertise(self._world, link)

    def _configure(self, action: Configure) -> None:
        link = self._link(action.link)
        if link is None or not link.there:
            self._tell(LinkConfigured(action.link, action.number, "No such device"))
            return
        addresses, mtu = action.config.addresses, action.config.mtu
        if mtu > MOST_MTU:
            self._world.kernel(f"initpy: {link.name}: no MTU of {mtu}: Invalid argument")
        elif mtu:
            link.mtu = mtu
        if link.mtu < LEAST_MTU_6:
            link.learned_6, link.addresses_6, link.accepts = "", (), False
        if action.version == 4:
            link.addresses = addresses
        else:
            link.addresses_6 = addresses if link.mtu >= LEAST_MTU_6 else ()
        if action.version == 6 or mtu:
            self.look()
        self._tell(LinkConfigured(action.link, action.number))

    def _send(self, name: str, request: Request) -> None:
        link, network = self._link(name), self._world.network
        if link is None or network is None or not network.carries(link):
            return
        if link.plan.lease is not None:  # of QEMU's user network
            seconds = link.plan.lease + ANSWER_SECONDS
            self._world.agenda.after(seconds, self._receive, link, _user_network(request))
        for server in network.servers.values():
            if (
                server.kind == "dhcp"
                and network.wire(server.nic) in network.wires(link)
                and server.name in network.serving
            ):
                reply = _answer(server, request)
                if reply is not None:
                    self._world.agenda.after(ANSWER_SECONDS, self._receive, link, reply)

    def _receive(self, link: Link, reply: Reply) -> None:
        name = link.name
        if name in self._listening and self._carries(link):
            self._tell(DhcpReceived(name, reply))


def _user_network(request: Request) -> Reply:
    """What QEMU's own DHCP server answers (net/slirp, bootp.c)."""
    kind = DhcpKind.ACK if request.kind is DhcpKind.REQUEST else DhcpKind.OFFER
    return Reply(kind, request.xid, "10.0.2.15", "10.0.2.2", 24, lease=86400.0)


def _answer(server: Server, request: Request) -> Reply | None:
    """What the server answers, None if it says nothing."""
    network = machine_address(server.nic).rpartition(".")[0]
    kind = DhcpKind.OFFER
    own = distant_address(server.nic) if server.relayed else server.address
    if request.kind is DhcpKind.REQUEST:
        if request.server not in ("", own):
            return None
        kind = DhcpKind.ACK
    return Reply(
        kind,
        request.xid,
        f"{network}.{150 if server.address == second_address(server.nic) else 50}",
        own,
        24,
        routers=(server.address,) if server.relayed else (),
        lease=server.lease or None,
        root_path=server.root_path,
        mtu=server.mtu,
        domain=server.resolves.partition(".")[2],
        dns=(server.address,) if server.resolves else (),
    )
