"""Computes medians, spreads and ratios of boots, and compares them with the targets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from initpy.lab.benchmark import Boot, Memory
from initpy.lab.contenders import INITPY, Contender
from initpy.lab.courses import NETWORK, PLAIN
from initpy.lab.peers import BARE_INITRAMFS_TOOLS, DRACUT, DRACUT_ON_NFS, INITRAMFS_TOOLS
from initpy.lab.phases import Phase

# peer -> the fraction of its time on plain ext4 that initpy may take
_PARTS = ((BARE_INITRAMFS_TOOLS.name, 0.6), (INITRAMFS_TOOLS.name, 0.6), (DRACUT.name, 0.2))


@dataclass(frozen=True, slots=True)
class Spread:
    """The median, minimum and maximum of some boots."""

    middle: float
    least: float
    most: float
    count: int


@dataclass(frozen=True, slots=True)
class Target:
    """A figure with a promised maximum; without a value it was not measured."""

    what: str
    value: float | None
    most: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Return whether the target is met; None if not measured."""
        return None if self.value is None else self.value <= self.most


def spread_of(values: Iterable[float | None]) -> Spread | None:
    """Return the spread of the known values; None without any."""
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known), len(known)) if known else None


def of(boots: Iterable[Boot], course: str, contender: str) -> list[Boot]:
    """Return the boots of one contender on one course."""
    return [boot for boot in boots if (boot.course, boot.contender) == (course, contender)]


def ratio(boots: Sequence[Boot], course: str, peer: str) -> float | None:
    """Return initpy's median divided by the peer's; None unless both have booted."""
    ours = spread_of(boot.guest for boot in of(boots, course, INITPY))
    theirs = spread_of(boot.guest for boot in of(boots, course, peer))
    return ours.middle / theirs.middle if ours and theirs else None


def targets(
    contenders: Iterable[Contender], boots: Sequence[Boot], memory: Memory | str | None
) -> tuple[Target, ...]:
    """Return the project's targets for speed, size and memory."""
    known = {each.name: each for each in contenders}
    ours = known.get(INITPY)
    built, host = (ours.built, ours.host) if ours else (None, None)
    peer = known.get(INITRAMFS_TOOLS.name)
    theirs = peer.built if peer else None
    part = None
    if built and built.seconds and theirs and theirs.seconds:
        part = built.seconds / theirs.seconds
    resident = memory.resident / 1e6 if isinstance(memory, Memory) else None
    return (
        *(
            Target(f"{PLAIN.title}, time to {name}'s", ratio(boots, PLAIN.key, name), most, "x")
            for name, most in _PARTS
        ),
        *_network(boots),
        Target("generic image", built.size / 1e6 if built else None, 20, "MB"),
        Target("build of the generic image", built.seconds if built else None, 3, "s"),
        Target(f"  time to {INITRAMFS_TOOLS.name}'s", part, 0.2, "x"),
        Target("host-only image, LVM on LUKS on RAID1", host.size / 1e6 if host else None, 9, "MB"),
        Target("build of it", host.seconds if host else None, 1.5, "s"),
        Target("memory of PID 1 and engine together", resident, 60, "MB"),
    )


def _network(boots: Sequence[Boot]) -> tuple[Target, ...]:
    """Return the targets for a root on the network: its cost, and beside the faster peer."""
    ours = spread_of(boot.guest for boot in of(boots, NETWORK.key, INITPY))
    local = spread_of(boot.guest for boot in of(boots, PLAIN.key, INITPY))
    parts = (ratio(boots, NETWORK.key, each.name) for each in (BARE_INITRAMFS_TOOLS, DRACUT_ON_NFS))
    return (
        Target(
            f"{NETWORK.title}, more than {PLAIN.title}",
            ours.middle - local.middle if ours and local else None,
            2.0,
            "s",
        ),
        Target(
            f"{NETWORK.title}, time to the faster peer's",
            max((part for part in parts if part is not None), default=None),
            0.5,
            "x",
        ),
    )


def typical_phases(boots: Iterable[Boot]) -> tuple[Phase, ...]:
    """Return the median of each phase, over the boots with the same phases as the first."""
    complete = [boot.phases for boot in boots if boot.phases]
    if not complete:
        return ()
    names = [phase.name for phase in complete[0]]
    alike = [each for each in complete if [phase.name for phase in each] == names]
    return tuple(
        Phase(name, median(each[position].seconds for each in alike))
        for position, name in enumerate(names)
    )
