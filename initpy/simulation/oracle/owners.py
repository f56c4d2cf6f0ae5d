"""Whose volume groups are whose (lvmsystemid(7)), and what follows for their volumes (R9)."""

import re

from initpy.scenario.model import Layer, Scenario
from initpy.simulation.oracle.sure import Sure

# Activating other types writes to the disks (raid), or is not possible read-only (thin, cache).
PLAIN = ("", "linear", "striped")
# Seconds in which nothing is at work before such a group is looked at, and what a look takes.
LOOK = 5.0 + 20.0


def first_of(scenario: Scenario, group: str) -> Layer:
    """The volume that says what its group is like."""
    return next(each for each in scenario.layers if group in (each.group, each.renamed))


def system_id(scenario: Scenario) -> str:
    """The ID that the image's configuration gives to this system."""
    files = dict(scenario.files)
    source = re.search(r'system_id_source\s*=\s*"(\w+)"', files.get("/etc/lvm/lvm.conf", ""))
    if source is None or source[1] not in ("uname", "lvmlocal"):
        return ""
    if source[1] == "uname":
        return "none"  # the image has no host name
    found = re.search(r'system_id\s*=\s*"([^"]*)"', files.get("/etc/lvm/lvmlocal.conf", ""))
    return found[1] if found is not None else ""


def foreign(scenario: Scenario, layer: Layer) -> bool:
    """Whether another system owns the group of this volume."""
    owner = first_of(scenario, layer.group).system_id
    return owner not in ("", system_id(scenario))


def owned(
    scenario: Scenario, hinted: frozenset[str], layer: Layer, whole: Sure
) -> tuple[Sure, str]:
    """Whether this system may use a volume, and why not; `hinted`: groups that paths name."""
    first = first_of(scenario, layer.group)
    if any(each.renamed for each in scenario.layers):
        return Sure.UNSURE, "another group has its name"
    named = f"rd.lvm.lv={layer.group}/{layer.name}" in scenario.cmdline.split()
    if first.left and not (first.left == "skipped" and named):
        typed = any("lvm" in person.text for person in scenario.people)
        return (Sure.UNSURE if typed else Sure.NO), f"the group is {first.left}"
    if not foreign(scenario, layer) or layer.group in hinted:
        return Sure.YES, ""
    if layer.type not in PLAIN:
        return Sure.NO, "the group is another system's"
    # A look shows file systems and encrypted volumes; what else is on the volume is not set up.
    above = next((each for each in scenario.layers if layer.name in each.on), None)
    seen = above is not None and (above.holds == "root" or above.kind.startswith("luks"))
    alone = seen and above is not None and len(above.on) == 1
    sure = whole is Sure.YES and alone
    return (Sure.YES if sure else Sure.UNSURE), "the group is another system's"


def looks(scenario: Scenario, hinted: frozenset[str]) -> float:
    """How long it takes until groups of another system were looked at, one after the other."""
    groups = {
        each.group
        for each in scenario.layers
        if each.kind == "lvm" and foreign(scenario, each) and each.group not in hinted
    }
    return LOOK * len(groups)
