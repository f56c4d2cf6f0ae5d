"""What only LVM knows: groups that were activated or refused, and their physical volumes."""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context

COMPLETE, INCOMPLETE = "LVM_VG_NAME_COMPLETE", "LVM_VG_NAME_INCOMPLETE"


@dataclass(slots=True)
class Lvm:
    """What need not be done twice."""

    active: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)  # group -> why it is not activated
    looked_at: set[str] = field(default_factory=set)  # groups of other systems, read-only
    speakers: dict[str, str] = field(default_factory=dict)  # incomplete group -> job that waits
    # Scans that said nothing -> the run in which LVM is asked why. Another run is another life of
    # the device, which came back while LVM was still to answer.
    silent: dict[str, int] = field(default_factory=dict)
    _volumes: dict[str, dict[str, None]] = field(default_factory=dict)  # group -> physical volumes
    _groups_of: dict[str, tuple[str, ...]] = field(default_factory=dict)  # the other way round

    def reopen(self, groups: Iterable[str]) -> None:
        """A physical volume has come or gone: what its groups need is open again."""
        for group in groups:
            self.active.discard(group)
            self.refused.pop(group, None)

    def take(self, name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
        """The physical volume tells of these groups now; the groups that it told of before."""
        before = self._groups_of.pop(name, ())
        if before != groups:
            for group in before:
                self._volumes[group].pop(name, None)
            for group in groups:
                self._volumes.setdefault(group, {})[name] = None
        if groups:
            self._groups_of[name] = groups
        return before

    def knows(self, name: str) -> bool:
        """True for a physical volume that tells of a group."""
        return name in self._groups_of

    def volumes(self, group: str) -> Iterable[str]:
        """The physical volumes that tell of this group."""
        return self._volumes.get(group, ())


def own(context: Context) -> Lvm:
    """This boot's Lvm."""
    return context.technologies.own(Lvm)


def groups_of(device: Device | None) -> tuple[str, ...]:
    """The groups that a physical volume tells of."""
    known = device.properties if device else {}
    return tuple(known[key] for key in (COMPLETE, INCOMPLETE) if key in known)
