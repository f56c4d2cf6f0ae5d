"""ZFS pools in the kernel: what of a pool is there, what may be mounted."""

import errno

from initpy.simulation.kernel.reading import unreadable
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import Place, PoolPlan
from initpy.simulation.world.pools import VOLUME, Imported, spare
from initpy.simulation.world.world import Block, World

MAJOR, MINORS = 230, 16  # of volumes: zvol_os.c


def there(world: World, pool: PoolPlan, nodes: tuple[str, ...]) -> list[Place]:
    """The disks of the pool among these paths."""
    blocks = (world.at(node) for node in nodes)
    places = [each.place for each in blocks if each is not None and not unreadable(world, each)]
    return [each for each in pool.on if each in places]


def state(pool: PoolPlan, present: list[Place]) -> str:
    """The health that an import would give it (zpoolconcepts(7)).

    A log that is missing is no reason for a degraded pool: what it holds would be lost.
    """
    missing = [each for each in pool.on if each not in present]
    if not missing:
        return "ONLINE"
    spared = len(missing) <= spare(pool) and not lost_log(pool, present)
    return "DEGRADED" if spared else "UNAVAIL"


def lost_log(pool: PoolPlan, present: list[Place]) -> bool:
    """Whether a disk of its log is missing."""
    return any(each not in present for each in pool.logs)


def import_pool(world: World, udev: Udev, pool: PoolPlan, present: list[Place]) -> None:
    """Import it: the labels of its disks are written, and its volumes become devices."""
    lacked = tuple(each.name for each in pool.on if each not in present)
    world.pools[pool.guid] = Imported(pool, lacked=lacked)
    for place in present:
        if (block := world.of(place)) is not None:
            world.write(block, f"import of the pool {pool.name}")
    for number, place in enumerate(pool.volumes):
        minor = MINORS * number
        path = f"{pool.name}/{place.name}"
        block = Block(f"zd{minor}", place, MAJOR, minor, facts={VOLUME: path})
        world.add(block)
        udev.uevent("add", block)


def mount_errno(world: World, source: str) -> int:
    """What mount(2) says to a dataset."""
    dataset = world.dataset(source)
    if dataset is None:
        return errno.ENOENT
    imported = next(each for each in world.pools.values() if dataset in each.plan.datasets)
    return errno.EACCES if imported.locked(dataset) else 0


def write(world: World, source: str, what: str) -> None:
    """Something is written to the pool of this dataset."""
    for imported in world.pools.values():
        if any(each.name == source for each in imported.plan.datasets):
            for place in imported.plan.on:
                if (block := world.of(place)) is not None:
                    world.write(block, what)
