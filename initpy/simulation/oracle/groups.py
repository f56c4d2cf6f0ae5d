"""Volume groups of another system: who may use them (lvmsystemid(7)), and how (R9).

LVM refuses a group with another system's ID. A group that the user names is used all the same;
any other one is only looked at, without a byte written, until it shows what leads to root.
"""

from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.oracle.items import Expected
from initpy.simulation.oracle.owners import first_of, system_id


def a_foreign_group_is_not_written(case: Case) -> Found:
    """A group of another system that the user does not name is activated read-only.

    Only a volume that root stands on, or a locked one, becomes writable.
    """
    expected, scenario = case.expected, case.expected.scenario
    if "lvm" in expected.wishes.named:
        return
    for work in case.story.works:
        group, _, volume = work.words[-1].partition("/")
        named = group in {each.renamed or each.group for each in scenario.layers if each.group}
        if not {"lvchange", "vgchange"} & {*work.words} or not named:
            continue
        if group in expected.wishes.hinted or first_of(scenario, group).system_id in (
            "",
            system_id(scenario),
        ):
            continue
        text = " ".join(work.words)
        if "--refresh" in work.words:
            if not _leads(expected, group, volume):
                yield work.start, f"{group}/{volume} of another system is made writable in vain"
        elif (
            "system_id=" in text
            and "read_only_volume_list=" not in text
            and "n" not in work.words  # --activate n
        ):
            yield work.start, f"{group} of another system is activated: {text}"


def _leads(expected: Expected, group: str, volume: str) -> bool:
    """Whether root or an encrypted volume stands on this logical volume."""
    for item in expected.items.values():
        layer = item.layer
        if layer is not None and (layer.holds == "root" or layer.kind.startswith("luks")):
            below = (expected.items[name].layer for name in expected.cone(item.name))
            if any(each and (each.group, each.name) == (group, volume) for each in below):
                return True
    return False
