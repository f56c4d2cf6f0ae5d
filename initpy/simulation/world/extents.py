"""How large a logical volume becomes, and on which physical volumes: lvmraid(7)."""

from initpy.scenario.model import Layer
from initpy.simulation.world.plans import (
    GroupPlan,
    PhysicalPlan,
)

EXTENT = 4 << 20  # vgcreate(8), the default


def allocate(group: GroupPlan, layer: Layer) -> tuple[int, list[PhysicalPlan]]:
    """How large the volume becomes and which physical volumes it stands on; see lvmraid(7)."""
    kind, wanted = layer.type or "linear", layer.size
    if kind == "linear":
        left = wanted if wanted is not None else sum(each.free for each in group.physical)
        size, needs = left, []
        for each in group.physical:
            take = min(each.free, left)
            if take > 0:
                each.free -= take
                left -= take
                needs.append(each)
        return size, needs
    if kind == "thin":
        return wanted or EXTENT, group.physical[:1]
    count = {"striped": len(layer.on), "raid5": 3, "cachevol": len(group.physical),
             "cachepool": len(group.physical)}.get(kind, 2)  # fmt: skip
    needs = group.physical[:count]
    size = wanted if wanted is not None else min(each.free for each in needs)
    for each in needs:
        each.free -= min(each.free, size + EXTENT)
    return size, needs
