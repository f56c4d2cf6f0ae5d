"""The interface of the lab's machines: their specification and their operations."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from initpy.lab.console import Console
from initpy.lab.network import Network
from initpy.lab.shares import SharedFolder
from initpy.scenario.model import MachineKind

_FOLDER = "initpy-lab-"


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk of the machine; its name is the serial number in the guest."""

    name: str
    file: Path
    present: bool = True
    bus: str = "virtio"
    serial: str = ""  # if different from the name
    shared: bool = False  # another drive uses the same file (multipath)
    rate: int | None = None  # bytes per second; None: as fast as it can
    plugs: int = 0  # how many times it is plugged in during the boot


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """The complete specification of a machine."""

    kernel: Path
    initrd: Path
    cmdline: str
    kind: MachineKind = MachineKind.QEMU
    # UEFI code, and the machine's copy of its variables; kernel and initrd are then on a disk.
    firmware: tuple[Path, Path] | None = None
    memory: int = 1024
    processors: int = 2
    drives: tuple[Drive, ...] = ()
    agent: bool = False  # a third serial port, for the lab's orders to its agent in the guest
    accelerator: tuple[str, ...] = ()  # QEMU's options for the processor
    # A second console, on virtio: the kernel supports one console per driver
    # (admin-guide/serial-console.rst).
    second: bool = False
    network: Network = field(default_factory=Network)
    shares: tuple[SharedFolder, ...] = ()
    restarts: bool = False  # continue after a restart of the guest
    extra: tuple[str, ...] = ()


class Machine(Protocol):
    """A running machine; a context manager, so that it always ends."""

    spec: MachineSpec
    console: Console
    command: str  # for a shell

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def channel(self) -> str:
        """Return the test system's output on the lab's serial port."""

    @property
    def second(self) -> str:
        """Return the second console's output so far; "" without one."""

    @property
    def servers(self) -> str:
        """Return the output of the machine with the servers; "" without one."""

    @property
    def ending(self) -> str:
        """Return why the machine has ended, in QEMU's terms: guest-reset, guest-shutdown."""

    def type_second(self, text: str) -> None:
        """Type at the second console."""

    def plug(self, name: str) -> None:
        """Plug in a disk that the specification names."""

    def unplug(self, name: str) -> None:
        """Unplug a disk; the guest takes a moment to release it."""

    def carrier(self, name: str, on: bool) -> None:
        """Plug in or unplug the cable of a network card."""

    def serve(self, name: str, on: bool) -> None:
        """Start or stop a storage server."""

    def ctrl_alt_del(self) -> None:
        """Press Ctrl-Alt-Del."""

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Send SysRq keys, so that the kernel prints its state (admin-guide/sysrq.rst).

        Each answer ends after `silence` seconds without output.
        """

    def order(self, line: str) -> None:
        """Send one line to the lab's agent in the guest."""


def channel_of(folder: Path) -> str:
    """Return the content of the lab's serial port, which is a file."""
    try:
        return (folder / "channel").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""


@contextmanager
def machine_folder() -> Iterator[Path]:
    """Create a temporary folder for disks and sockets; socket paths are limited (unix(7))."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    with (folder / "new").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Rename it only once it is locked: another process's sweep would remove it before.
        (folder / "new").rename(folder / "lock")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of killed processes, whose locks are free."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/lock"):
        with suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
