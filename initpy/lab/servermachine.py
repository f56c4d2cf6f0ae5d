"""The machine with the servers: User Mode Linux with Debian's dnsmasq and the kernel's NFS server.

Its root is a folder of the cache with Debian packages (qemu/server.sh), read-only by way of hostfs.
The servers' commands come from the scenario, as a shell script in the folder of the machine.
"""

import os
import shlex
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.lab.cache import locked
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML, uml_kernel
from initpy.lab.switch import Switch
from initpy.scenario.model import Nic, Server, machine_address, unit_serial
from initpy.scenario.network import MOST_NICS, machine_address_6, second_address

_SETUP = PROJECT / "qemu" / "server.sh"
_INIT = PROJECT / "qemu" / "server-init.sh"
_MEMORY = 192  # MiB
_READY = "INITPY-LAB servers are up"
_PATIENCE = 60.0  # seconds
_RANGE = (50, 99)  # of the last byte of addresses in leases
_SECOND_RANGE = (150, 199)
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
                 disks: dict[str, Path]) -> None:  # fmt: skip
        """Start both; sockets of the hubs are in the folder, by the names of the cards."""
        self._switch = Switch(folder, {each.name: each.switch for each in nics})
        try:
            self.servers = ServerMachine(folder, nics, servers, disks)
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
                 disks: dict[str, Path]) -> None:  # fmt: skip
        """Start the machine and wait for the servers that are up from the start.

        `disks`: the files of the disks that servers have, by name.
        """
        if not LINUX_UML.exists():
            raise LabError("the server machine needs User Mode Linux\n  try: make setup")
        # A second DHCP server on a network has a card of its own.
        self._twice = {each.nic for each in servers if each.address == second_address(each.nic)}
        self._folder = folder / "server"
        self._folder.mkdir()
        shutil.copy(_INIT, self._folder / "init")
        (self._folder / "commands").write_text(commands(nics, servers, list(disks)))
        self._orders = self._folder / "orders"
        os.mkfifo(self._orders)
        self.log = self._folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(folder, nics, disks), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            self._await(_READY)
        except BaseException:
            self.close()
            raise

    def _command(self, folder: Path, nics: tuple[Nic, ...], disks: dict[str, Path]) -> list[str]:
        modules = uml_kernel().modules
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        return [
            "unshare", *user, "--pid", "--fork", "--kill-child",
            "sh", "-c", _PORTS, "sh", str(self._orders),
            str(LINUX_UML), f"mem={_MEMORY}M", "root=/dev/root", "rootfstype=hostfs",
            f"rootflags={server_tree()}", "ro", "init=/lab-init", f"uml_dir={self._folder}",
            "umid=server", "con=null", "con0=null,fd:1", "ssl=null", "ssl0=fd:4,null",
            "console=tty0", "quiet", f"LAB_FOLDER={self._folder}", f"LAB_MODULES={modules}",
            *(f"vec{number}:transport=bess,dst={folder / nic.name},mac={mac(number, server=True)}"
              for number, nic in enumerate(nics) if not nic.switch),
            *(f"vec{number + MOST_NICS}:transport=bess,dst={folder / nic.name},"
              f"mac={mac(number + MOST_NICS, server=True)}"
              for number, nic in enumerate(nics) if nic.name in self._twice),
            *(f"ubd{number}={file}" for number, file in enumerate(disks.values())),
        ]  # fmt: skip

    def _await(self, text: str) -> None:
        limit = time.monotonic() + _PATIENCE
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


def mac(number: int, *, server: bool = False) -> str:
    """Return the hardware address of a card, of either machine."""
    return f"52:54:00:00:{'01' if server else '00'}:{number:02x}"


def commands(nics: tuple[Nic, ...], servers: tuple[Server, ...], disks: list[str]) -> str:
    """Return the shell script: functions `up`, `start_NAME` and `stop_NAME` for each server."""
    lines = ["up() {"]
    for number, nic in enumerate(nics):
        if nic.switch:
            continue  # the card before it has the servers
        lines.append(f"    ip link set vec{number} up")
        link = card(number, nic)
        if nic.vlan:
            lines += [
                "    modprobe 8021q",
                f"    ip link add link vec{number} name {link} type vlan id {nic.vlan}",
                f"    ip link set {link} up",
            ]
        lines += [
            f"    ip address add {machine_address(nic.name)}/24 dev {link}",
            # Without a probe for another host: busybox's ip knows no `nodad`.
            f"    echo 0 >/proc/sys/net/ipv6/conf/{link}/accept_dad",
            f"    ip address add {machine_address_6(nic.name)}/64 dev {link}",
        ]
    for server in servers:
        if server.times.up == 0.0:
            lines.append(f"    start {server.name}")
    lines += ["    :", "}"]
    for server in servers:
        number = next(place for place, nic in enumerate(nics) if nic.name == server.nic)
        lines += _KINDS[server.kind](server, card(number, nics[number]), disks)
    return "\n".join(lines) + "\n"


def card(number: int, nic: Nic) -> str:
    """Return the name of the link of the servers' machine that has the address on this card."""
    return f"vec{number}.{nic.vlan}" if nic.vlan else f"vec{number}"


def _function(verb: str, server: Server, *lines: str) -> list[str]:
    name = server.name.replace("-", "_")
    return [f"{verb}_{name}() {{", *(f"    {line}" for line in lines), "}"]


def _dhcp(server: Server, link: str, _disks: list[str]) -> list[str]:
    network = server.address.rpartition(".")[0]
    second = server.address == second_address(server.nic)
    first, last = (f"{network}.{each}" for each in (_SECOND_RANGE if second else _RANGE))
    own: list[str] = []
    if second:
        link = f"vec{int(link.removeprefix('vec')) + MOST_NICS}"
        own = [f"ip link set {link} up", f"ip address replace {server.address}/24 dev {link}"]
    span = f"{server.lease:.0f}" if server.lease else "infinite"
    words = [
        "dnsmasq", "--conf-file=/dev/null", "--port=0", "--no-ping", "--user=root", "--group=root",
        f"--interface={link}", "--bind-interfaces", "--log-facility=/run/dhcp.log",
        f"--dhcp-range={first},{last},255.255.255.0,{span}", "--leasefile-ro",
        "--dhcp-authoritative",
        f"--pid-file=/run/{server.name}.pid",
        "--dhcp-option=option:router",  # none: the networks of two cards are apart
        *([f"--dhcp-option=option:root-path,{server.root_path}"] if server.root_path else []),
    ]  # fmt: skip
    stop = f"kill $(cat /run/{server.name}.pid)"
    start = _function("start", server, *own, shlex.join(words))
    return [*start, *_function("stop", server, stop)]


def _router(server: Server, link: str, _disks: list[str]) -> list[str]:
    network = server.address.removesuffix("1")
    span = f"{network},ra-only,64"
    if server.kind == "dhcp6":
        span = f"{network}{_RANGE[0]},{network}{_RANGE[1]},64,3600"
    words = [
        "dnsmasq", "--conf-file=/dev/null", "--port=0", "--user=root", "--group=root",
        f"--interface={link}", "--bind-interfaces", f"--log-facility=/run/{server.name}.log",
        "--enable-ra", f"--dhcp-range={span}", "--leasefile-ro",
        f"--pid-file=/run/{server.name}.pid",
    ]  # fmt: skip
    stop = f"kill $(cat /run/{server.name}.pid)"
    return [*_function("start", server, shlex.join(words)), *_function("stop", server, stop)]


def _device(disk: str, disks: list[str]) -> str:
    return "/dev/ubd" + "abcdefgh"[disks.index(disk)]


def _nfs(server: Server, _link: str, disks: list[str]) -> list[str]:
    device = _device(server.serves[0], disks)
    clients = "192.0.2.1" if server.refuses else "*"
    off = {"3": "--no-nfs-version 3", "4": "--no-nfs-version 4"}
    without = [off[each] for each in off if server.versions and each not in server.versions]
    options = "rw,no_root_squash,no_subtree_check,insecure,sync"
    return [
        *_function(
            "start", server,
            f"mount_export {device} {server.export}",
            f"exportfs -o {options} '{clients}:{server.export}'",
            f"nfs_up {' '.join(without)}",
        ),
        *_function("stop", server, "rpc.nfsd 0"),
    ]  # fmt: skip


def _iscsi(server: Server, _link: str, disks: list[str]) -> list[str]:
    """The kernel's target, LIO, by configfs: a unit for each disk."""
    portal = f"{server.address}:{server.port}"
    units = (
        word for disk in server.serves for word in (disk, unit_serial(disk), _device(disk, disks))
    )
    login = [*(server.login or ("", "")), *(server.login_in or ("", ""))]
    words = ["iscsi_target", server.target, server.admits, *login, *units]
    start = f"iscsi_up {server.target} {portal}"
    stop = f"iscsi_down {server.target} {portal}"
    return [*_function("start", server, shlex.join(words), start),
            *_function("stop", server, stop)]  # fmt: skip


def _nbd(server: Server, _link: str, disks: list[str]) -> list[str]:
    """nbd-server with an export for each disk; it is in a process group of its own."""
    lines = ["[generic]", "user = root", "group = root", f"listenaddr = {server.address}",
             f"port = {server.port}"]  # fmt: skip
    for disk in server.serves:
        lines += [f"[{disk}]", f"exportname = {_device(disk, disks)}"]
    base = f"/run/{server.name}"
    words = ["nbd-server", "-C", f"{base}.conf", "-p", f"{base}.pid"]
    write = f"printf '%s\\n' {shlex.join(lines)} >{base}.conf"
    return [*_function("start", server, write, shlex.join(words)),
            *_function("stop", server, f"kill -- -$(cat {base}.pid)")]  # fmt: skip


_KINDS = {
    "nbd": _nbd, "dhcp": _dhcp, "nfs": _nfs, "iscsi": _iscsi, "dhcp6": _router, "router": _router,
}  # fmt: skip
