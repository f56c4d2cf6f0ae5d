"""What people and faults do to the machine of a scenario, and when."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Deed(StrEnum):
    """What a fault does to the machine."""

    PLUG = "plug"
    UNPLUG = "unplug"
    CTRL_ALT_DEL = "ctrl-alt-del"
    KILL_ENGINE = "kill-engine"
    STOP_ENGINE = "stop-engine"
    CONTINUE_ENGINE = "continue-engine"
    KILL_UDEVD = "kill-udevd"
    KILL_UDEV_WORKERS = "kill-udev-workers"
    KILL_MONITORS = "kill-monitors"  # mdmon of each container
    FREEZE = "freeze"  # a disk stops answering requests
    THAW = "thaw"
    REREAD = "reread"  # the kernel reads the partition table of a disk anew
    STORM = "storm"  # some hundred `change` uevents of a disk
    FILL_RUN = "fill-run"
    EMPTY_RUN = "empty-run"
    REFUSE_FORKS = "refuse-forks"  # no process can be started
    ALLOW_FORKS = "allow-forks"
    SIGNAL_INIT = "signal-init"
    CARRIER_ON = "carrier-on"  # the cable of a network card
    CARRIER_OFF = "carrier-off"
    SERVER_UP = "server-up"
    SERVER_DOWN = "server-down"


# The keys of [simulation]: the seed, the event after which the engine dies, and the probability of
# each kind of random fault.
CHANCES = (
    "seed", "crash-after", "late", "doubled", "reordered", "lost", "tool-fails", "tool-hangs",
    "tool-killed", "engine-dies", "udevd-dies", "monitor-dies",
)  # fmt: skip
# The machine performs these itself; the others need the lab's agent in the guest.
NETWORK_DEEDS = (Deed.CARRIER_ON, Deed.CARRIER_OFF, Deed.SERVER_UP, Deed.SERVER_DOWN)
MACHINE_DEEDS = (Deed.PLUG, Deed.UNPLUG, Deed.CTRL_ALT_DEL, *NETWORK_DEEDS)
SIMULATED_DEEDS = (Deed.FREEZE, Deed.THAW, Deed.REREAD)  # see feasible.simulated_only()
AGENT_DEEDS = tuple(deed for deed in Deed if deed not in (*MACHINE_DEEDS, *SIMULATED_DEEDS))


class Way(StrEnum):
    """How a tool misbehaves."""

    FAILS = "fails"  # exits with status 1 without doing anything
    HANGS = "hangs"  # never ends, ignores SIGTERM
    KILLED = "killed"  # dies without doing anything
    MUTE = "mute"  # does its work, and dies before it reports
    RESTART = "restart"  # does its work, and requests a reboot after a correction (fsck)
    UNFINISHED = "unfinished"  # mdadm dies after adding a foreign array's member, before its start
    UNKILLABLE = "unkillable"  # waits in the kernel ("D" in ps(1)): SIGKILL does not end it


class SystemCall(StrEnum):
    """A system call of process 1 that can fail."""

    SPAWN_UDEVD = "spawn-udevd"
    FORK_ENGINE = "fork-engine"
    INOTIFY = "inotify"  # shows that udevd is idle
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Cue:
    """When an act is due: at a time after the start of /init, or some time after a text."""

    at: float | None = None
    when: re.Pattern[str] | None = None
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Person:
    """Input typed at the console; a person's inputs follow each other in the file's order."""

    cue: Cue
    text: str
    pace: float = 0.0  # seconds between the keys
    second: bool = False  # at the machine's second console
    name: str = ""  # persons of different names act independently


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the machine."""

    cue: Cue
    deed: Deed
    argument: str = ""  # of the deed: a disk, a signal, …


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that misbehaves in its first calls that have a word among their arguments."""

    program: str
    way: Way
    times: int
    arguments: str = ""
    ends: float | None = None  # unkillable: seconds until it ends; None: never


@dataclass(frozen=True, slots=True)
class Syscall:
    """A system call of process 1 that fails with ENOMEM some times."""

    call: SystemCall
    fails: int
    skip: int = 0  # successful calls before the first failure


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that overwrite a disk's content before power-on."""

    disk: str
    at: int  # negative: from the end
    data: bytes
