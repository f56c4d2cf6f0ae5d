"""What happens to the boot. Each event is a fact; none asks for a particular reaction."""

from dataclasses import dataclass

from initpy.core.devices import Device
from initpy.core.secret import Secret


@dataclass(frozen=True, slots=True)
class BootStarted:
    """The engine runs (again): the clocks start, jobs without a subject may run."""


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """A device appeared, changed or was found by enumeration: its whole present state."""

    device: Device


@dataclass(frozen=True, slots=True)
class Enumerated:
    """All devices that there are: what was known besides them is gone (R2).

    One event, so that no layer is taken for missing while the list is read.
    """

    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class DeviceRemoved:
    """A device of this kernel name is gone."""

    name: str


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The process (or mount call) that an action started has ended.

    `status`: exit status, negative for a signal; for a mount the errno, 0 = mounted.
    `output`: standard output. `error`: the last line it complained with.
    """

    job: str
    run: int
    status: int
    output: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Mounted:
    """Something is mounted at `target`."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A person answered the prompt of this job."""

    job: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class HandOverRefused:
    """The root file system is mounted but holds nothing to hand over to."""

    reason: str


@dataclass(frozen=True, slots=True)
class ShellEnded:
    """The rescue shell has ended."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """The time that an `Arm` action asked for has come."""


Event = (
    BootStarted
    | DeviceChanged
    | Enumerated
    | DeviceRemoved
    | JobEnded
    | Mounted
    | Answered
    | HandOverRefused
    | ShellEnded
    | TimePassed
)
