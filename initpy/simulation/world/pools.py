"""ZFS pools: as their labels describe them, and as a run has imported them."""

from dataclasses import dataclass, field

from initpy.simulation.world.plans import DatasetPlan, PoolPlan

VOLUME = "zvol"  # a fact of a pool's block device: its path, POOL/NAME
# How many disks a pool can do without, by profile (zpoolconcepts(7)).
SPARE = {"": 0, "raidz": 1, "raidz2": 2, "raidz3": 3}


def spare(pool: PoolPlan) -> int:
    """How many of its disks a pool can do without, besides those of its log."""
    return len(pool.data) - 1 if pool.profile == "mirror" else SPARE[pool.profile]


@dataclass(slots=True, eq=False)
class Imported:
    """A pool that the kernel has imported."""

    plan: PoolPlan
    keys: set[str] = field(default_factory=set)  # roots of encryption whose key is loaded
    lacked: tuple[str, ...] = ()  # disks that were missing when it was imported

    def locked(self, dataset: DatasetPlan) -> bool:
        """Whether the dataset's key is missing."""
        return bool(dataset.encryption) and dataset.encryption not in self.keys
