"""Whether root can be mounted in the world of a scenario, by the name that users give it."""

from initpy.simulation.oracle import rootnames
from initpy.simulation.oracle.items import Expected, Item
from initpy.simulation.oracle.sure import Sure

# What the layers above the last disk take, timers of missing members aside.
SOON = 20.0


def root_reach(expected: Expected) -> Sure:
    """Whether root can be mounted in this world."""
    if not expected.root or expected.wishes.unclear:
        return Sure.UNSURE
    item = expected.items[expected.root]
    named = _names_root(expected, item)
    if _awaits_a_user(expected):
        named = min(named, Sure.UNSURE)  # the handover waits for that volume (R1)
    wishes = expected.wishes
    late = wishes.root_wait is not None and item.comes + SOON > wishes.root_wait
    if late and wishes.end_after is not None:
        return min(named, item.usable, Sure.UNSURE)  # the machine may have ended before
    return min(named, item.usable)


def _awaits_a_user(expected: Expected) -> bool:
    """Whether the user has named a volume whose passphrase no user types."""
    layers = (each for each in expected.scenario.layers if each.name in expected.silent)
    found = (expected.volume(each) for each in layers)
    return any(each is not None and not each.optional for each in found)


def _names_root(expected: Expected, item: Item) -> Sure:
    root, layer = expected.wishes.root, item.layer
    if layer is None:
        return Sure.NO
    if root.how == "LABEL":
        meant = [each for each in expected.scenario.layers if each.label == root.value]
    elif root.how == "UUID":
        meant = [
            each for each in expected.scenario.layers if each.uuid.lower() == root.value.lower()
        ]
    elif root.how in ("PARTUUID", "PARTLABEL"):
        below = expected.items[item.below[0]].layer
        parts = [
            part
            for each in expected.scenario.layers
            for part in each.parts
            if root.value.lower() == (part.uuid if root.how == "PARTUUID" else part.label).lower()
        ]
        if len(parts) != 1:
            return Sure.UNSURE
        return Sure.YES if parts[0].name == item.below[0] else Sure.NO
    elif root.value.startswith("ZFS="):
        datasets = (f"ZFS={layer.name}/{each.name}" for each in layer.datasets)
        return Sure.YES if root.value in datasets else Sure.UNSURE
    elif root.how == "PATH":
        below = expected.items[item.below[0]].layer
        if below is not None and root.value == f"/dev/{below.group}/{below.name}":
            return Sure.YES
        return rootnames.by_array_name(expected, item)
    else:
        return Sure.UNSURE
    if not meant:
        return Sure.NO
    return Sure.YES if meant == [layer] else Sure.UNSURE
