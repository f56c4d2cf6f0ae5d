"""dmsetup(8): taking mappings down."""

from initpy.simulation.kernel import dm
from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import World

REMOVE_SECONDS = 0.1


def dmsetup(world: World, udev: Udev, call: Call) -> Work:
    """`dmsetup remove NAME`."""
    if call.words[1:2] != ("remove",):
        return None
    return (yield from take_down(world, udev, call.words[-1]))


def take_down(world: World, udev: Udev, name: str) -> Work:
    """Remove the mapping of this name, unless something stands on it; wait for udev's word."""
    yield REMOVE_SECONDS
    block = dm.named(world, name)
    if block is None:
        return Answer(1, complaints=f"Device {name} not found")
    if world.used(block):
        return Answer(1, complaints=f"Device {name} is still in use.")
    cookie = Cookie()
    dm.remove(world, udev, block, cookie)
    yield cookie
    return Answer(0)
