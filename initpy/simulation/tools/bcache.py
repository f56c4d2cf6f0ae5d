"""bcache: the joint device appears when the kernel has the disk and its cache (bcache.rst)."""

from initpy.simulation.kernel.process import Answer, Call, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import Joined
from initpy.simulation.world.world import Block, World

MAJOR = 252


def register(world: World, udev: Udev, call: Call) -> Work:
    """/usr/lib/udev/bcache-register NODE; what is registered already is refused."""
    yield 0.05
    node = call.words[1]
    block = world.at(node)
    joined = block.place.content if block is not None and block.place is not None else None
    if block is None or not isinstance(joined, Joined) or "bcache" not in world.modules:
        return Answer(1, complaints=f"Error writing {node}: Invalid argument")
    if world.read_only(block):  # "failed to open device" (register_bcache() in bcache's super.c)
        return Answer(1, complaints=f"Error writing {node}: Invalid argument")
    if block.name in world.registered:
        return Answer(1, complaints=f"Error registering {node} with bcache: Invalid argument")
    world.registered.append(block.name)
    joint = joined.joint
    halves = [world.of(joint.backing), world.of(joint.cache)]
    names = [each.name for each in halves if each is not None]
    if len(names) == 2 and {*names} <= {*world.registered}:
        number = world.free_name("bcache")
        facts = {"CACHED_UUID": joint.uuid, "DRIVER": "bcache"}
        whole = Block(f"bcache{number}", joint.inside, MAJOR, number, slaves=names, facts=facts)
        world.add(whole)
        udev.uevent("add", whole)
        udev.uevent("change", whole)
    return Answer(0)
