"""The facts that the real init reports, as far as a world without a kernel can know them."""

import re

from initpy.simulation.world.world import World

# Of the real kernel, or of what a scenario has the real system run.
_UNKNOWN = re.compile(
    r"memory\.|exitrd$|real\.|left\.(?!degraded)|mount\.(dev|proc|sys|run)\.|init\."
)


def unknown(name: str) -> bool:
    """Whether this world cannot know the fact of that name."""
    return _UNKNOWN.match(name) is not None


def facts_of(world: World) -> dict[str, str]:
    """Those of tests/scenarios/README.md."""
    found: dict[str, str] = {}
    for target, prefix in (("/sysroot", "root"), ("/sysroot/usr", "mount.usr")):
        if (place := world.mounts.get(target)) is not None:
            found[f"{prefix}.source"] = _name_of(world, place.source)
            found[f"{prefix}.fstype"] = place.type
            found[f"{prefix}.options"] = place.options
    count = 0
    for block in world.blocks.values():
        if block.array is not None:
            count += 1
            _array(found, world, block.name)
        if block.mapping is not None:
            found[f"dm.{block.mapping.name}.uuid"] = block.mapping.uuid
            found[f"dm.{block.mapping.name}.suspended"] = "0"
    found["md.count"] = str(count)
    if world.scenario.hibernates:
        found["resumed"] = "yes" if world.resumed else "no"
    found["leftover"] = " ".join("mdmon" for _ in world.monitors)
    if world.monitors:
        found["root.written"] = "yes"
        found["md.written"] = "active"
    if (degraded := world.records.get("degraded")) is not None:
        found["degraded"] = degraded.partition("\n")[0]
        found["left.degraded"] = str(len(degraded))
    return found


def _name_of(world: World, node: str) -> str:
    """The name by which the mount table shows a device: that of its mapping, if it is one."""
    block = world.blocks.get(node.removeprefix("/dev/"))
    return f"/dev/mapper/{block.mapping.name}" if block is not None and block.mapping else node


def _array(found: dict[str, str], world: World, node: str) -> None:
    block = world.blocks[node]
    array = block.array
    assert array is not None
    plan = array.plan
    running = array.state != "inactive"
    linear = plan.level in ("raid0", "linear", "container")
    facts = {
        "level": plan.level if array.read else "",
        "state": array.state,
        "degraded": str(array.degraded) if running and not linear else "",
        "disks": str(len(plan.on)) if array.read else "",
        "sync": "idle" if running and not linear else "",
        "members": " ".join(sorted(name for name, _ in array.members)),
    }
    for key, value in facts.items():
        found[f"md.{node}.{key}"] = value
        if running:
            found[f"array.{array.name}.{key}"] = value
