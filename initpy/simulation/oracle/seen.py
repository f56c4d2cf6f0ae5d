"""What a look into an array can see of the world that stands on it (R9)."""

from initpy.scenario.model import RAID, Layer, Scenario
from initpy.simulation.oracle.owners import foreign


def can_be_seen(scenario: Scenario, base: Layer, named: frozenset[str]) -> bool:
    """Whether a look into this array can see all that stands on it, root's file system included.

    Where other disks are involved as well, or several encrypted volumes, the oracle is not sure;
    but a btrfs may have its other devices on plain disks.
    """
    shown, plain = {base.name}, {each.name for each in scenario.disks}
    volumes = 0
    for layer in scenario.layers:
        if not shown & {*layer.on} or layer is base:
            continue
        if layer.kind.startswith("luks"):
            volumes += layer.uuid not in named
        elif layer.kind == "lvm":
            others = (each for each in scenario.layers if each.group == layer.group)
            if any(not {*each.on} <= shown for each in others) or layer.type not in ("", "linear"):
                return False
            if foreign(scenario, layer):
                return False  # a group of another system is not looked into beside an array
        elif layer.kind in RAID:
            if layer.kind != "raid1":
                return False
        elif layer.kind == "btrfs" and {*layer.on} <= shown | plain:
            pass
        elif not {*layer.on} <= shown:
            return False
        shown |= {layer.name, *(part.name for part in layer.parts)}
    return volumes <= 1


def leads_to_root(scenario: Scenario, base: Layer) -> bool:
    """Whether root's file system stands on this array."""
    shown = {base.name}
    for layer in scenario.layers:
        group = [each for each in scenario.layers if layer.group and each.group == layer.group]
        if shown & {*layer.on, *(name for each in group for name in each.on)}:
            if layer.holds == "root":
                return True
            shown |= {layer.name, *(part.name for part in layer.parts)} - {""}
    return False
