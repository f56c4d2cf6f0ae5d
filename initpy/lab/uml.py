"""User Mode Linux as a machine: a kernel that runs as a process, without KVM, in a few seconds.

Its disks are virtio ones that this process serves (see `vhostuser`), its serial ports are files.
All its processes are in a PID namespace of their own, so that none outlives it.
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
from initpy.lab.vhostuser import DiskServer

_NAME = "machine"
_BLOCK = 2  # the virtio device number of a block device
_RESTARTING = "reboot: Restarting system"  # kernel/reboot.c
_ENDINGS = {
    _RESTARTING: "guest-reset",
    "reboot: System halted": "guest-shutdown",
    "reboot: Power down": "guest-shutdown",
}
# Which of the algorithms is the fastest takes two thirds of a second of the processor, and what it
# is for is then not there.
NO_RAID6 = "initcall_blacklist=raid6_select_algo"
# The file for the lab's port, and the pipes for orders and keys, which never end as both their ends
# are open. The shell stays: process 1 of a name space cannot end itself by a signal, as this kernel
# does when it fails.
_PORTS = 'exec 3>"$1" 4<>"$2" 5<>"$3"; shift 3; "$@"'


def command_line(spec: MachineSpec, folder: Path, processor: int) -> list[str]:
    """The command line; `folder` holds the machine's sockets and the lab channel."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [
        "unshare", *user, "--pid", "--fork", "--kill-child",
        # Each system call is a switch between two processes, which is quick on one processor only.
        "taskset", "--cpu-list", str(processor),
        # Its memory is a file there or, better, in /dev/shm.
        "env", "--unset=TMP", "--unset=TMPDIR", "--unset=TEMP",
        "sh", "-c", _PORTS, "sh", str(folder / "channel"), str(folder / "orders"),
        str(folder / "keys"),
        str(spec.kernel), f"mem={spec.memory}M", f"initrd={spec.initrd}",
        f"uml_dir={folder}", f"umid={_NAME}",
        # Keys come through a pipe: those of a terminal it discards with each message of its own.
        "con=null", "ssl=null", "ssl0=fd:5,fd:1", "ssl1=null,fd:3", "ssl2=fd:4,null",
        *(f"virtio_uml.device={_socket(folder, name, number)}:{_BLOCK}:{place}"
          for place, (name, number) in enumerate(_places(spec))),
        "printk.time=1", *spec.cmdline.split(" "), *spec.extra,
    ]  # fmt: skip


def _places(spec: MachineSpec) -> Iterator[tuple[str, int]]:
    """A place for each disk that is there, and one for each time that one is plugged in."""
    for drive in spec.drives:
        for number in range(0 if drive.present else 1, 1 + drive.plugs):
            yield drive.name, number


def _socket(folder: Path, name: str, number: int) -> Path:
    return folder / f"{name}.{number}"


class Uml:
    """A running User Mode Linux; use it as a context manager, so that it always ends."""

    def __init__(self, spec: MachineSpec, folder: Path) -> None:
        self.spec = spec
        self._folder = folder
        self._used = dict.fromkeys((drive.name for drive in spec.drives), 0)
        self._rest = ExitStack()
        try:
            processors = sorted(os.sched_getaffinity(0))
            processor = self._rest.enter_context(counted("processor", processors))
            self._disks = DiskServer()
            self._rest.callback(self._disks.close)
            for drive in spec.drives:
                if drive.present:
                    self._offer(drive.name)
            os.mkfifo(folder / "orders")
            os.mkfifo(folder / "keys")
            keys = os.open(folder / "keys", os.O_RDWR | os.O_NONBLOCK)
            self._rest.callback(os.close, keys)
            argv = command_line(spec, folder, processor)
            self.command = shlex.join(argv)
            # After a restart it would start itself again.
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
        """What the test system said on the lab's own serial port."""
        return channel_of(self._folder)

    @property
    def second(self) -> str:
        """It has no second console."""
        return ""

    @property
    def ending(self) -> str:
        """Why it has ended, in QEMU's words."""
        text = self.console.text
        found = (reason for line, reason in _ENDINGS.items() if line in text)
        return next(found, f"ended without saying why, {self.console.end}")

    def type_second(self, text: str) -> None:
        """It has no second console."""
        raise self._lacks("a second console")

    def plug(self, name: str) -> None:
        """Plug in a disk that the specification names: the guest is told to look for it."""
        self._used[name] += 1
        self._offer(name)
        self.order(f"plug {list(_places(self.spec)).index((name, self._used[name]))}")

    def _offer(self, name: str) -> None:
        drive = next(drive for drive in self.spec.drives if drive.name == name)
        socket = _socket(self._folder, name, self._used[name])
        self._disks.offer(socket, drive.file, drive.serial or name)

    def unplug(self, name: str) -> None:
        """Pull out a disk; the guest takes a moment to let go."""
        self._disks.pull(_socket(self._folder, name, self._used[name]))

    def carrier(self, name: str, on: bool) -> None:
        """It has no network card."""
        raise self._lacks(name)

    def serve(self, name: str, on: bool) -> None:
        """It has no network card."""
        raise self._lacks(name)

    @staticmethod
    def _lacks(what: str) -> LabError:
        return LabError(f"User Mode Linux has not got {what}\n  try: initpy boot --machine qemu")

    def _tell(self, command: str) -> None:
        mconsole.tell(self._folder / _NAME / "mconsole", command)

    def ctrl_alt_del(self) -> None:
        """Press Ctrl-Alt-Del."""
        self._tell("cad")

    def ask_kernel(self, keys: str, silence: float) -> None:
        """Have the kernel say what it does: a command for each key (admin-guide/sysrq.rst)."""
        for key in keys:
            self._tell(f"sysrq {key}")
            while self.console.listen(silence):
                pass

    def order(self, line: str) -> None:
        """Give the lab's agent in the guest one line."""
        with (self._folder / "orders").open("w") as orders:
            orders.write(line + "\n")
