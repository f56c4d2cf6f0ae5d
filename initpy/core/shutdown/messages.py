"""The events that a shutdown is told of, and the actions that it answers with."""

from enum import StrEnum

from initpy.core.shutdown.present import Present
from initpy.core.tuples import NamedTuple


class Deed(StrEnum):
    """A step. The value says in words what it does."""

    END_PROCESSES = "end processes"
    SYNC = "write to disk"
    SWAP_OFF = "swap off"
    UNMOUNT = "unmount"
    DETACH = "detach"  # umount2(2) with MNT_DETACH
    READ_ONLY = "remount read-only"
    REMOVE = "remove"  # a mapping of the device mapper
    STOP = "stop"  # an array whose monitor then records that it is clean
    CLEAR = "stop and clear"  # an array
    UNBIND = "unbind"  # a loop device
    DISCONNECT = "disconnect"  # a network block device
    STOP_CACHE = "stop the cache of"
    RUN = "take down"  # by a command that a job file names
    TAKE_OVER = "take over from"  # a daemon, by one from the exitrd
    TERMINATE = "terminate"
    KILL = "kill"
    AWAIT = "wait for"  # nothing is done: somebody else is about to do it


class Began(NamedTuple):
    """The exitrd runs; `timeout`: the seconds that a step may take."""

    timeout: float


class Looked(NamedTuple):
    """The answer to `Look`; None: it could not be found out."""

    present: Present | None


class Ended(NamedTuple):
    """A step has ended; without `error` it succeeded."""

    key: str
    error: str = ""


class TimePassed(NamedTuple):
    """The time of `Arm` has come."""


Event = Began | Looked | Ended | TimePassed


class Do(NamedTuple):
    """Begin a step in a process of its own; answered by `Ended`."""

    key: str
    deed: Deed
    argument: str
    run: tuple[str, ...] = ()  # the command of RUN and TAKE_OVER


class Abandon(NamedTuple):
    """Kill the process of this step, and do not wait for its end: it may never come."""

    key: str


class Look(NamedTuple):
    """Find out what is there; answered by `Looked`."""


class Report(NamedTuple):
    """Tell the user. `detail` is left out unless systemd's log level is debug."""

    text: str
    detail: bool = False


class Arm(NamedTuple):
    """Send `TimePassed` at this time; replaces the one before."""

    at: float


class End(NamedTuple):
    """Nothing is left to do: end the machine."""


Action = Do | Abandon | Look | Report | Arm | End
