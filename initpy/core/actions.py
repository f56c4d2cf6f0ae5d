"""What the boot wants done. The runtime and the simulation carry the same actions out."""

from typing import TYPE_CHECKING, TypeAlias

from initpy.core.explanation import Advice, Node
from initpy.core.secret import Secret
from initpy.core.settings import Emergency
from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.tuples import NamedTuple

if TYPE_CHECKING:  # most boots have no network
    from initpy.core.network.actions import NetworkAction


class Run(NamedTuple):
    """Start a process; answered by `JobEnded`. `secret` goes to its standard input."""

    job: str
    run: int
    argv: tuple[str, ...]
    subject: str | None = None  # looked at again when the process ends
    secret: Secret | None = None
    environment: tuple[tuple[str, str], ...] = ()  # beside what every process gets
    # How far it is, in the lines of e2fsck(8)'s -C on its output, is told with `Progressed`;
    # and it ends with the engine, so that it does not meet its successor at the device.
    watched: bool = False


class StartCheck(NamedTuple):
    """Start the check of a file system that root does not need; answered by `JobEnded`.

    It has the lowest priority and is watched as `Run.watched` says. Unlike that it goes on across
    the handover, unless it was stopped: its end is then told in files of this `name`.
    """

    job: str
    run: int
    argv: tuple[str, ...]
    subject: str
    name: str


class Write(NamedTuple):
    """Write attributes of the subject in sysfs, in this order; answered by `JobEnded`."""

    job: str
    run: int
    subject: str
    attributes: tuple[tuple[str, str], ...]  # path below the device, text


class Stop(NamedTuple):
    """End the process of this run: it took too long. Answered by its `JobEnded`."""

    job: str
    run: int


class Changes(NamedTuple):
    """Where the changes to a root go that stays as it is: a device with its type, or memory."""

    node: str  # empty: memory
    type: str  # tmpfs for memory
    options: tuple[str, ...] = ()  # of the file system in memory
    readonly: bool = False  # nothing is written to the device: new changes go to memory
    reset: bool = False  # remove earlier changes
    usr_only: bool = False  # of root only /usr is seen


class Mount(NamedTuple):
    """Mount a file system; the first of `types` that works. Answered by `JobEnded`, `Mounted`.

    With `overlay`, changes go elsewhere.
    """

    job: str
    run: int
    source: str
    target: str
    types: tuple[str, ...]
    options: tuple[str, ...]
    overlay: Changes | None = None


class Resume(NamedTuple):
    """Have the kernel resume the hibernated system on this device.

    Answered by `JobEnded` only if there is none, or the kernel refuses it: otherwise this system
    ends here. `number`: MAJOR:MINOR, `offset`: pages to the header, 0 for a swap partition.
    """

    job: str
    run: int
    number: str
    offset: int


class Fetch(NamedTuple):
    """Read a key, or a volume's header, from where the user keeps it; answered by `Fetched`.

    From a file on a device (mounted for that moment only), from the bytes of a
    device, or from what a program prints. With `keep` it becomes that file,
    else a secret in the answer. With `check` the device's own LUKS2 header is
    looked at, and it becomes that file only if the tool would write to it.
    """

    job: str
    number: int
    node: str = ""  # the device; empty for a program
    types: tuple[str, ...] = ()  # of its file system, the first that works
    path: str = ""  # of the file there; empty: the device's bytes
    offset: int = 0
    size: int = 0  # bytes; 0: all
    program: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()  # of the program
    keep: str = ""
    check: bool = False


class Drop(NamedTuple):
    """What this job has fetched, or is fetching, is not needed any more."""

    job: str
    number: int


class Ask(NamedTuple):
    """Ask the user for a passphrase, or yes or no, on every console; answered by `Answered`."""

    job: str
    text: str


class Withdraw(NamedTuple):
    """Take the prompt of this job away: it is no longer needed."""

    job: str
    reason: str


class GiveWay(NamedTuple):
    """Answer the prompt of this job with an empty line unless a user has begun to type there.

    Another prompt comes next then; otherwise the user is told why it should.
    """

    job: str
    reason: str


class Record(NamedTuple):
    """Leave a file for the real system, or for a tool. Only root can read a `secret` there."""

    name: str
    text: str
    folder: str = "/run/initpy"
    mode: int = 0o644
    secret: Secret | None = None  # in place of the text


class Report(NamedTuple):
    """Tell the user. `detail` is left out on a quiet console."""

    text: str
    detail: bool = False


class Moved(NamedTuple):
    """A job changed its state (for the journal)."""

    job: str
    before: str
    after: str
    reason: str


class Clock(NamedTuple):
    """A deadline counts, is held, counts again or is no more (for the journal).

    `left`: seconds, None when it is no more. `owner` and `reason` are those of the first hold,
    empty while it counts.
    """

    name: str
    left: float | None
    owner: str = ""
    reason: str = ""


class Arm(NamedTuple):
    """Send `TimePassed` at this time; replaces the one before. None: not at all."""

    at: float | None


class KeepExitrd(NamedTuple):
    """Leave a program for the shutdown, which takes down what root stands on (`core/shutdown`).

    `layers`: those that job files declare, with their programs.
    """

    layers: tuple[DeclaredLayer, ...] = ()


class HandOver(NamedTuple):
    """Root is mounted at `root`: switch to it and run `init`, or the first usual one there."""

    root: str
    init: str | None


class ShowFailure(NamedTuple):
    """Show the failure screen: why the root has not come, and what to do."""

    reason: str
    tree: Node
    advice: tuple[Advice, ...] = ()


class LookAgain(NamedTuple):
    """Compare what is there with what was told, and tell the difference (R2).

    Events can be lost; a boot that waits must not wait for one of them.
    """


class OpenShell(NamedTuple):
    """Open a shell on the console; answered by `ShellEnded`.

    With a text the boot stops for it, and the text says so; the rescue shell has
    none, and the boot goes on meanwhile.
    """

    stop: str = ""


class AwaitKey(NamedTuple):
    """Tell the user's next key, of any console without a prompt or shell, with `KeyPressed`.

    Until then or until `wanted` is false. The keys themselves are forgotten.
    """

    wanted: bool


class Reply(NamedTuple):
    """Answer a person's request; `done` tells whether it was done."""

    request: int
    done: bool
    text: str


class EndBoot(NamedTuple):
    """Give up: reboot, power off or halt."""

    how: Emergency
    reason: str


LocalAction = (
    Run
    | StartCheck
    | Write
    | Stop
    | Mount
    | Resume
    | Fetch
    | Drop
    | Ask
    | Withdraw
    | GiveWay
    | Record
    | Report
    | Moved
    | Clock
    | Arm
    | KeepExitrd
    | HandOver
    | ShowFailure
    | LookAgain
    | OpenShell
    | AwaitKey
    | Reply
    | EndBoot
)
if TYPE_CHECKING:
    Action: TypeAlias = LocalAction | NetworkAction
else:
    Action = LocalAction

# The core decided these after a failure screen, so they wait until it is shown.
AFTER_SCREEN = (
    Report, Ask, Withdraw, GiveWay, OpenShell, AwaitKey, EndBoot, HandOver, ShowFailure,
)  # fmt: skip
