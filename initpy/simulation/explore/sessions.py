"""Random sessions: some of a world's disks are moved to iSCSI or NBD servers.

The command line names the servers. Drawn from a generator of its own, so that worlds without
sessions stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.model import Disk, Scenario
from initpy.scenario.network import PORTS
from initpy.scenario.servers import Server, machine_address
from initpy.simulation.explore.links import draw_competing, draw_deaths, draw_links, draw_times

SHARE = 0.1  # of the worlds
COMPETING = 0.25  # of these: the servers are behind one of two cards that take turns
CARDS = ("eth1", "eth0")
TARGET, INITIATOR = "iqn.2004-01.org.example:{}", "iqn.2004-01.org.example:me"


def with_sessions(number: int, scenario: Scenario) -> Scenario | None:
    """The world of that number, its disks on servers; None for most."""
    chance = random.Random(f"sessions {number}")
    if chance.random() >= SHARE:
        return None
    handled = {fault.argument for fault in scenario.faults}
    free = [each.name for each in scenario.disks if each.bus == "virtio"]
    free = [name for name in free if name not in handled]
    if not free:
        return None
    chosen = chance.sample(free, min(len(free), chance.choice((1, 1, 2, 3, 8))))
    links = draw_links(chance)
    # Drawn from a generator of its own, so that worlds with other links stay what they are.
    other = random.Random(f"competing {number}")
    if other.random() < COMPETING:
        links = draw_competing(other)
    nic = next(each for each in CARDS if machine_address(each) == links.address or each == "eth0")
    words = list(links.words)
    if chance.random() < 0.7:
        groups = _grouped(chance, chosen)
        servers = [
            Server(f"store-{at}", "iscsi", tuple(names), nic, links.address, PORTS["iscsi"],
                   draw_times(chance), TARGET.format(f"store-{at}"))
            for at, names in enumerate(groups)
        ]  # fmt: skip
        words += [f"netroot=iscsi:{links.host}::::{each.target}" for each in servers]
        words.append(f"rd.iscsi.initiator={INITIATOR}")
    else:
        servers = [Server("store", "nbd", tuple(chosen), nic, links.address, PORTS["nbd"],
                          draw_times(chance))]  # fmt: skip
        words += [f"netroot=nbd:{links.host}:{name}" for name in chosen]
    return replace(
        scenario,
        cmdline=" ".join((scenario.cmdline, *words)),
        disks=tuple(Disk(d.name, d.size) if d.name in chosen else d for d in scenario.disks),
        faults=(*scenario.faults, *draw_deaths(chance)),
        nics=links.nics,
        servers=(*servers, *links.servers),
    )


def _grouped(chance: random.Random, names: list[str]) -> list[list[str]]:
    """The units of one target, or of one target each."""
    return [names] if chance.random() < 0.5 else [[each] for each in names]
