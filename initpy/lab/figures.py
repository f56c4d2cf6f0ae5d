"""From single boots to figures: medians, spreads, ratios, and the targets they are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from initpy.lab.benchmark import Boot, Memory
from initpy.lab.contenders import INITPY, Contender
from initpy.lab.courses import PLAIN
from initpy.lab.peers import BARE_INITRAMFS_TOOLS, DRACUT, INITRAMFS_TOOLS
from initpy.lab.phases import Phase

# peer -> the part of its time on plain ext4 that initpy may take
_PARTS = ((BARE_INITRAMFS_TOOLS.name, 0.6), (INITRAMFS_TOOLS.name, 0.6), (DRACUT.name, 0.2))


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some boots, and how far they were apart."""

    middle: float
    least: float
    most: float
    count: int


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is promised to be at most so much; no value: it was not measured."""

    what: str
    value: float | None
    most: float
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the promise is kept; None when nobody knows."""
        return None if self.value is None else self.value <= self.most


def spread_of(values: Iterable[float | None]) -> Spread | None:
    """None when there is nothing to take a median of."""
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known), len(known)) if known else None


def of(boots: Iterable[Boot], course: str, contender: str) -> list[Boot]:
    """The boots of one contender on one course."""
    return [boot for boot in boots if (boot.course, boot.contender) == (course, contender)]


def ratio(boots: Sequence[Boot], course: str, peer: str) -> float | None:
    """initpy's median as a part of the peer's; None unless both have booted."""
    ours = spread_of(boot.guest for boot in of(boots, course, INITPY))
    theirs = spread_of(boot.guest for boot in of(boots, course, peer))
    return ours.middle / theirs.middle if ours and theirs else None


def targets(
    contenders: Iterable[Contender], boots: Sequence[Boot], memory: Memory | str | None
) -> tuple[Target, ...]:
    """Everything that the project promises of speed and size."""
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
        Target("generic image", built.size / 1e6 if built else None, 20, "MB"),
        Target("build of the generic image", built.seconds if built else None, 3, "s"),
        Target(f"  time to {INITRAMFS_TOOLS.name}'s", part, 0.2, "x"),
        Target("image for LVM on LUKS on RAID1 alone", host.size / 1e6 if host else None, 9, "MB"),
        Target("build of it", host.seconds if host else None, 1.5, "s"),
        Target("memory of PID 1 and engine together", resident, 60, "MB"),
    )


def typical_phases(boots: Iterable[Boot]) -> tuple[Phase, ...]:
    """The median of each phase over those boots that have all the phases of the first."""
    complete = [boot.phases for boot in boots if boot.phases]
    if not complete:
        return ()
    names = [phase.name for phase in complete[0]]
    alike = [each for each in complete if [phase.name for phase in each] == names]
    return tuple(
        Phase(name, median(each[position].seconds for each in alike))
        for position, name in enumerate(names)
    )
