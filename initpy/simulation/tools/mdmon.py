"""mdmon(8): the monitor of a container, which writes the metadata of its volumes.

Without one, the kernel starts no write to a volume: kernel/md.py. One that has just started runs a
moment before it looks at its volumes for the first time and makes them writable (read_and_act() in
monitor.c). mdadm waits for that (ping_monitor() in msg.c), `mdmon` itself does not.
"""

from collections.abc import Generator

from initpy.simulation.kernel.md import STRIPED
from initpy.simulation.kernel.process import Answer, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.world import Block, World

START_SECONDS = 0.3
PASS_SECONDS = 0.1  # until it has looked at its volumes
PING_SECONDS = 0.05  # how often mdadm is looked at, which waits for that
LIFE_SECONDS = 2.0  # one that dies by chance does so soon, as that of mdadm 4.2
FIRST_PROCESS = 700


def mdmon(world: World, udev: Udev, call: Call) -> Work:
    """`mdmon --offroot CONTAINER`."""
    yield START_SECONDS
    name = call.words[-1].removeprefix("/dev/")
    block = world.blocks.get(name)
    if block is None or block.array is None or block.array.plan.level != "container":
        return Answer(1, complaints=f"mdmon: {name} is not a container - cannot monitor")
    if name in world.monitors:
        return Answer(3, complaints=f"mdmon: {name} already managed")
    begin(world, udev, name)
    return Answer(0)


def serve(world: World, udev: Udev, block: Block) -> Generator[Wait, None, None]:
    """mdadm has started a volume, read-only, starts a monitor for its container, and awaits it."""
    array = block.array
    if array is None or array.plan.level in STRIPED:
        return
    array.state, block.told = "readonly", None
    begin(world, udev, array.container)
    while array.state == "readonly" and array.container in world.monitors:
        yield PING_SECONDS


def begin(world: World, udev: Udev, name: str) -> None:
    """A monitor for the container, unless one runs; in a moment it makes the volumes writable."""
    chance = world.chance
    if name not in world.monitors:
        dies = chance.happens(chance.random_faults.monitor_dies)
        if dies and chance.coin():
            return  # before it has seen a volume
        world.processes += 1
        world.monitors[name] = FIRST_PROCESS + world.processes
        _changed(world, name)
        if dies:
            life = chance.below(LIFE_SECONDS)
            world.agenda.after(life, end, world, name, world.monitors[name])
    world.agenda.after(chance.jitter(PASS_SECONDS), _look, world, udev, name, world.monitors[name])


def _look(world: World, udev: Udev, name: str, number: int) -> None:
    """The monitor with this number makes its volumes writable, if it still runs."""
    if world.monitors.get(name) != number:
        return
    for block in world.blocks.values():
        array = block.array
        if array is not None and array.container == name and array.state == "readonly":
            array.state, block.told = "read-auto", None
            for above in world.holders.get(block.name, ()):
                world.blocks[above].told = None  # a partition is as read-only as its disk
            udev.uevent("change", block)


def end(world: World, name: str, number: int) -> None:
    """The monitor with this number dies, if it still runs; the engine awaits its end."""
    if world.monitors.get(name) != number:
        return
    del world.monitors[name]
    _changed(world, name)
    world.monitor_ended(name)


def _changed(world: World, name: str) -> None:
    if (block := world.blocks.get(name)) is not None:
        block.told = None
