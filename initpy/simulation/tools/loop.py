"""losetup(8): a file becomes a block device."""

from initpy.core.state.goals import HOST
from initpy.simulation.kernel import network
from initpy.simulation.kernel.mounts import file_system
from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.reading import BACKING
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.world import Block, World

MAJOR = 7


def losetup(world: World, udev: Udev, call: Call) -> Work:
    """`losetup /dev/loopN FILE`."""
    yield 0.05
    node, path = call.words[1:3]
    name = node.removeprefix("/dev/")
    if name in world.blocks:
        return Answer(1, complaints=f"losetup: {path}: failed to set up loop device: Device or "
                      "resource busy")  # fmt: skip
    system = file_system(world, HOST)
    inside = system.images.get(path.removeprefix(HOST)) if system is not None else None
    facts = {}
    if inside is None and world.network is not None:
        inside = network.file(world, world.network, path)
        facts = {BACKING: path}
    if inside is None:
        return Answer(1, complaints=f"losetup: {path}: failed to set up loop device: No such file "
                      "or directory")  # fmt: skip
    block = Block(name, inside, MAJOR, int(name.removeprefix("loop")), facts=facts)
    host = world.mounts.get(HOST)
    block.fixed = host is not None and host.options.split(",")[0] == "ro"  # loop_configure()
    world.add(block)
    udev.uevent("change", block)
    return Answer(0)
