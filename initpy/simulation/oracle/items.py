"""What a scenario has, layer by layer: when each comes, and whether it can be used."""

from dataclasses import dataclass, field

from initpy.scenario.acts import Deed
from initpy.scenario.model import RAID, Layer, Scenario
from initpy.simulation.oracle.homehost import is_own
from initpy.simulation.oracle.logins import Login
from initpy.simulation.oracle.sure import Sure
from initpy.simulation.oracle.wishes import Volume, Wishes


@dataclass(slots=True)
class Item:
    """A disk, a partition or what a layer makes."""

    name: str
    kind: str  # "disk", "part" or the layer's kind
    below: tuple[str, ...] = ()
    layer: Layer | None = None
    usable: Sure = Sure.NO  # it comes in the end, perhaps without some of its members
    whole: Sure = Sure.NO  # with all of them
    hangs: bool = False  # what reads it may wait for a server, a cable or a disk that is silent
    comes: float = 0.0  # when the last disk below it is plugged in, if it comes at all
    why: str = ""  # why not, in words


@dataclass(slots=True)
class Expected:
    """What a scenario implies: all its items by name, file systems as `fs:` and what is below."""

    scenario: Scenario
    wishes: Wishes
    unused: frozenset[str] = frozenset()  # disks that come to no harm when they are pulled
    items: dict[str, Item] = field(default_factory=dict)
    root: str = ""  # the item with the test system
    logins: tuple[Login, ...] = ()  # to the servers that have disks
    silent: list[str] = field(default_factory=list)  # volumes that are asked for in vain

    def cone(self, name: str) -> set[str]:
        """The names of everything that this one stands on, itself included."""
        found: set[str] = set()
        pending = [name]
        while pending:
            each = pending.pop()
            if each not in found:
                found.add(each)
                pending.extend(self.items[each].below)
        return found

    def volume(self, layer: Layer) -> Volume | None:
        """What users say of an encrypted volume; it is named by its UUID here, or by its disk."""
        return self.wishes.volume(layer.uuid) or self.wishes.volume_on(layer.on[0])

    def volumes(self, container: str) -> list[Item]:
        """The volumes of a container of firmware RAID, as they are numbered in it."""
        arrays = (each for each in self.items.values() if each.kind in RAID)
        return [each for each in arrays if each.layer and each.layer.on == (container,)]

    def wanted_volume(self, layer: Layer) -> bool:
        """Whether the volume is to be touched: all are, unless the user named some (R1)."""
        return not self.wishes.volumes or self.volume(layer) is not None

    def foreign(self, layer: Layer) -> bool:
        """Whether another host has made the array, and the user has not named it (R9)."""
        return "md" not in self.wishes.named and not is_own(self.scenario, layer)

    @property
    def silent_disks(self) -> set[str]:
        """The disks that do not answer, for some time at least."""
        return {each.argument for each in self.scenario.faults if each.deed is Deed.FREEZE}

    @property
    def plugs(self) -> dict[str, list[float | None]]:
        """When disks are plugged in; None at a time that the file does not tell."""
        found: dict[str, list[float | None]] = {}
        for fault in self.scenario.faults:
            if fault.deed is Deed.PLUG:
                found.setdefault(fault.argument, []).append(fault.cue.at)
        return found
