"""Random firmware RAID: some arrays of a world are volumes in a container of Intel's or DDF.

A container may have a second volume, be another host's, and lose its monitor. Drawn from a
generator of its own, so that worlds without firmware RAID stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.acts import Cue, Deed, Fault
from initpy.scenario.model import CONTAINERS, Layer, Scenario
from initpy.simulation.explore.stacks import MEBI
from initpy.simulation.world.random_faults import RandomFaults

SHARE = 0.25  # of the worlds that have an array on whole disks
LEVELS = ("raid0", "raid1", "raid5", "raid10")  # that both kinds of metadata know
TIMES = (0.5, 1.5, 2.0, 5.0, 12.0, 33.0)


def with_firmware(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with arrays in containers."""
    chance = random.Random(f"firmware {number}")
    if chance.random() >= SHARE:
        return scenario
    served = {name for server in scenario.servers for name in server.serves}
    disks = {each.name for each in scenario.disks} - served
    chosen = [each for each in scenario.layers if _may_be_in_one(scenario, each, disks)]
    chosen = [each for each in chosen if chance.random() < 0.7]
    layers: list[Layer] = []
    for layer in scenario.layers:
        layers += _in_container(chance, layer) if layer in chosen else [layer]
    scenario = replace(scenario, layers=tuple(layers))
    if chosen and chance.random() < 0.3:
        cue = Cue(at=chance.choice(TIMES))
        faults = (*scenario.faults, Fault(cue, Deed.KILL_MONITORS))
        scenario = replace(scenario, faults=faults)
    return scenario


def _may_be_in_one(scenario: Scenario, layer: Layer, disks: set[str]) -> bool:
    """The disks are nothing else's, and the array is as its metadata says."""
    others = (each for each in scenario.layers if each is not layer)
    shared = {name for each in others for name in each.on} & {*layer.on}
    whole = {*layer.on} <= disks and not shared and len({*layer.on}) == len(layer.on)
    return whole and layer.kind in LEVELS and not layer.left and len(layer.on) > 1


def _in_container(chance: random.Random, layer: Layer) -> list[Layer]:
    kind = chance.choice(CONTAINERS)
    box = Layer(kind, f"box-{layer.name}", layer.on)
    if kind == "ddf":
        box = replace(box, homehost=layer.homehost)
    volume = replace(layer, on=(box.name,), homehost="any", metadata="", uuid="")
    if chance.random() < 0.7:
        return [box, volume]
    # The firmware's menus make a second volume on the same disks.
    level = "raid1" if len(layer.on) == 2 else "raid0"
    second = Layer(level, f"{layer.name}b", (box.name,), size=16 * MEBI)
    above = Layer("ext4", "", (second.name,), label=f"second-{layer.name}")
    return [box, second, above, volume]


def with_monitors(number: int, scenario: Scenario, chances: RandomFaults) -> RandomFaults:
    """The faults by chance, perhaps with monitors that die."""
    chance = random.Random(f"monitor {number}")
    dies = chance.choice((0.0, 0.0, 0.2, 0.5))
    return replace(chances, monitor_dies=dies) if dies and has_firmware(scenario) else chances


def has_firmware(scenario: Scenario) -> bool:
    """Whether an array is a volume of firmware RAID."""
    return any(each.kind in CONTAINERS for each in scenario.layers)
