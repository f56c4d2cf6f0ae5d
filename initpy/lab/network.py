"""A machine's network: servers on a machine of their own, or QEMU's user network and NBD server.

The former is a `Lan` (servermachine.py). In the latter no traffic leaves QEMU: the network is
restricted. Connections to a server's address go through a relay (see `relay`) to a socket in the
machine's folder. There the machine's own QEMU serves the disk with its NBD server, so that no
server outlives its machine.
"""

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from initpy.lab import relay, umlhost
from initpy.lab.errors import LabError
from initpy.lab.servermachine import Lan, mac
from initpy.lab.serverqemu import Emulation
from initpy.scenario.model import Scenario
from initpy.scenario.servers import Nic, Server

# QEMU's manual, -netdev user: the guest's network; .2 is the host, .3 the name server.
GUEST = IPv4Network("10.0.2.0/24")
SOONEST = 1.0  # seconds; QEMU's DHCP cannot delay a lease longer
Execute = Callable[[str, Mapping[str, object]], object]


@dataclass(frozen=True, slots=True)
class Network:
    """The network cards of a machine and the servers that they reach."""

    nics: tuple[Nic, ...] = ()
    servers: tuple[Server, ...] = ()
    # Files of disks of the servers that have a machine of their own; None: there is none.
    disks: dict[str, Path] | None = None
    emulation: Emulation | None = None  # of that machine in QEMU; None: User Mode Linux

    def start(self, folder: Path) -> Lan | None:
        """Start the machine with the servers, if there is one."""
        if self.disks is None:
            return None
        return Lan(folder, self.nics, self.servers, self.disks, self.emulation)

    def uml_words(self, folder: Path) -> list[str]:
        """Return the parameters of User Mode Linux: its cards are called vec0, vec1, …"""
        return [
            f"vec{number}:transport=bess,dst={folder / nic.name},mac={mac(number)}"
            for number, nic in enumerate(self.nics)
        ]

    def words(self, folder: Path) -> list[str]:
        """Return QEMU's arguments."""
        words: list[str] = []
        for number, nic in enumerate(self.nics):
            link = f"hubport,id=net-{nic.name},hubid={number}"  # a cable without a peer
            if self.disks is not None:
                ends = (
                    f"{end}.type=unix,{end}.path={folder / nic.name}.{name}"
                    for end, name in (("local", "qemu"), ("remote", "hub"))
                )
                link = f"dgram,id=net-{nic.name},{','.join(ends)}"
            elif nic.lease is not None:
                mine = (each for each in self.servers if each.nic == nic.name)
                forwards = "".join(_forward(each, folder) for each in mine)
                link = f"user,id=net-{nic.name},restrict=on,ipv6=off{forwards}"
            # No boot ROM: the lab starts the kernel itself, and the ROM's package may be missing.
            card = f"virtio-net-pci,id={nic.name},netdev=net-{nic.name},romfile=,mac={mac(number)}"
            words += ["-netdev", link, "-device", card]
        return words

    def begin(self, execute: Execute, folder: Path) -> None:
        """Set cables and servers to their state at power-on."""
        for nic in self.nics:
            if nic.carrier.up != 0.0:
                self.carrier(execute, nic.name, False)
        for server in self.servers if self.disks is None else ():
            if server.times.up == 0.0:
                self.serve(execute, folder, server.name)

    def carrier(self, execute: Execute, name: str, on: bool) -> None:
        """Plug in or unplug a cable."""
        execute("set_link", {"name": name, "up": on})

    def serve(self, execute: Execute, folder: Path, name: str) -> None:
        """Start a server; each disk is an export of its name, the first also the default export."""
        server = next(each for each in self.servers if each.name == name)
        address = {"type": "unix", "data": {"path": str(_socket(server, folder))}}
        execute("nbd-server-start", {"addr": address})
        for number, disk in enumerate(server.serves):
            for export in (disk,) if number else (disk, ""):
                execute("block-export-add", {
                    "type": "nbd", "id": f"{server.name}-{number}-{export}", "name": export,
                    "node-name": f"node-{disk}", "writable": True,
                })  # fmt: skip

    def end(self, execute: Execute) -> None:
        """Stop the server and cut its connections."""
        execute("nbd-server-stop", {})


def network_of(
    scenario: Scenario, files: dict[str, Path], emulation: Emulation | None = None
) -> Network:
    """Return the network of a scenario. Raises LabError for features of the simulator only.

    `files`: those of the disks, by name; `emulation`: of a servers' machine in QEMU, if need be.
    """
    if scenario.has_server_machine:
        served = [name for each in scenario.servers for name in each.units]
        disks = {name: files[name] for name in served}
        # User Mode Linux has no driver for NVMe, and does not run everywhere.
        needed = any(each.kind == "nvme" for each in scenario.servers) or bool(umlhost.problem())
        return Network(scenario.nics, scenario.servers, disks, emulation if needed else None)
    for server in scenario.servers:
        if server.kind != "nbd" or len(scenario.servers) > 1:
            raise _only_simulated(scenario, f"the server {server.name}", "one server, of kind nbd")
        if IPv4Address(server.address) not in GUEST:
            raise _only_simulated(scenario, server.address, f"an address in {GUEST}")
    for nic in scenario.nics:
        leads = any(each.nic == nic.name for each in scenario.servers)
        if (nic.lease is None and leads) or (nic.lease or 0.0) > SOONEST:
            what = f"a lease within {SOONEST:g} s, as QEMU gives it"
            raise _only_simulated(scenario, f"the lease of {nic.name}", what)
    return Network(scenario.nics, scenario.servers)


def _only_simulated(scenario: Scenario, what: str, has: str) -> LabError:
    return LabError(
        f"{scenario.path}: {what}: only the simulator has this; the lab has {has}\n"
        f"  try: initpy simulate {scenario.path}"
    )


def _socket(server: Server, folder: Path) -> Path:
    return folder / f"server-{server.name}"


def _forward(server: Server, folder: Path) -> str:
    command = shlex.join(
        [sys.executable, "-I", "-S", str(relay.__file__), str(_socket(server, folder))]
    )
    # QEMU's options need commas doubled.
    return f",guestfwd=tcp:{server.address}:{server.port}-cmd:{command.replace(',', ',,')}"
