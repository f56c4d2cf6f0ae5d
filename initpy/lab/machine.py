"""What a machine is to the lab, whatever runs it: its specification, and what it can do."""

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
from initpy.scenario.model import MachineKind

_FOLDER = "initpy-lab-"


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk file of the machine; its name is the serial number that the guest sees."""

    name: str
    file: Path
    present: bool = True
    bus: str = "virtio"
    serial: str = ""  # another than the name
    shared: bool = False  # the file serves another drive as well
    plugs: int = 0  # how often it is plugged in while the machine runs


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """Everything that makes a machine."""

    kernel: Path
    initrd: Path
    cmdline: str
    kind: MachineKind = MachineKind.QEMU
    # The firmware's code and the machine's own copy of its variables: the disks have the rest.
    firmware: tuple[Path, Path] | None = None
    memory: int = 1024
    processors: int = 2
    drives: tuple[Drive, ...] = ()
    agent: bool = False  # a third serial port, on which the lab gives orders to the guest
    accelerator: tuple[str, ...] = ()  # QEMU's options for the processor
    # On virtio: the kernel has one console of a driver (admin-guide/serial-console.rst).
    second: bool = False
    network: Network = field(default_factory=Network)
    restarts: bool = False  # a restart is not its end
    extra: tuple[str, ...] = ()


class Machine(Protocol):
    """A running machine; use it as a context manager, so that it always ends."""

    spec: MachineSpec
    console: Console
    command: str  # to be typed into a shell

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @property
    def channel(self) -> str:
        """What the test system said on the lab's own serial port."""

    @property
    def second(self) -> str:
        """What the second console has said so far; "" without one."""

    @property
    def ending(self) -> str:
        """Why the machine has ended, in QEMU's words: guest-reset, guest-shutdown."""

    def type_second(self, text: str) -> None:
        """Type at the second console."""

    def plug(self, name: str) -> None:
        """Plug in a disk that the specification names."""

    def unplug(self, name: str) -> None:
        """Pull out a disk; the guest takes a moment to let go."""

    def carrier(self, name: str, on: bool) -> None:
        """Plug in or pull out the cable of a network card."""

    def serve(self, name: str, on: bool) -> None:
        """Start or end a storage server."""

    def ctrl_alt_del(self) -> None:
        """Press Ctrl-Alt-Del."""

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Have the kernel say what it does: a command for each key (admin-guide/sysrq.rst).

        Each answer is over when nothing was said for `silence` seconds.
        """

    def order(self, line: str) -> None:
        """Give the lab's agent in the guest one line."""


def channel_of(folder: Path) -> str:
    """What was written to the file of the lab's own serial port."""
    try:
        return (folder / "channel").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""


@contextmanager
def machine_folder() -> Iterator[Path]:
    """A short-lived folder for disks and sockets, whose paths may have 107 bytes (unix(7))."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_FOLDER))
    with (folder / "new").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Under its name only when it is held, or another's sweep would take it in between.
        (folder / "new").rename(folder / "lock")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of processes that were killed: nobody holds their locks."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*/lock"):
        with suppress(OSError), lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
