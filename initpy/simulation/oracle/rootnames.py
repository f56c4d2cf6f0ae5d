"""Root named as the array that it is on is called where that was made (R9): the oracle's account.

mdadm calls HOST:NAME /dev/md/NAME on that host only. Elsewhere the array is taken for root when
root's wait is over, and no other array has that name.
"""

from initpy.scenario.model import RAID, Layer
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.items import Expected, Item
from initpy.simulation.oracle.story import Span
from initpy.simulation.oracle.sure import Sure

TAKEN = "taken for root, as nothing else is"
_FOLDER, _NODE = "/dev/md/", "/dev/md"


def called(layer: Layer) -> set[str]:
    """The paths of an array on the host that made it."""
    numbered = {f"{_NODE}{layer.name}"} if layer.name.isdecimal() else set[str]()
    return {f"{_FOLDER}{layer.name}"} | numbered


def by_array_name(expected: Expected, item: Item) -> Sure:
    """Whether root= reaches root, which is right on an array, by that array's name."""
    scenario = expected.scenario
    below = expected.items[item.below[0]]
    layer, path = below.layer, expected.wishes.root.value
    if layer is None or below.kind not in RAID or path not in called(layer):
        return Sure.UNSURE
    configured = any("mdadm" in name for name, _ in scenario.files)
    old = layer.metadata not in ("", "1.0", "1.1", "1.2") or not disks(expected).issuperset(
        layer.on
    )
    if configured or old or expected.wishes.root_wait is None:
        return Sure.UNSURE
    named = [each for each in scenario.layers if each.kind in RAID and path in called(each)]
    return Sure.YES if named == [layer] else Sure.UNSURE


def disks(expected: Expected) -> set[str]:
    """The names of the scenario's disks."""
    return {each.name for each in expected.scenario.disks}


def wait(expected: Expected) -> float:
    """How long root may be waited for although it is there: it has another name here."""
    path = expected.wishes.root.value
    named = any(
        each.kind in RAID
        and path in called(each)
        # mdadm takes a name without a host for another host's, too (initpy does not).
        and (expected.foreign(each) or each.homehost == "<none>")
        for each in expected.scenario.layers
    )
    return expected.wishes.root_wait or 0.0 if named else 0.0


def no_array_is_taken_by_name_before_the_end(case: Case) -> Found:
    """R9: until root's wait is over, a device of just that name may come."""
    limit = case.expected.wishes.root_wait
    for time, _, text in case.story.reports:
        if TAKEN not in text:
            continue
        begun = max((each for each in case.story.engines if each <= time), default=0.0)
        waited = case.unheld("", Span(begun, time))
        if limit is None or waited < limit - SLACK:
            yield time, f"taken after {waited:.1f} s of {limit} s: {text}"
