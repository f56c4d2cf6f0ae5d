"""Random links of a machine: cards, VLANs, bonds, bridges, and how they get their addresses.

Cables and the servers of leases come at any time, or never, or go again; a lease may be short, and
another server may name no root.
"""

import random
from typing import NamedTuple

from initpy.scenario.acts import Cue, Deed, Fault
from initpy.scenario.network import PORTS, second_address
from initpy.scenario.servers import Nic, Server, Times, machine_address, machine_address_6

NUMBER = 7  # of the VLAN
AT = (2.0, 4.0, 8.0, 15.0, 30.0)
SHAPES = ("card", "named", "vlan", "bond", "bridge", "vlan on bond", "bridge on vlan")
METHODS = ("dhcp", "dhcp", "root by dhcp", "static", "static6", "auto6")
LEASES = (30.0, 120.0, 3600.0)  # seconds
DUAL = 0.25  # of the worlds with links have both versions of IP
NAMES_OF_SHAPES = {"card": "", "named": "lan0", "vlan": "data7", "bond": "bond0", "bridge": "br0",
                   "vlan on bond": "data7", "bridge on vlan": "br0"}  # fmt: skip
NAMES = "ifname=lan0:52:54:00:00:00:00 ifname=lan1:52:54:00:00:00:01"


class Links(NamedTuple):
    """The links of a world, and the servers that give them addresses."""

    shape: str
    method: str
    nics: tuple[Nic, ...]
    servers: tuple[Server, ...]
    words: tuple[str, ...]  # of the command line
    address: str  # of the machine with the servers, at the end of the first card's cable

    @property
    def host(self) -> str:
        """The address as the command line has it."""
        return f"[{self.address}]" if ":" in self.address else self.address


def draw_links(chance: random.Random, export: str = "") -> Links:
    """Links of any shape; `export`: what a lease may name as the root."""
    shape = chance.choice(SHAPES)
    method = chance.choice([each for each in METHODS if export or each != "root by dhcp"])
    bonded = "bond" in shape
    vlan = NUMBER if "vlan" in shape else 0
    nics = [Nic("eth0", draw_times(chance), vlan=vlan)]
    if bonded or chance.random() < 0.4:
        nics.append(Nic("eth1", draw_times(chance), switch="eth0" if bonded else ""))
    six = method in ("static6", "auto6")
    address = machine_address_6("eth0") if six else machine_address("eth0")
    servers: list[Server] = []
    if method in ("dhcp", "root by dhcp"):
        servers = _dhcp(chance, nics, f"{address}:{export}" if method == "root by dhcp" else "")
    elif method == "auto6":
        servers.append(Server("gate", "router", (), "eth0", machine_address_6("eth0"),
                              PORTS["router"], draw_times(chance)))  # fmt: skip
    words = tuple(_words(shape, method))
    links = Links(shape, method, tuple(nics), tuple(servers), words, address)
    # Drawn from a generator of its own, so that worlds with one version of IP stay what they are.
    dual = random.Random(f"dual {links}")
    return _with_other_version(dual, links) if dual.random() < DUAL else links


def draw_competing(chance: random.Random) -> Links:
    """Two cards to two networks with leases, of which one at a time has an address.

    The servers are at the end of either cable.
    """
    nics = tuple(Nic(name, draw_times(chance)) for name in ("eth0", "eth1"))
    leases = tuple(
        Server(f"leases-{nic.name}", "dhcp", (), nic.name, machine_address(nic.name),
               PORTS["dhcp"], draw_times(chance), lease=chance.choice(LEASES))
        for nic in nics
    )  # fmt: skip
    address = machine_address(chance.choice(("eth0", "eth1")))
    return Links("card", "dhcp", nics, leases, tuple(_words("card", "dhcp")), address)


def _with_other_version(chance: random.Random, links: Links) -> Links:
    """Links that are to have addresses of the other version of IP, too: root does not need them."""
    name = NAMES_OF_SHAPES[links.shape] or ("lan0" if "static" in links.method else "")
    six = links.method not in ("static6", "auto6")
    own, method = (machine_address_6, "auto6") if six else (machine_address, "dhcp")
    kind = "router" if six else "dhcp"
    server = Server("beside", kind, (), "eth0", own("eth0"), PORTS[kind], draw_times(chance))
    words = (*links.words, f"ip={name}:{method}" if name else f"ip={method}")
    return links._replace(words=words, servers=(*links.servers, server))


def _dhcp(chance: random.Random, nics: list[Nic], root_path: str) -> list[Server]:
    here = machine_address("eth0")
    found = [Server("leases", "dhcp", (), "eth0", here, PORTS["dhcp"], draw_times(chance),
                    root_path=root_path, lease=chance.choice(LEASES))]  # fmt: skip
    if root_path and chance.random() < 0.4:
        found.insert(0, Server("rogue", "dhcp", (), "eth0", second_address("eth0"), PORTS["dhcp"],
                               draw_times(chance)))  # fmt: skip
    if len(nics) > 1 and not nics[1].switch and chance.random() < 0.6:
        found.append(Server("others", "dhcp", (), "eth1", machine_address("eth1"), PORTS["dhcp"],
                            draw_times(chance)))  # fmt: skip
    return found


def draw_times(chance: random.Random) -> Times:
    """Mostly from the start, or late; sometimes it goes again, or never comes."""
    kind = chance.choices(("start", "late", "goes", "never"), (62, 25, 10, 3))[0]
    if kind == "never":
        return Times(None)
    up = 0.0 if kind == "start" else chance.choice(AT)
    if kind != "goes":
        return Times(up)
    down = up + chance.choice(AT)
    return Times(up, down, down + chance.choice(AT) if chance.random() < 0.8 else None)


def draw_deaths(chance: random.Random) -> tuple[Fault, ...]:
    """Engines that are killed."""
    return tuple(
        Fault(Cue(at=chance.uniform(1.5, 20.0)), Deed.KILL_ENGINE)
        for _ in range(chance.choice((0, 0, 0, 1, 2)))
    )


def _words(shape: str, method: str) -> list[str]:
    name = NAMES_OF_SHAPES[shape]
    words = NAMES.split()
    words += ["bond=bond0:lan0,lan1:mode=active-backup"] if "bond" in shape else []
    if "vlan" in shape:
        words.append(f"vlan=data7:{'bond0' if 'bond' in shape else 'lan0'}")
    if "bridge" in shape:
        words.append(f"bridge=br0:{'data7' if 'vlan' in shape else 'lan0'}")
    match method:
        case "static":
            words.append(f"ip=10.0.2.9:::255.255.255.0::{name or 'lan0'}:none")
        case "static6":
            words.append(f"ip=[fd00:0:0:2::9]:::64::{name or 'lan0'}:none")
        case "auto6":
            words.append(f"ip={name}:auto6" if name else "ip=auto6")
        case _:
            words.append(f"ip={name}:dhcp" if name else "ip=dhcp")
    return words
