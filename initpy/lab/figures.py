"""From single boots to figures: medians, spreads, ratios, and the targets they are held against."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from initpy.lab.benchmark import Boot, Memory
from initpy.lab.contenders import INITPY, Contender
from initpy.lab.courses import PLAIN
from initpy.lab.peers import DRACUT, INITRAMFS_TOOLS
from initpy.lab.phases import Phase


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
    built = next((each.built for each in contenders if each.name == INITPY), None)
    to_tools = ratio(boots, PLAIN.key, INITRAMFS_TOOLS.name)
    to_dracut = ratio(boots, PLAIN.key, DRACUT.name)
    resident = memory.resident / 1e6 if isinstance(memory, Memory) else None
    return (
        Target(f"{PLAIN.title}, time to {INITRAMFS_TOOLS.name}'s", to_tools, 0.6, "x"),
        Target(f"{PLAIN.title}, time to {DRACUT.name}'s", to_dracut, 0.2, "x"),
        Target("generic image", built.size / 1e6 if built else None, 22, "MB"),
        Target("build of the generic image", built.seconds if built else None, 6, "s"),
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
