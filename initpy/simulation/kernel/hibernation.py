"""Hibernation: the real system writes itself to swap, and the kernel of the next boot resumes it.

Whoever mounts or checks its file systems meanwhile destroys them.
"""

from initpy.simulation.kernel.reading import unreadable
from initpy.simulation.world.plans import FileSystem
from initpy.simulation.world.world import Block, World

LOOK_SECONDS = 0.2  # until the kernel has read a signature


def hibernate(world: World, node: str) -> bool:
    """The system goes to this swap device; False if it cannot be used."""
    block = world.at(node)
    system = block.place.content if block is not None and block.place is not None else None
    if world.hibernated is not None or not isinstance(system, FileSystem) or system.kind != "swap":
        return False
    world.hibernated = system
    return True


def is_on(world: World, number: str) -> bool:
    """True if the hibernated system is on the device with this MAJOR:MINOR."""
    block = next((each for each in world.blocks.values() if each.number == number), None)
    if block is None or block.place is None or unreadable(world, block):
        return False
    return world.hibernated is not None and block.place.content is world.hibernated


def disturb(world: World, block: Block) -> None:
    """The file system on the device is mounted or checked."""
    if world.hibernated is not None:
        world.disturbed.append(block.name)
