"""Containers of firmware RAID (imsm, ddf): disks join the container, volumes are made in it.

Complete, mdadm makes its volumes at once and starts them. Of an incomplete imsm it makes them when
it is told to (`mdadm --incremental --run`), of a ddf at once, inactive: `mdadm --run` starts them.
mdmon is started for it and lives on in the real system (mdmon(8)).
"""

from collections.abc import Generator

from initpy.simulation.kernel import md
from initpy.simulation.kernel.process import Answer, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools import homehost, mdmon, mdopen
from initpy.simulation.world.plans import ArrayPlan, Member
from initpy.simulation.world.redundancy import enough
from initpy.simulation.world.world import Array, Block, World


def join(world: World, udev: Udev, call: Call, device: Block, member: Member) -> Work:
    """`mdadm --incremental DISK`."""
    plan = member.array
    array = md.of_uuid(world, plan.uuid)
    verdict = homehost.judge(world, call, plan)
    if verdict.refusal:
        return homehost.refused(plan, verdict, device.node)
    if array is not None:
        block = world.blocks[array.node]
    else:
        place = homehost.place_for(world, call, plan, verdict)
        made = yield from mdopen.create(world, udev, call, plan, place)
        if isinstance(made, str):
            return Answer(1, complaints=made)
        block = made
    array = block.array
    assert array is not None
    md.bind(world, block, device, member.slot)
    udev.uevent("change", block)
    answer = yield from examine_container(world, udev, call, array)
    assert answer is not None
    lines = {"MD_DEVICE": array.node, "MD_DEVNAME": array.name, "MD_FOREIGN": "no"}
    text = "".join(f"{key}={value}\n" for key, value in lines.items())
    return answer._replace(output=f"{text}{answer.output}")


def start_container(world: World, udev: Udev, call: Call, node: str) -> Work:
    """`mdadm --incremental --run --export CONTAINER`."""
    yield md.START_SECONDS
    block = world.at(node)
    if block is None or block.array is None or block.array.plan.level != "container":
        return Answer(1, complaints=f"mdadm: {node} is not a container")
    there = _there(world, block.array)
    if not any(enough(plan, not plan.dirty, there) for plan in block.array.plan.volumes):
        # container_enough of getinfo_super_imsm(): it does nothing, and that is no failure.
        return Answer(0, f"MD_DEVNAME={node}\nMD_STARTED=no\n")
    made = yield from _volumes(world, udev, call, block.array)
    started = "yes" if made else "no"
    return Answer(0 if made else 1, f"MD_DEVNAME={node}\nMD_STARTED={started}\n")


def _there(world: World, array: Array) -> set[int]:
    """The slots whose disks are there; one that was pulled out is still listed."""
    return {slot for name, slot in array.members if name in world.blocks}


def examine_container(world: World, udev: Udev, call: Call, array: Array) -> Work:
    """`mdadm --incremental CONTAINER`: its volumes, started only if all disks are there."""
    yield md.ASSEMBLE_SECONDS
    started = "no" if array.plan.metadata == "imsm" else "unsafe"
    if len(_there(world, array)) == len(array.plan.on):
        yield from _volumes(world, udev, call, array)
        started = "yes"
    elif array.plan.metadata == "ddf":
        yield from _inactive(world, udev, call, array)
    return Answer(0, f"MD_STARTED={started}\n")


def _inactive(world: World, udev: Udev, call: Call, box: Array) -> Generator[Wait, None, None]:
    """Make the volumes of a ddf with the disks that are there."""
    for plan in box.plan.volumes:
        if (made := (yield from _volume(world, udev, call, box, plan))) is not None:
            udev.uevent("change", made)


def _volume(
    world: World, udev: Udev, call: Call, box: Array, plan: ArrayPlan
) -> Generator[Wait, None, Block | None]:
    """A volume with all disks of its container, made if there is none yet; it is not started.

    None if it cannot be made now.
    """
    if (found := md.of_uuid(world, plan.uuid)) is not None:
        block = world.blocks[found.node]
    else:
        verdict = homehost.judge_volume(world, call, plan)
        place = homehost.place_for(world, call, plan, verdict)
        made = yield from mdopen.create(world, udev, call, plan, place)
        if isinstance(made, str):
            return None
        block = made
    assert block.array is not None
    block.array.container = box.node
    complete(world, block)
    return block


def complete(world: World, volume: Block) -> None:
    """Add the disks that its container has to a volume; other arrays stay as they are."""
    array = volume.array
    box = world.blocks.get(array.container) if array is not None else None
    if array is None or box is None or box.array is None:
        return
    present = {name for name, _ in array.members}
    for name, slot in box.array.members:
        if name not in present and name in world.blocks:
            md.bind(world, volume, world.blocks[name], slot)


def _volumes(world: World, udev: Udev, call: Call, box: Array) -> Generator[Wait, None, bool]:
    """Make and start the volumes that are not there yet, as far as their disks go."""
    started = False
    for plan in box.plan.volumes:
        found = md.of_uuid(world, plan.uuid)
        if found is not None and found.state != "inactive":
            started = True
            continue
        made = yield from _volume(world, udev, call, box, plan)
        if made is not None and md.begin(world, udev, made):
            started = True
            yield from mdmon.serve(world, udev, made)
    return started
