"""What the boot wants done. The runtime and the simulation carry the same actions out."""

from dataclasses import dataclass

from initpy.core.secret import Secret
from initpy.core.settings import Emergency
from initpy.core.tree import Node


@dataclass(frozen=True, slots=True)
class Run:
    """Start a process; answered by `JobEnded`. `secret` goes to its standard input."""

    job: str
    run: int
    argv: tuple[str, ...]
    subject: str | None = None  # looked at again when the process ends
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """End the process of this run: it took too long. Answered by its `JobEnded`."""

    job: str
    run: int


@dataclass(frozen=True, slots=True)
class Mount:
    """Mount a file system; the first of `types` that works. Answered by `JobEnded`, `Mounted`."""

    job: str
    run: int
    source: str
    target: str
    types: tuple[str, ...]
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask people for a passphrase on every console; answered by `Answered`."""

    job: str
    text: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take the prompt of this job away: it is no longer needed."""

    job: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Tell people. `detail` is left out on a quiet console."""

    text: str
    detail: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """A job changed its state (for the journal)."""

    job: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Arm:
    """Send `TimePassed` at this time; replaces the one before. None: not at all."""

    at: float | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Root is mounted at `root`: switch to it and run `init`, or the first usual one there."""

    root: str
    init: str | None


@dataclass(frozen=True, slots=True)
class ShowFailure:
    """Show the failure screen: why the root has not come, and what to do."""

    reason: str
    tree: Node


@dataclass(frozen=True, slots=True)
class OpenShell:
    """Open the rescue shell on the console; the boot goes on meanwhile."""


@dataclass(frozen=True, slots=True)
class EndBoot:
    """Give up: reboot, power off or halt."""

    how: Emergency
    reason: str


Action = (
    Run
    | Stop
    | Mount
    | Ask
    | Withdraw
    | Report
    | Moved
    | Arm
    | HandOver
    | ShowFailure
    | OpenShell
    | EndBoot
)
