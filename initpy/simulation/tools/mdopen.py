"""A new array: mdopen.c of mdadm 4.2 and 4.4 (create_mddev, find_free_devnm)."""

from collections.abc import Generator

from initpy.simulation.kernel import md
from initpy.simulation.kernel.process import Call, Wait
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools import homehost
from initpy.simulation.world.plans import ArrayPlan
from initpy.simulation.world.world import Block, World

OPEN_SECONDS = 5.0  # that mdadm tries to open an array (open_dev_excl)


def create(
    world: World, udev: Udev, call: Call, plan: ArrayPlan, place: tuple[int | None, str]
) -> Generator[Wait, None, Block | str]:
    """The new array, without members, or what mdadm complains of; `place`: its number and name.

    An array that is clear is not in /proc/mdstat any more, so that its number counts as free. But
    the kernel makes no other array of that name before it has let go of this one.
    """
    number, name = place
    if number is None:
        number = md.free_number(world, homehost.skipped(world, call))
    node = f"md{number}"
    if node in world.blocks:
        return f"mdadm: {name} is already in use."
    if world.is_released(node):
        yield OPEN_SECONDS
        return f"mdadm: unexpected failure opening /dev/{node}"
    return md.create(world, udev, plan, name, number)
