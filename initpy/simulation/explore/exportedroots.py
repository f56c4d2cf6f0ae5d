"""Random networks below an exported root: links of any shape, servers and cables that come and go.

Each world is an NFS root and the links to its server: cards, VLANs, bonds, bridges, one on another;
DHCP, fixed addresses, IPv6; late and lost cables and servers, a DHCP server that names no root, an
engine that is killed.
"""

import random
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from initpy.scenario.model import (
    Cue,
    Deed,
    Disk,
    Expectation,
    Fault,
    Layer,
    Nic,
    Outcome,
    Scenario,
    Server,
    Times,
    machine_address,
)
from initpy.scenario.network import PORTS, machine_address_6, second_address

EXPORT, NUMBER = "/srv/root", 7
AT = (2.0, 4.0, 8.0, 15.0, 30.0)
SHAPES = ("card", "named", "vlan", "bond", "bridge", "vlan on bond", "bridge on vlan")
METHODS = ("dhcp", "dhcp", "root by dhcp", "static", "static6", "auto6")
WITHIN = 200.0
UUID = "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0004"
NAMES = "ifname=lan0:52:54:00:00:00:00 ifname=lan1:52:54:00:00:00:01"


class World(NamedTuple):
    """A world and what it was made of."""

    scenario: Scenario
    shape: str
    method: str


def draw(number: int) -> World:
    """The world of a number."""
    chance = random.Random(f"exported root {number}")
    shape, method = chance.choice(SHAPES), chance.choice(METHODS)
    bonded = "bond" in shape
    vlan = NUMBER if "vlan" in shape else 0
    nics = [Nic("eth0", _times(chance), vlan=vlan)]
    if bonded or chance.random() < 0.4:
        nics.append(Nic("eth1", _times(chance), switch="eth0" if bonded else ""))
    six = method in ("static6", "auto6")
    address = machine_address_6("eth0") if six else machine_address("eth0")
    servers = [
        Server("files", "nfs", ("root",), "eth0", address, PORTS["nfs"], _times(chance),
               export=EXPORT),
    ]  # fmt: skip
    root_path = f"{address}:{EXPORT}" if method == "root by dhcp" else ""
    if method in ("dhcp", "root by dhcp"):
        servers += _dhcp(chance, nics, root_path)
    elif method == "auto6":
        servers.append(Server("gate", "router", (), "eth0", machine_address_6("eth0"),
                              PORTS["router"], _times(chance)))  # fmt: skip
    scenario = Scenario(
        path=Path(f"exported-root-{number}"),
        title=f"{shape}, {method}",
        requirements=("R15", "R16"),
        memory=1024,
        cmdline=" ".join(_words(shape, method, address)),
        disks=(Disk("root", 64 << 20),),
        layers=(Layer("ext4", "", ("root",), UUID, holds="root"),),
        files=(),
        people=(),
        faults=tuple(_faults(chance)),
        expect=Expectation(Outcome.BOOTED, WITHIN),
    )
    return World(replace(scenario, nics=tuple(nics), servers=tuple(servers)), shape, method)


def _dhcp(chance: random.Random, nics: list[Nic], root_path: str) -> list[Server]:
    here = machine_address("eth0")
    found = [Server("leases", "dhcp", (), "eth0", here, PORTS["dhcp"], _times(chance),
                    root_path=root_path, lease=chance.choice((30.0, 120.0, 3600.0)))]  # fmt: skip
    if root_path and chance.random() < 0.4:
        found.insert(0, Server("rogue", "dhcp", (), "eth0", second_address("eth0"), PORTS["dhcp"],
                               _times(chance)))  # fmt: skip
    if len(nics) > 1 and not nics[1].switch and chance.random() < 0.6:
        found.append(Server("others", "dhcp", (), "eth1", machine_address("eth1"), PORTS["dhcp"],
                            _times(chance)))  # fmt: skip
    return found


def _times(chance: random.Random) -> Times:
    kind = chance.choices(("start", "late", "goes", "never"), (62, 25, 10, 3))[0]
    if kind == "never":
        return Times(None)
    up = 0.0 if kind == "start" else chance.choice(AT)
    if kind != "goes":
        return Times(up)
    down = up + chance.choice(AT)
    return Times(up, down, down + chance.choice(AT) if chance.random() < 0.8 else None)


def _faults(chance: random.Random) -> list[Fault]:
    return [
        Fault(Cue(at=chance.uniform(1.5, 20.0)), Deed.KILL_ENGINE)
        for _ in range(chance.choice((0, 0, 0, 1, 2)))
    ]


def _words(shape: str, method: str, address: str) -> list[str]:
    name = {"card": "", "named": "lan0", "vlan": "data7", "bond": "bond0", "bridge": "br0",
            "vlan on bond": "data7", "bridge on vlan": "br0"}[shape]  # fmt: skip
    words = [NAMES, "rw"]
    words += ["bond=bond0:lan0,lan1:mode=active-backup"] if "bond" in shape else []
    if "vlan" in shape:
        words.append(f"vlan=data7:{'bond0' if 'bond' in shape else 'lan0'}")
    if "bridge" in shape:
        words.append(f"bridge=br0:{'data7' if 'vlan' in shape else 'lan0'}")
    host = f"[{address}]" if ":" in address else address
    words.append("root=dhcp" if method == "root by dhcp" else f"root=nfs4:{host}:{EXPORT}")
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
