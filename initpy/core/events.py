"""What happens to the boot. Each event is a fact; none asks for a particular reaction.

Events and actions, like all values of the core that never change, are named
tuples: making a frozen dataclass takes five times as long, and the engine
makes fifty such classes on the path of every boot.
"""

from typing import TYPE_CHECKING

from initpy.core.devices.graph import Device
from initpy.core.secret import Secret
from initpy.core.settings import ExtraMount, OtherCheck
from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:  # most boots have no network
    from initpy.core.network.events import NetworkEvent
    from initpy.core.network.linkfiles import LinkFile


class BootStarted(NamedTuple):
    """The engine runs (again): the clocks start, jobs without a subject may run.

    `resume_over`: an engine before this one has settled that no hibernated system is resumed.
    """

    resume_over: bool = False


class DeviceChanged(NamedTuple):
    """A device appeared, changed or was found by enumeration: its whole present state."""

    device: Device


class Enumerated(NamedTuple):
    """All devices that there are: what was known besides them is gone (R2).

    One event, so that no layer is taken for missing while the list is read.
    """

    devices: tuple[Device, ...]


class DeviceRemoved(NamedTuple):
    """A device of this kernel name is gone."""

    name: str


class JobEnded(NamedTuple):
    """The process (or mount call) that an action started has ended.

    `status`: exit status, negative for a signal; for a mount the errno, 0 = mounted.
    `output`: standard output. `error`: the last line it complained with,
    `complaints`: all of them.
    """

    job: str
    run: int
    status: int
    output: str = ""
    error: str = ""
    complaints: str = ""


class Progressed(NamedTuple):
    """How much of its work the process of a watched run has done, 0 to 1."""

    job: str
    run: int
    share: float


class Mounted(NamedTuple):
    """Something is mounted at `target`; below the root, what its own fstab wants (R1).

    `other_checks`: what that fstab has checked besides. `continues`: the real init awaits the
    checks that still run, and takes their results. Both are looked for only if checks may run.
    `link_files`: files of its networkd, looked for only if the boot has a network.
    """

    target: str
    source: str
    extra_mounts: tuple[ExtraMount, ...] = ()
    other_checks: tuple[OtherCheck, ...] = ()
    continues: bool = False
    link_files: "tuple[LinkFile, ...]" = ()


class Answered(NamedTuple):
    """A person answered the prompt of this job."""

    job: str
    secret: Secret


class Fetched(NamedTuple):
    """A key or header has been read (no `error`), or could not be."""

    job: str
    number: int
    secret: Secret | None = None
    error: str = ""
    path: str = ""  # of the file that a header has become


class HandOverRefused(NamedTuple):
    """The root file system is mounted but holds nothing to hand over to."""

    reason: str


class ShellEnded(NamedTuple):
    """The rescue shell has ended."""


class KeyPressed(NamedTuple):
    """A person has pressed a key that `AwaitKey` waits for: somebody is there."""


class RetryAsked(NamedTuple):
    """A person wants what has failed to be tried again; answered by `Reply`, as all requests."""

    request: int


class WaitAsked(NamedTuple):
    """A person wants root to be waited for so long from now; None: for ever."""

    request: int
    seconds: float | None


class KeyGiven(NamedTuple):
    """A person gives the passphrase or key of a volume, named in any way ("": the only one)."""

    request: int
    volume: str
    secret: Secret


class TimePassed(NamedTuple):
    """The time that an `Arm` action asked for has come."""


LocalEvent = (
    BootStarted
    | DeviceChanged
    | Enumerated
    | DeviceRemoved
    | JobEnded
    | Progressed
    | Mounted
    | Answered
    | Fetched
    | HandOverRefused
    | ShellEnded
    | KeyPressed
    | RetryAsked
    | WaitAsked
    | KeyGiven
    | TimePassed
)
if TYPE_CHECKING:
    Event = LocalEvent | NetworkEvent
else:
    Event = LocalEvent
