"""Runs a machine in User Mode Linux, a kernel that runs as a process: no KVM, boots in seconds.

This process serves its virtio disks (see `vhostuser`); its serial ports are files. Its processes
run in their own PID namespace, so that none outlives the machine.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from initpy.lab import mconsole
from initpy.lab.cache import counted
from initpy.lab.console import Console
from initpy.lab.errors import LabError
from initpy.lab.machine import MachineSpec, channel_of
from initpy.lab.umlhost import environment, own_processes
from initpy.lab.vhostuser import DiskServer

_NAME = "machine"
_BLOCK = 2  # the virtio device number of a block device
_RESTARTING = "reboot: Restarting system"  # kernel/reboot.c
_ENDINGS = {
    _RESTARTING: "guest-reset",
    "reboot: System halted": "guest-shutdown",
    "reboot: Power down": "guest-shutdown",
}
# Skip the benchmark of RAID6 algorithms, which takes two thirds of a second; RAID6 does not work
# then.
NO_RAID6 = "initcall_blacklist=raid6_select_algo"
# Opens the file for the lab's port, and the pipes for orders and keys; both ends are open, so that
# the pipes never reach their end. The shell stays as process 1 of the namespace: process 1 cannot
# kill itself with a signal, as this kernel does on a failure.
_PORTS = 'exec 3>"$1" 4<>"$2" 5<>"$3"; shift 3; "$@"'


def command_line(spec: MachineSpec, folder: Path, processor: int) -> list[str]:
    """Return the command line; `folder` holds the machine's sockets and the lab channel."""
    return [
        *own_processes(),
        # Each system call switches between two processes, which is fast only on one processor.
        "taskset", "--cpu-list", str(processor),
        "sh", "-c", _PORTS, "sh", str(folder / "channel"), str(folder / "orders"),
        str(folder / "keys"),
        *environment(), str(spec.kernel), f"mem={spec.memory}M", f"initrd={spec.initrd}",
        f"uml_dir={folder}", f"umid={_NAME}",
        # Keys come through a pipe: the kernel discards a terminal's input with each message.
        "con=null", "ssl=null", "ssl0=fd:5,fd:1", "ssl1=null,fd:3", "ssl2=fd:4,null",
        *(f"virtio_uml.device={_socket(folder, name, number)}:{_BLOCK}:{place}"
          for place, (name, number) in enumerate(_places(spec))),
        *spec.network.uml_words(folder),
        "printk.time=1", *spec.cmdline.split(" "), *spec.extra,
    ]  # fmt: skip


def _places(spec: MachineSpec) -> Iterator[tuple[str, int]]:
    """Yield a device slot for each disk present, and one for each time a disk is plugged in."""
    for drive in spec.drives:
        for number in range(0 if drive.present else 1, 1 + drive.plugs):
            yield drive.name, number


def _socket(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}.{number}"


class Uml:
    """A running User Mode Linux; a context manager, so that it always ends."""

    def __init__(self, spec: MachineSpec, folder: Path) -> None:
        self.spec = spec
        self._folder = folder
        self._used = dict.fromkeys((drive.name for drive in spec.drives), 0)
        self._rest = ExitStack()
        try:
            processors = sorted(os.sched_getaffinity(0))
            processor = self._rest.enter_context(counted("processor", processors))
            # A server serves one request at a time: a slow disk must not delay the others.
            rates = {drive.rate for drive in spec.drives}
            self._disks = {rate: DiskServer(rate) for rate in rates}
            for server in self._disks.values():
                self._rest.callback(server.close)
            for drive in spec.drives:
                if drive.present:
                    self._offer(drive.name)
            os.mkfifo(folder / "orders")
            os.mkfifo(folder / "keys")
            keys = os.open(folder / "keys", os.O_RDWR | os.O_NONBLOCK)
            self._rest.callback(os.close, keys)
            self._lan = spec.network.start(folder)
            if self._lan is not None:
                self._rest.callback(self._lan.close)
            argv = command_line(spec, folder, processor)
            self.command = shlex.join(argv)
            # End at a restart, which the kernel would perform itself.
            self.console = Console(argv, _RESTARTING.encode(), keys)
            self._rest.callback(self.console.close)
        except BaseException:
            self._rest.close()
            raise

    def __enter__(self) -> "Uml":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._rest.close()

    @property
    def channel(self) -> str:
        """Return the test system's output on the lab's serial port."""
        return channel_of(self._folder)

    @property
    def second(self) -> str:
        """Return "": there is no second console."""
        return ""

    @property
    def ending(self) -> str:
        """Return why the machine has ended, in QEMU's terms."""
        text = self.console.text
        found = (reason for line, reason in _ENDINGS.items() if line in text)
        return next(found, f"ended without a reported reason, {self.console.end}")

    def type_second(self, text: str) -> None:
        """Raise LabError: there is no second console."""
        raise self._lacks("a second console")

    def plug(self, name: str) -> None:
        """Plug in a disk of the specification: the agent in the guest probes for it."""
        self._used[name] += 1
        self._offer(name)
        self.order(f"plug {list(_places(self.spec)).index((name, self._used[name]))}")

    def _offer(self, name: str) -> None:
        drive = next(drive for drive in self.spec.drives if drive.name == name)
        socket = _socket(self._folder, name, self._used[name])
        self._disks[drive.rate].offer(socket, drive.file, drive.serial or name)

    def unplug(self, name: str) -> None:
        """Unplug a disk; the guest takes a moment to release it."""
        drive = next(drive for drive in self.spec.drives if drive.name == name)
        self._disks[drive.rate].pull(_socket(self._folder, name, self._used[name]))

    def carrier(self, name: str, on: bool) -> None:
        """Raise LabError: its cards always have a carrier."""
        raise self._lacks(f"a cable at {name}")

    def serve(self, name: str, on: bool) -> None:
        """Start or stop a server. Raises LabError if there is no machine with servers."""
        if self._lan is None:
            raise self._lacks(name)
        self._lan.servers.serve(name, on)

    @property
    def servers(self) -> str:
        """Return the output of the servers' machine; "" without one."""
        return "" if self._lan is None else self._lan.servers.said

    @staticmethod
    def _lacks(what: str) -> LabError:
        return LabError(f"User Mode Linux does not have {what}\n  try: initpy boot --machine qemu")

    def _tell(self, command: str) -> None:
        mconsole.tell(self._folder / _NAME / "mconsole", command)

    def ctrl_alt_del(self) -> None:
        """Press Ctrl-Alt-Del."""
        self._tell("cad")

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Send SysRq keys, so that the kernel prints its state (admin-guide/sysrq.rst)."""
        for key in keys:
            self._tell(f"sysrq {key}")
            while self.console.listen(silence):
                pass

    def order(self, line: str) -> None:
        """Send one line to the lab's agent in the guest."""
        with (self._folder / "orders").open("w") as orders:
            orders.write(line + "\n")
