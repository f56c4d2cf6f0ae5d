"""Job definitions: what a job file says, as values. The core reads them, `config` makes them."""

import enum
from collections.abc import Mapping, Sequence

from initpy.core.devices.names import RootForm
from initpy.core.jobs.matching import Match
from initpy.core.layer import Layer
from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.tuples import NamedTuple


class Gathering(NamedTuple):
    """How a job gathers parts that belong together: the set of them is a subject of its own.

    `kind` is what the sets are called, in INITPY_SET. Devices for which the template `by` gives the
    same value are parts of one set; `called` is its name for the user. The set has the properties
    `keeps` of its parts. `shutdown` says how such sets are taken down at shutdown.
    """

    kind: str
    by: str
    called: str
    keeps: tuple[str, ...] = ()
    shutdown: DeclaredLayer | None = None


class Listing(NamedTuple):
    """What a job lists on its standard output: each line that fits is a subject of its own.

    `kind` is what they are called, in INITPY_LISTED. The named groups of `line` (re) are the
    subject's properties, DEVNAME its name; `properties` are templates over the job's own subject. A
    subject that accepts `unready` is not ready. `below_root` names the property with the place
    of what belongs below a root of which the name is the beginning.
    """

    kind: str
    line: str
    properties: tuple[tuple[str, str], ...] = ()
    unready: Match | None = None
    below_root: str = ""
    roots: tuple[RootForm, ...] = ()
    types: tuple[str, ...] = ()  # of fstab, whose entries name such a subject


class Strategy(enum.Enum):
    """Behaviour that a table cannot express and that a job file refers to by name."""

    RUN = "run"  # run the command when the subject is ready
    UNLOCK = "unlock"  # one secret from whichever source answers first (R10)
    LOOK = "look"  # into what must not be started for good: read-only, as a last resort (R9)
    TAKE_DOWN = "take-down"  # what was looked into, once nothing stands on it
    DEGRADED_START = "degraded-start"  # after the array's own timer (R7)
    START_MONITOR = "start-monitor"  # of a container, which writes the metadata of its volumes
    REASSEMBLE = "reassemble"  # an array that mdadm was not done with (R5, R9)
    GROUP_SCAN = "group-scan"  # show a physical volume to LVM
    GROUP_ACTIVATE = "group-activate"  # a complete volume group, if it is wanted (R1)
    GROUP_START = "group-start"  # an incomplete one, after its own timer
    GROUP_COMMAND = "group-command"  # on a volume group that may be another system's
    GATHER = "gather"  # the parts of something, as a subject of its own
    START_INCOMPLETE = "start-incomplete"  # without the missing parts, after a timer (R7)
    RESUME = "resume"  # the hibernated system on the device, before anything is written (R20)
    CHECK = "check"  # a file system, before it is mounted (R19)
    CHECK_OTHER = "check-other"  # a file system that only the real system mounts (R19)
    MOUNT_ROOT = "mount-root"  # the device that root= names (R18)
    MOUNT_DEGRADED = "mount-degraded"  # a root that lacks devices, after a timer (btrfs)
    MOUNT_HOST = "mount-host"  # the file system that has the root in a file (loop=)
    MOUNT_EXPORT = "mount-export"  # the root that a server, or the hypervisor, offers (R16)
    ISCSI_DAEMON = "iscsi-daemon"  # which logs in to iSCSI targets
    ISCSI_DISCOVERY = "iscsi-discovery"  # of the targets that a portal has
    ISCSI_LOGIN = "iscsi-login"  # to one of them (R16)
    NVME_DISCOVERY = "nvme-discovery"  # of the subsystems that a controller names
    NVME_CONNECT = "nvme-connect"  # to one of them
    NBD_CONNECT = "nbd-connect"  # an NBD device with its server (R16)
    MOUNT_EXTRA = "mount-extra"  # what is wanted below the root

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


class Success(NamedTuple):
    """What is true of the world once a job has worked. All stated facts must hold.

    `holder`: a device stands on the subject (`DeviceGraph.upon`) and accepts the match.
    `subject`: the subject itself accepts the match.
    `device`: any device accepts the match; its patterns may use `{PROPERTY}` of the subject.
    `mounted`: something is mounted there; may use `{PROPERTY}` of the subject.
    `published`: the command printed at least one of the keys it publishes.
    `exit`: the command ended with status 0, for effects that no fact shows (a loaded module).
    `ended`: the command ended with any status: what it does is useful, and nothing needs it.
    """

    holder: Match | None = None
    subject: Match | None = None
    device: Mapping[str, str] | None = None
    mounted: str | None = None
    published: bool = False
    exit: bool = False
    ended: bool = False


class JobDefinition(NamedTuple):
    """One job of a job file; an instance is this definition on one subject."""

    name: str
    does: str  # for the user, e.g. "assemble {DEVNAME} into its array"
    source: str  # the file it comes from
    match: Match
    success: Success
    strategy: Strategy = Strategy.RUN
    run: tuple[str, ...] = ()  # argv template, never a shell
    write: tuple[tuple[str, str], ...] = ()  # instead: attributes of the subject in sysfs
    # Words in the place of `{looking}` on what is only looked into, so that the command writes
    # nothing; None: the job is not for such a subject.
    looking: tuple[str, ...] | None = None
    needs_ready: bool = True  # False: an unready subject (inactive array) is what it acts on
    once: bool = False  # one instance per boot, on whichever subject comes first
    after: tuple[str, ...] = ()  # jobs of the `once` kind that must not be pending when it runs
    layer: Layer | None = None
    identity: tuple[str, ...] = ()  # templates compared with the names that the user gave (R1)
    takes_down: bool = False  # its subject: the kernel may hold that until the command ends
    probes: bool = False  # asks whether something is ready: a "no" is no failure
    reveals: bool = False  # makes disks appear (a login to their server): arrays wait for it
    switch: str | None = None  # the kernel parameter that switches it off, `NAME=0`
    # Words in the place of `{without}` when the parameter of that name is switched off.
    without: tuple[tuple[str, tuple[str, ...]], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    yields: Match | None = None  # not run on a disk with a partition that accepts this
    publishes: tuple[str, ...] = ()  # KEY=VALUE lines of its output that become properties
    timeout: float = 60.0  # seconds for the command; 0 = as long as it takes
    delay: float = 0.0  # seconds that the subject must match before: for what most boots never need
    tries: int = 3
    retry_after: float = 1.0  # seconds
    gathers: Gathering | None = None
    lists: Listing | None = None
    for_root: bool = False  # only for what root= leads to, in a form that a job file declares
    parts: tuple[str, ...] = ()  # words for each part of a set, in the place of `{parts}`
    # Words in the place of `{with}` when the parameter of that name is switched on.
    added: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reads: tuple[str, ...] = ()  # patterns (re): named groups in the output become properties
    # Properties of its subject, and jobs on it or on what it lists: run again after each change.
    renew: tuple[str, ...] = ()
    patience: float = 30.0  # seconds that the missing parts have
    patience_parameter: str | None = None  # the kernel parameter that says otherwise
    lacks: str = ""  # what is missing, for the user: a template
    refused: str = ""  # a pattern (re): complaints that the secret is wrong; or the status is 2
    # Pattern (re) of complaints -> a command to type, a template, and what it does.
    advice: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Candidates(NamedTuple):
    """The jobs to look at for a device with a property: those for its value, those for any."""

    for_value: dict[str, list[JobDefinition]]
    for_any: list[JobDefinition]


class Index(NamedTuple):
    """Where to look which jobs an event concerns."""

    by_property: dict[str, Candidates]
    on_boot: tuple[JobDefinition, ...]  # those without a subject
    awaited: frozenset[str]  # properties of any device by which a job's success is seen
    renewing: frozenset[str]  # names of jobs after which others run again


def index_of(jobs: Sequence[JobDefinition]) -> Index:
    """The index of these jobs."""
    by_property: dict[str, Candidates] = {}
    for job in jobs:
        for key, value in job.match.index_keys():
            found = by_property.setdefault(key, Candidates({}, []))
            those = found.for_any if value is None else found.for_value.setdefault(value, [])
            those.append(job)
    return Index(
        by_property,
        tuple(job for job in jobs if not job.match.patterns),
        frozenset(key for job in jobs for key in job.success.device or {}),
        frozenset(each for job in jobs for each in job.renew if not each.isupper()),
    )
