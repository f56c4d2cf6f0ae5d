"""A virtual machine: QEMU's command line as data, a console, a monitor, and a certain end."""

import fcntl
import os
import re
import shlex
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import pexpect

from initpy.lab.errors import LabError
from initpy.lab.monitor import MachineEvent, Monitor
from initpy.lab.network import Network
from initpy.scenario.model import world_wide_name

_FOLDER = "initpy-lab-"
QEMU = "qemu-system-x86_64"
# Emulated processors that run in parallel may trip over a device whose memory is just being moved
# (QEMU 7.2: about one boot in a thousand, while the kernel looks at the PCI bus).
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78c])|\r|\x00")

# -cpu max has RDRAND under emulation, and virtio-rng feeds the pool: without either, Python waits a
# second for random numbers.
EMULATED = ("-accel", "tcg,thread=multi", "-cpu", "max")
VIRTUALISED = ("-accel", "kvm", "-cpu", "host")

# bus -> the controller it needs, and the device of a disk on it
_CONTROLLERS = {
    "virtio": (),
    "nvme": (),
    "scsi": ("-device", "virtio-scsi-pci,id=scsi"),
    "megasas": ("-device", "megasas,id=megasas"),
    "ahci": ("-device", "ich9-ahci,id=ahci"),
    "usb": ("-device", "qemu-xhci,id=usb"),
}
_DRIVERS = {
    "virtio": "virtio-blk-pci",
    "nvme": "nvme",
    "scsi": "scsi-hd",
    "megasas": "scsi-hd",
    "ahci": "ide-hd",
    "usb": "usb-storage",
}


@dataclass(frozen=True, slots=True)
class Drive:
    """A disk file of the machine; its name is the serial number that the guest sees."""

    name: str
    file: Path
    present: bool = True
    bus: str = "virtio"
    serial: str = ""  # another than the name
    shared: bool = False  # the file serves another drive as well

    @property
    def device(self) -> dict[str, object]:
        """The arguments of QEMU's device_add."""
        return {
            "driver": _DRIVERS[self.bus],
            "id": f"disk-{self.name}",
            "drive": f"node-{self.name}",
            "serial": self.serial or self.name,
            **(self._as_a_path() if self.shared else {}),
        }

    def _as_a_path(self) -> dict[str, object]:
        # multipath(8) takes no disk without a name that the whole world knows.
        return {"share-rw": "on", "wwn": str(int(world_wide_name(self.serial), 16))}


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """Everything that makes a machine."""

    kernel: Path
    initrd: Path
    cmdline: str
    # The firmware's code and the machine's own copy of its variables: the disks have the rest.
    firmware: tuple[Path, Path] | None = None
    memory: int = 1024
    processors: int = 2
    drives: tuple[Drive, ...] = ()
    agent: bool = False  # a third serial port, on which the lab gives orders to the guest
    accelerator: tuple[str, ...] = EMULATED
    # On virtio: the kernel has one console of a driver (admin-guide/serial-console.rst).
    second: bool = False
    network: Network = field(default_factory=Network)
    restarts: bool = False  # a restart is not its end
    extra: tuple[str, ...] = field(default=())

    def command(self, folder: Path) -> list[str]:
        """QEMU's command line; `folder` holds the machine's sockets and the lab channel."""
        words = [
            QEMU, *self.accelerator, "-nodefaults", "-no-user-config", "-display", "none",
            *(() if self.restarts else ("-no-reboot",)), "-smp", str(self.processors),
            "-m", str(self.memory), *self._start(), "-device", "virtio-rng-pci",
            "-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console",
            "-serial", f"file:{folder / 'channel'}",
            "-qmp", f"unix:{folder / 'qmp'},server=on,wait=off",
        ]  # fmt: skip
        if self.agent:
            # A port of its own: QEMU doubles characters in the log of a socket that is connected.
            words += ["-serial", f"unix:{folder / 'orders'},server=on,wait=off"]
        if self.second:
            words += ["-chardev", f"socket,id=second,path={folder / 'second'},server=on,wait=off"]
            words += ["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=second"]
        for bus in sorted({drive.bus for drive in self.drives}):
            words += _CONTROLLERS[bus]
        for drive in self.drives:
            # -blockdev rather than -drive: such a node outlives the device, so that an unplugged
            # disk can be plugged in again.
            words += [
                "-blockdev",
                f"driver=raw,node-name=node-{drive.name},cache.no-flush=on,"
                f"file.driver=file,file.filename={drive.file}"
                + (",file.locking=off" if drive.shared else ""),
            ]
            if drive.present:
                device = dict(drive.device)
                options = ",".join(f"{key}={value}" for key, value in device.items())
                words += ["-device", options.removeprefix("driver=")]
        return [*words, *self.network.words(folder), *self.extra]

    def _start(self) -> list[str]:
        """What the machine starts with."""
        if self.firmware is None:
            return ["-kernel", str(self.kernel), "-initrd", str(self.initrd),
                    "-append", self.cmdline]  # fmt: skip
        code, variables = self.firmware
        return ["-drive", f"if=pflash,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,format=raw,file={variables}"]  # fmt: skip


class Machine:
    """A running machine; use it as a context manager, so that it always ends."""

    def __init__(self, spec: MachineSpec, folder: Path) -> None:
        if shutil.which(QEMU) is None:
            raise LabError(f"{QEMU} is not installed\n  try: make setup")
        self.spec = spec
        self.raw = bytearray()  # everything the console said
        self._ended = False  # the console
        self._folder = folder
        self._orders: socket.socket | None = None
        self._second: socket.socket | None = None
        self._heard = bytearray()  # from the second console
        argv = spec.command(folder)
        self.command = shlex.join(argv)
        # A pseudo-terminal, so that QEMU is hung up on when we die, however we die.
        self._qemu = pexpect.spawn(argv[0], argv[1:], echo=False, timeout=None)
        self._qemu.delaybeforesend = None
        try:
            self._monitor = Monitor(folder / "qmp")
        except LabError as error:
            self.listen(0.2)
            self._qemu.close(force=True)
            raise LabError(f"QEMU did not start: {self.text.strip() or error}") from error
        try:
            spec.network.begin(self._monitor.execute, folder)
        except LabError:
            self.__exit__(None, None, None)
            raise
        if spec.second:  # from the start: what it says to nobody is lost
            self._second = socket.socket(socket.AF_UNIX)
            self._second.connect(str(folder / "second"))
            self._second.setblocking(False)

    def __enter__(self) -> "Machine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Killed first: a machine that hangs must not keep us waiting for its monitor.
        self._qemu.close(force=True)
        for each in (self._orders, self._second):
            if each is not None:
                each.close()
        self._monitor.close()

    @property
    def descriptor(self) -> int:
        """The console's file descriptor, to wait on."""
        return int(self._qemu.child_fd)

    @property
    def text(self) -> str:
        """The console's text so far, without escape sequences and carriage returns."""
        return _ESCAPES.sub("", self.raw.decode(errors="replace"))

    @property
    def second(self) -> str:
        """What the second console has said so far."""
        if self._second is None:
            return ""
        with suppress(OSError):  # nothing there now, or the machine has ended
            while heard := self._second.recv(65536):
                self._heard += heard
        return _ESCAPES.sub("", self._heard.decode(errors="replace"))

    def type_second(self, text: str) -> None:
        """Type at the second console."""
        if self._second is not None:
            self._second.sendall(text.encode())

    @property
    def channel(self) -> str:
        """What the test system said on the lab's own serial port."""
        try:
            return (self._folder / "channel").read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def listen(self, seconds: float) -> bytes | None:
        """What the console says next, b"" if nothing within the time, None when QEMU has ended."""
        try:
            heard = bytes(self._qemu.read_nonblocking(65536, timeout=seconds))
        except pexpect.TIMEOUT:
            return b""
        except pexpect.EOF:
            self._ended = True
            return None
        self.raw += heard
        return heard

    def type(self, text: str) -> None:
        """Type at the console."""
        self._qemu.send(text)

    def send(self, data: bytes) -> None:
        """Pass a person's keys to the console."""
        os.write(self.descriptor, data)

    def events(self) -> list[MachineEvent]:
        """QEMU's events since the last call."""
        return self._monitor.events()

    @property
    def end(self) -> str:
        """How QEMU has ended, as a process."""
        if self._qemu.isalive():
            return "still alive"
        if self._qemu.signalstatus is not None:
            return f"killed by signal {self._qemu.signalstatus}"
        return f"exit status {self._qemu.exitstatus}"

    @property
    def crashed(self) -> bool:
        """Whether QEMU has ended by a mistake of its own: nothing is shown about what it booted.

        Once the console has ended, which comes a moment before the process does.
        """
        for _ in range(20 if self._ended else 1):
            if not self._qemu.isalive():
                return self._qemu.signalstatus in CRASHES
            time.sleep(0.1)
        return False

    def plug(self, name: str) -> None:
        """Plug in a disk that the specification names."""
        drive = next(drive for drive in self.spec.drives if drive.name == name)
        self._monitor.execute("device_add", drive.device)

    def unplug(self, name: str) -> None:
        """Pull out a disk; the guest takes a moment to let go."""
        self._monitor.execute("device_del", {"id": f"disk-{name}"})

    def carrier(self, name: str, on: bool) -> None:
        """Plug in or pull out the cable of a network card."""
        self.spec.network.carrier(self._monitor.execute, name, on)

    def serve(self, name: str, on: bool) -> None:
        """Start or end a storage server."""
        if on:
            self.spec.network.serve(self._monitor.execute, self._folder, name)
        else:
            self.spec.network.end(self._monitor.execute)

    def press(self, *keys: str) -> None:
        """Press keys of the machine's keyboard together, named as in QEMU's QKeyCode."""
        names = [{"type": "qcode", "data": key} for key in keys]
        self._monitor.execute("send-key", {"keys": names})

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Have the kernel say what it does: a break and a key for each (admin-guide/sysrq.rst).

        Each answer is over when nothing was said for `silence` seconds.
        """
        for key in keys:
            self._monitor.execute("chardev-send-break", {"id": "console"})
            self.type(key)
            while self.listen(silence):
                pass

    def order(self, line: str) -> None:
        """Give the lab's agent in the guest one line."""
        if self._orders is None:
            self._orders = socket.socket(socket.AF_UNIX)
            self._orders.connect(str(self._folder / "orders"))
        # The connection stays: QEMU takes a few bytes at a time, and drops the rest with it.
        self._orders.sendall(line.encode() + b"\n")


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
