"""What only md knows: starts that the kernel refused, arrays of other hosts, repeated offers."""

from initpy.core.jobs.instance import Instance, JobState
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.state.current_event import Lookout
from initpy.core.tuples import NamedTuple


class Finding(NamedTuple):
    """What a look into an array has found."""

    root: bool  # what root=, or the name of a volume, asks for
    words: str  # what is on it, for the user
    part: bool = False  # a part of something that lacks other parts
    members: int = 0  # so many the array had then
    alone: bool = False  # such a part, which the user allows to be used without the others
    named: bool = False  # a file system, and the array has root's name on the host that made it


@dataclass(slots=True)
class Look:
    """The look that is on: what is known of it besides `Looks`."""

    joint: bool = False  # into several arrays that may be parts of one thing
    resumed: bool = False  # an engine before this one has begun it
    opened: set[str] = field(default_factory=set)  # the arrays that run
    compared: bool = False  # what is there was compared with what was told
    members: set[str] = field(default_factory=set)  # of the arrays, when they were started
    seen: set[str] = field(default_factory=set)  # what has appeared on it, and as what


@dataclass(slots=True)
class Md:
    """What was found out about arrays, by kernel name or UUID."""

    start_refused: set[str] = field(default_factory=set)  # arrays that the kernel would not start
    # Containers and volumes without all disks -> the disks that they had at the last start.
    started_with: dict[str, frozenset[str]] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)  # by the UUID of the members
    look: Look = field(default_factory=Look)
    taken_down: set[str] = field(default_factory=set)  # arrays, by this engine after a look
    # Arrays whose start read-only has failed -> the members that they had then.
    unopened: dict[str, frozenset[str]] = field(default_factory=dict)
    joined: frozenset[str] = frozenset()  # the arrays that were looked into together
    unsettled: set[str] = field(default_factory=set)  # arrays that a command of ours is at work on
    _foreign: set[str] = field(default_factory=set)  # arrays that were recorded as such
    mismatched: set[str] = field(default_factory=set)  # offers that failed so the last time
    lookout: Lookout = field(default_factory=Lookout)  # for what was at work on unsettled arrays
    boxes: set[str] = field(default_factory=set)  # containers of firmware RAID
    unmonitored: set[str] = field(default_factory=set)  # containers whose monitor does not run
    # Containers without a monitor, as long as an mdadm is at work that may start one.
    unsure_monitors: set[str] = field(default_factory=set)
    # Containers that mdadm was not done with -> the disks that it has examined once more.
    examined: dict[str, frozenset[str]] = field(default_factory=dict)
    unheard_boxes: set[str] = field(default_factory=set)  # such, while mdadm is at work on them
    monitors_lost: dict[str, int] = field(default_factory=dict)  # container -> how often
    _offered: dict[str, int] = field(default_factory=dict)  # UUID -> how often once more

    def note_mismatch(self, instance: Instance, mismatched: bool) -> None:
        """Note whether mdadm has refused a member for the superblock of another member."""
        (self.mismatched.add if mismatched else self.mismatched.discard)(instance.key)

    def is_mismatched(self, instance: Instance) -> bool:
        """True for an offer that has failed so the last time."""
        return instance.state is JobState.FAILED and instance.key in self.mismatched

    def is_foreign(self, array: str) -> bool:
        """True if the array was recorded as another host's."""
        return array in self._foreign

    def note_foreign(self, array: str) -> None:
        """Record the array as another host's."""
        self._foreign.add(array)

    def forget(self, array: str) -> None:
        """The array is gone."""
        self._foreign.discard(array)

    def offer(self, uuid: str) -> int:
        """Count an offer of the members of this array once more; how many there were."""
        self._offered[uuid] = self._offered.get(uuid, 0) + 1
        return self._offered[uuid]


def own(context: Context) -> Md:
    """This boot's Md."""
    return context.technologies.own(Md)
