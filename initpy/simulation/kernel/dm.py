"""The device mapper: mappings come in two events, the second with a cookie (libdevmapper)."""

from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import PartPlan, Place
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import Block, Mapped, World

MAJOR = 253
INITIALISED = "device-mapper: ioctl: 4.47.0-ioctl (2022-07-28) initialised: dm-devel@redhat.com"


def load(world: World, *modules: str) -> None:
    """modprobe; the device mapper says that it is there."""
    if not world.modules & {"dm-mod", "dm-crypt"} and {*modules} & {"dm-mod", "dm-crypt"}:
        world.kernel(INITIALISED)
    world.modules.update(modules)


def named(world: World, name: str) -> Block | None:
    """The mapping of that name."""
    for block in world.blocks.values():
        if block.mapping is not None and block.mapping.name == name:
            return block
    return None


def with_uuid(world: World, uuid: str) -> Block | None:
    """The mapping with that UUID of the device mapper."""
    for block in world.blocks.values():
        if block.mapping is not None and block.mapping.uuid == uuid:
            return block
    return None


def reload(udev: Udev, block: Block, cookie: Cookie) -> None:
    """A new table is made live."""
    udev.uevent("change", block, cookie)


def remove(world: World, udev: Udev, block: Block, cookie: Cookie | None = None) -> None:
    """The mapping is gone."""
    world.drop(block)
    udev.uevent("remove", block, cookie)


def create(
    world: World,
    udev: Udev,
    mapping: Mapped,
    place: Place | None,
    slaves: list[str],
    cookie: Cookie,
    part: tuple[str, int, PartPlan] | None = None,
) -> Block:
    """A new mapping: it is added without a name, then the table is made live and it has one."""
    load(world, "dm-mod")
    number = world.free_name("dm-")
    block = Block(f"dm-{number}", place, MAJOR, number, slaves=slaves, mapping=mapping, part=part)
    world.add(block)
    udev.uevent("add", block)
    udev.uevent("change", block, cookie)
    return block
