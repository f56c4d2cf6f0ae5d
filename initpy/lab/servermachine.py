"""The machine with the servers: Debian's dnsmasq, the kernel's NFS server and the like.

It is User Mode Linux, or QEMU for what that has no driver for (`serverqemu`). Its root is a
folder of the cache with Debian packages (qemu/server.sh), read-only by way of hostfs or 9p.
The servers' commands come from the scenario, as a shell script in the folder of the machine.
"""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.lab.cache import locked
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML, uml_kernel
from initpy.lab.serverqemu import PORT, Emulation, Plug
from initpy.lab.serverqemu import command as emulated
from initpy.lab.serverscripts import commands
from initpy.lab.switch import Switch
from initpy.lab.umlhost import environment, own_processes, require
from initpy.scenario.network import MOST_NICS, second_address
from initpy.scenario.servers import (
    Nic,
    Server,
)

_SETUP = PROJECT / "qemu" / "server.sh"
_INIT = PROJECT / "qemu" / "server-init.sh"
_TLS = PROJECT / "qemu" / "tls"
_MEMORY = 192  # MiB
_READY = "INITPY-LAB servers are up"
_PATIENCE, _EMULATED = 60.0, 240.0  # seconds until it is up, in User Mode Linux and in QEMU
# Keep the orders' pipe open at both ends, so that the machine never reads its end.
_PORTS = 'exec 4<>"$1"; shift; exec "$@"'


def server_tree() -> Path:
    """Return the folder with the packages of the servers; create it if the cache lacks it."""
    with locked("server"):
        done = subprocess.run([str(_SETUP)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"no server machine: {done.stderr.strip()}\n  try: {_SETUP}")
    return Path(done.stdout.strip().splitlines()[-1])


class Lan:
    """The hubs between a machine's cards and its servers, and the servers' machine."""

    def __init__(self, folder: Path, nics: tuple[Nic, ...], servers: tuple[Server, ...],
                 disks: dict[str, Path], emulation: Emulation | None) -> None:  # fmt: skip
        """Start both; sockets of the hubs are in the folder, by the names of the cards.

        `emulation`: that of a servers' machine in QEMU; None: it is User Mode Linux.
        """
        ports = {each.name: each.switch for each in nics}
        for number, _ in cards(nics, servers) if emulation is not None else ():
            ports[_port(number)] = nics[number % MOST_NICS].name
        self._switch = Switch(folder, ports)
        try:
            self.servers = ServerMachine(folder, nics, servers, disks, emulation)
        except BaseException:
            self._switch.close()
            raise

    def close(self) -> None:
        """End both."""
        self.servers.close()
        self._switch.close()


class ServerMachine:
    """The running machine; `close` ends it."""

    def __init__(self, folder: Path, nics: tuple[Nic, ...], servers: tuple[Server, ...],
                 disks: dict[str, Path], emulation: Emulation | None) -> None:  # fmt: skip
        """Start the machine and wait for the servers that are up from the start.

        `disks`: the files of the disks that servers have, by name.
        """
        if emulation is None:
            require()
        self._folder = folder / "server"
        self._folder.mkdir()
        shutil.copy(_INIT, self._folder / "init")
        shutil.copytree(_TLS, self._folder / "tls")
        (self._folder / "commands").write_text(commands(nics, servers, list(disks)))
        self._orders = self._folder / "orders"
        os.mkfifo(self._orders)
        self.log = self._folder / "log"
        plugs = cards(nics, servers)
        if emulation is None:
            argv = self._uml(folder, plugs, disks)
        else:
            those = [Plug(mac(number, server=True), _port(number)) for number, _ in plugs]
            argv = emulated(
                emulation, folder, self._folder, server_tree(), those, list(disks.values())
            )
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                _contained(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            self._await(_READY, _PATIENCE if emulation is None else _EMULATED)
        except BaseException:
            self.close()
            raise

    def _uml(self, folder: Path, plugs: list[tuple[int, str]], disks: dict[str, Path]) -> list[str]:
        modules = uml_kernel().modules
        return [
            "sh", "-c", _PORTS, "sh", str(self._orders),
            *environment(), str(LINUX_UML), f"mem={_MEMORY}M",
            "root=/dev/root", "rootfstype=hostfs", f"rootflags={server_tree()}", "ro",
            "init=/lab-init", f"uml_dir={self._folder}",
            "umid=server", "con=null", "con0=null,fd:1", "ssl=null", "ssl0=fd:4,null",
            "console=tty0", "quiet", f"LAB_FOLDER={self._folder}", f"LAB_MODULES={modules}",
            *(f"vec{number}:transport=bess,dst={folder / name},mac={mac(number, server=True)}"
              for number, name in plugs),
            *(f"ubd{number}={file}" for number, file in enumerate(disks.values())),
        ]  # fmt: skip

    def _await(self, text: str, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while text not in self.said:
            if self._process.poll() is not None or time.monotonic() > limit:
                raise LabError(f"the server machine does not start:\n{self.said[-2000:]}")
            time.sleep(0.02)

    @property
    def said(self) -> str:
        """Return its console's output so far."""
        return self.log.read_bytes().decode(errors="replace")

    def serve(self, name: str, on: bool) -> None:
        """Start or stop a server."""
        with self._orders.open("w") as orders:
            orders.write(f"{'start' if on else 'stop'} {name}\n")

    def close(self) -> None:
        """Kill the machine."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()


def _contained(words: list[str]) -> list[str]:
    """Return a command whose processes end with it, and with this process, even if it is killed.

    A machine that is left over costs a quarter of a processor. The kernel forgets the signal as a
    user other than root enters a namespace of theirs (prctl(2), PR_SET_PDEATHSIG).
    """
    mortal = ["setpriv", "--pdeathsig", "KILL"]
    return [*mortal, *own_processes(), *words]


def cards(nics: tuple[Nic, ...], servers: tuple[Server, ...]) -> list[tuple[int, str]]:
    """Return the cards of the servers' machine: their numbers, and the cards under test.

    A second DHCP server on a network has a card of its own.
    """
    twice = {each.nic for each in servers if each.address == second_address(each.nic)}
    numbered = list(enumerate(nics))
    found = [(number, each.name) for number, each in numbered if not each.switch]
    return found + [(number + MOST_NICS, each.name) for number, each in numbered
                    if each.name in twice]  # fmt: skip


def _port(number: int) -> str:
    """Return the name of the port of a hub that a card of the servers' machine in QEMU has."""
    return f"{PORT}{number}"


def mac(number: int, *, server: bool = False) -> str:
    """Return the hardware address of a card, of either machine."""
    return f"52:54:00:00:{'01' if server else '00'}:{number:02x}"
