"""Random worlds with a root on NFS or NVMe: links of any shape to it, and engines that die."""

import random
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from initpy.scenario.model import Disk, Expectation, Layer, Outcome, Scenario
from initpy.scenario.network import PORTS
from initpy.scenario.servers import Server, machine_address, machine_address_6
from initpy.simulation.explore.links import draw_deaths, draw_links, draw_times

EXPORT = "/srv/root"
WITHIN = 200.0
NQN = "nqn.2004-01.org.example:store"
UUID = "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0004"
SHARE = 0.06  # of all worlds


class World(NamedTuple):
    """A world and what it was made of."""

    scenario: Scenario
    shape: str
    method: str


def exported_root(number: int) -> Scenario | None:
    """The world of that number if its root is one that a server exports."""
    chance = random.Random(f"an exported root {number}")
    if chance.random() >= SHARE:
        return None
    return (draw if chance.random() < 0.7 else draw_nvme)(number).scenario


def draw(number: int) -> World:
    """The world with an exported root of a number."""
    chance = random.Random(f"exported root {number}")
    links = draw_links(chance, EXPORT)
    versions = chance.choice(((), (), ("3",), ("4",)))
    files = Server("files", "nfs", ("root",), "eth0", links.address, PORTS["nfs"],
                   draw_times(chance), export=EXPORT, versions=versions)  # fmt: skip
    root = f"root=nfs{chance.choice(('', '4')) if '3' not in versions else ''}:"
    root = "root=dhcp" if links.method == "root by dhcp" else f"{root}{links.host}:{EXPORT}"
    scenario = Scenario(
        path=Path(f"world-{number}.toml"),
        title=f"world {number}: {links.shape}, {links.method}",
        requirements=("R15", "R16"),
        memory=1024,
        cmdline=" ".join((*links.words, "rw", root)),
        disks=(Disk("root", 64 << 20),),
        layers=(Layer("ext4", "", ("root",), UUID, holds="root"),),
        files=(),
        people=(),
        faults=draw_deaths(chance),
        expect=Expectation(Outcome.BOOTED, WITHIN),
    )
    servers = (files, *links.servers)
    scenario = replace(scenario, nics=links.nics, servers=servers)
    return World(scenario, links.shape, links.method)


def draw_nvme(number: int) -> World:
    """The world of a number with its root on an NVMe namespace, perhaps by a second path too."""
    world = draw(number)
    chance, scenario = random.Random(f"nvme root {number}"), world.scenario
    paths = [
        replace(each, kind="nvme", port=PORTS["nvme"], export="", versions=(), target=NQN)
        for each in scenario.servers
        if each.kind == "nfs"
    ]
    second = scenario.nics[1:] and not scenario.nics[1].switch
    if second and chance.random() < 0.6:
        other = replace(paths[0], name="other", nic="eth1", times=draw_times(chance))
        six = ":" in other.address
        address = machine_address_6("eth1") if six else machine_address("eth1")
        paths.append(replace(other, address=address))
    rest = (replace(each, root_path="") for each in scenario.servers if each.kind != "nfs")
    words = [each for each in scenario.cmdline.split() if not each.startswith("root=")]
    words += [f"rd.nvmf.discover=tcp,[{each.address}]" for each in paths]
    scenario = replace(
        scenario,
        cmdline=" ".join((*words, f"root=UUID={UUID}")),
        servers=(*paths, *(each for each in rest if each.name != "rogue")),
    )
    return World(scenario, world.shape, world.method)
