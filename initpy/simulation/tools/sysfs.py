"""Attributes of devices in sysfs that jobs write."""

from initpy.simulation.kernel import md
from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.world import World

NO_DEVICE, IO_ERROR = 2, 5


def write(world: World, udev: Udev, call: Call) -> Work:
    """`write DEVICE ATTRIBUTE TEXT`: array_state_store() in drivers/md/md.c."""
    _, name, attribute, text = call.words
    if (attribute, text) != ("md/array_state", "readonly"):
        return None
    yield md.START_SECONDS
    block = world.blocks.get(name)
    if block is None or block.array is None:
        return Answer(NO_DEVICE, complaints=f"{attribute}: No such file or directory")
    if block.array.state != "inactive":
        block.array.state, block.told = "readonly", None
        return Answer(0)
    if not md.begin(world, udev, block, read_only=True):
        return Answer(IO_ERROR, complaints=f"{attribute}: Input/output error")
    return Answer(0)
