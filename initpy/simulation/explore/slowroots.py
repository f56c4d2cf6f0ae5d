"""Roots whose check takes long: a disk below is slow, and the file system has many files (R6, R19).

Drawn from a generator of its own, so that worlds without one stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.model import Layer, Scenario

SHARE = 0.07  # of the worlds
INODES = 20_000  # 5 MB of inodes: a check reads all of them
RATES = (1 << 20, 64 << 10, 16 << 10)  # 5 s, 80 s, over five minutes
CHECKED = ("ext2", "ext3", "ext4")


def with_slow_root(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps with a root whose check takes long."""
    chance = random.Random(f"slow root {number}")
    if chance.random() >= SHARE:
        return scenario
    root = next((each for each in scenario.layers if each.holds == "root"), None)
    if root is None or root.kind not in CHECKED or root.inodes:
        return scenario
    served = {name for server in scenario.servers for name in server.serves}
    below = [each for each in scenario.disks if each.name in _below(scenario, root) - served]
    if not below:
        return scenario
    slow, rate = chance.choice(below), chance.choice(RATES)
    return replace(
        scenario,
        disks=tuple(replace(e, rate=rate) if e is slow else e for e in scenario.disks),
        layers=tuple(replace(e, inodes=INODES) if e is root else e for e in scenario.layers),
    )


def _below(scenario: Scenario, layer: Layer) -> set[str]:
    """The names of all that a layer stands on."""
    found = {*layer.on}
    for each in scenario.layers:
        names = {each.name, *(part.name for part in each.parts)}
        if each is not layer and names & found:
            found |= _below(scenario, each)
    return found
