"""Hibernation: the real system writes itself to swap, and the kernel of the next boot resumes it.

Whoever mounts or checks its file systems meanwhile destroys them.
"""

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import LOCATION, Resume, Settings
from initpy.core.state.goals import SYSROOT
from initpy.scenario.model import SWAPFILE
from initpy.simulation.kernel.reading import unreadable
from initpy.simulation.world.plans import FileSystem
from initpy.simulation.world.world import Block, World

PAGE = 34816  # where a swap file begins
LOOK_SECONDS = 0.2  # until the kernel has read a signature


def hibernate(world: World, node: str) -> bool:
    """The system goes to this swap device, or its root's swap file; False if it cannot."""
    in_file = node == SWAPFILE
    block = world.at(world.mounts[SYSROOT].source if in_file else node)
    system = block.place.content if block is not None and block.place is not None else None
    if world.hibernated is not None or not isinstance(system, FileSystem):
        return False
    if not in_file and system.kind != "swap":
        return False
    world.hibernated = system
    if in_file and world.scenario.uefi:
        world.location = system.uuid, PAGE
    return True


def located(world: World, settings: Settings, engine: int) -> Settings:
    """The settings with what the firmware's variable tells, which counts for one boot."""
    known = settings.resume
    if world.location is None or not settings.may_resume or (known and not known.default):
        return settings
    uuid, offset = world.located[engine] = world.location
    return settings._replace(resume=Resume(DeviceSpec(Naming.UUID, uuid), offset, LOCATION))


def is_on(world: World, number: str, offset: int) -> bool:
    """True if the hibernated system is on the device with this MAJOR:MINOR, at this page."""
    block = next((each for each in world.blocks.values() if each.number == number), None)
    if block is None or block.place is None or unreadable(world, block):
        return False
    if world.hibernated is None or block.place.content is not world.hibernated:
        return False
    return bool(offset) is (world.hibernated.kind != "swap")


def disturb(world: World, block: Block) -> None:
    """The file system on the device is mounted or checked."""
    if world.hibernated is not None:
        world.disturbed.append(block.name)
