"""What is mounted, active and running at one moment, as sysfs and proc(5) tell it."""

from initpy.core.tuples import NamedTuple

NOTHING: frozenset[str] = frozenset()


class MountPoint(NamedTuple):
    """A line of mountinfo."""

    number: int
    parent: int
    target: str
    kind: str
    devices: frozenset[str]  # names of its block devices; none: it is in memory
    read_only: bool = False


class BlockDevice(NamedTuple):
    """A block device that stands on others, or may be the end of a layer."""

    name: str
    # Of a partition: its disk. Of a loop device: the device whose file system has its file.
    slaves: frozenset[str] = NOTHING
    # md: the attribute array_state; loop, nbd: "bound" or "". Others: "".
    state: str = ""
    metadata: str = ""  # md: the attribute metadata_version
    uuid: str = ""  # of a mapping
    # Of a layer that a job file declares: the command that takes it down. Its slaves are not known.
    run: tuple[str, ...] = ()


class Daemon(NamedTuple):
    """A storage daemon: the first argument begins with `@` (ROOT_STORAGE_DAEMONS of systemd)."""

    pid: int
    name: str
    words: tuple[str, ...] = ()  # its other arguments
    program: str = ""  # the path of its executable, which keeps a file system in use


class Present(NamedTuple):
    """Everything that may have to be taken down."""

    mounts: tuple[MountPoint, ...] = ()
    devices: tuple[BlockDevice, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()  # path, name of the device
    daemons: tuple[Daemon, ...] = ()
