"""The machine with the servers: Debian's dnsmasq, the kernel's NFS server and the like.

It is User Mode Linux, or QEMU for what that has no driver for (`serverqemu`). Its root is a
folder of the cache with Debian packages (qemu/server.sh), read-only by way of hostfs or 9p.
The servers' commands come from the scenario, as a shell script in the folder of the machine.
"""

import os
import shlex
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from initpy.config.project import PROJECT
from initpy.lab.cache import locked
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML, uml_kernel
from initpy.lab.serverqemu import PORT, Emulation, Plug
from initpy.lab.serverqemu import command as emulated
from initpy.lab.switch import Switch
from initpy.lab.umlhost import environment, own_processes, require
from initpy.scenario.network import MOST_NICS, second_address
from initpy.scenario.servers import (
    Nic,
    Server,
    distant_address,
    machine_address,
    machine_address_6,
    namespace_uuid,
    unit_serial,
)

_SETUP = PROJECT / "qemu" / "server.sh"
_INIT = PROJECT / "qemu" / "server-init.sh"
_TLS = PROJECT / "qemu" / "tls"
_MEMORY = 192  # MiB
_READY = "INITPY-LAB servers are up"
_PATIENCE, _EMULATED = 60.0, 240.0  # seconds until it is up, in User Mode Linux and in QEMU
_HOSTS = "/run/hosts."
_FAR = "far1"  # the link of the network behind the relay, see `dhcp_relay` of its init
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
        elif server.withdraws:
            lines.append(f"    answer_{_in_shell(server)}")
    lines += ["    :", "}"]
    for server in servers:
        if server.moved_to:
            lines += _moved(server, next(each for each in servers if each.name == server.moved_to))
            continue
        number = next(place for place, nic in enumerate(nics) if nic.name == server.nic)
        lines += _KINDS[server.kind](server, card(number, nics[number]), disks)
        for other in (each for each in servers if each.name == server.refers):
            refer = f"nvme_refer {_nvme_port(server)} {_nvme_place(other)}"
            lines += _function("refer", server, refer)
    return "\n".join(lines) + "\n"


def card(number: int, nic: Nic) -> str:
    """Return the name of the link of the servers' machine that has the address on this card."""
    return f"vec{number}.{nic.vlan}" if nic.vlan else f"vec{number}"


def _in_shell(server: Server) -> str:
    return server.name.replace("-", "_")


def _function(verb: str, server: Server, *lines: str) -> list[str]:
    return [f"{verb}_{_in_shell(server)}() {{", *(f"    {line}" for line in lines), "}"]


def _dhcp(server: Server, link: str, _disks: list[str]) -> list[str]:
    network = server.address.rpartition(".")[0]
    second = server.address == second_address(server.nic)
    first, last = (f"{network}.{each}" for each in (_SECOND_RANGE if second else _RANGE))
    own: list[str] = []
    if second:
        link = f"vec{int(link.removeprefix('vec')) + MOST_NICS}"
        own = [f"ip link set {link} up", f"ip address replace {server.address}/24 dev {link}"]
    span = f"{server.lease:.0f}" if server.lease else "infinite"
    names = ["--port=0"]
    if server.resolves:
        # A name server says so in its leases.
        domain = server.resolves.partition(".")[2]
        own.append(_hosts(server))
        names = ["--no-resolv", "--no-hosts", f"--addn-hosts={_HOSTS}{server.name}",
                 f"--dhcp-option=option:domain-name,{domain}"]  # fmt: skip
    words = [
        "dnsmasq", "--conf-file=/dev/null", *names, "--no-ping", "--user=root", "--group=root",
        f"--interface={_FAR if server.relayed else link}", "--bind-interfaces",
        "--log-facility=/dev/console",
        f"--dhcp-range={first},{last},255.255.255.0,{span}", "--leasefile-ro",
        "--dhcp-authoritative",
        f"--pid-file=/run/{server.name}.pid",
        # None: the networks of two cards are apart.
        "--dhcp-option=option:router" + (f",{server.address}" if server.relayed else ""),
        *([f"--dhcp-option=option:mtu,{server.mtu}"] if server.mtu else []),
        *([f"--dhcp-option=option:root-path,{server.root_path}"] if server.root_path else []),
    ]  # fmt: skip
    if server.relayed:
        far = distant_address(server.nic)
        own.append(f"dhcp_relay {server.name} {server.address} {far}")
        words = ["/bin/ip", "netns", "exec", "far", *words]
    stop = f"kill $(cat /run/{server.name}.pid)"
    start = _function("start", server, *own, shlex.join(words))
    return [*start, *_function("stop", server, stop)]


def _router(server: Server, link: str, _disks: list[str]) -> list[str]:
    network = server.address.removesuffix("1")
    span = f"{network},ra-only,64"
    if server.kind == "dhcp6":
        span = f"{network}{_RANGE[0]},{network}{_RANGE[1]},64,3600"
    own, names = list[str](), ["--port=0"]
    if server.resolves:
        # A name server says so in its advertisements, with its address of the link.
        own.append(_hosts(server))
        domain = server.resolves.partition(".")[2]
        names = ["--no-resolv", "--no-hosts", f"--addn-hosts={_HOSTS}{server.name}",
                 f"--dhcp-option=option6:domain-search,{domain}"]  # fmt: skip
    words = [
        "dnsmasq", "--conf-file=/dev/null", *names, "--user=root", "--group=root",
        f"--interface={link}", "--bind-interfaces", "--log-facility=/dev/console",
        "--enable-ra", f"--dhcp-range={span}", "--leasefile-ro",
        f"--pid-file=/run/{server.name}.pid",
    ]  # fmt: skip
    stop = f"kill $(cat /run/{server.name}.pid)"
    start = _function("start", server, *own, shlex.join(words))
    return [*start, *_function("stop", server, stop)]


def _hosts(server: Server) -> str:
    """Return the command that writes the addresses of the name that a server resolves."""
    hosts = (f"{each} {server.resolves}" for each in server.resolves_to or (server.address,))
    return f"printf '%s\\n' {shlex.join(hosts)} >{_HOSTS}{server.name}"


def _device(disk: str, disks: list[str]) -> str:
    return "/dev/ubd" + "abcdefgh"[disks.index(disk)]


def _nfs(server: Server, _link: str, disks: list[str]) -> list[str]:
    device = _device(server.serves[0], disks)
    clients = "192.0.2.1" if server.refuses else "*"
    off = [each for each in ("3", "4") if server.versions and each not in server.versions]
    without = [word for each in off for word in ("--no-nfs-version", each)]
    options = "rw,no_root_squash,no_subtree_check,insecure,async"
    options += ",fsid=0" if server.pseudo_root else ""
    nfsd = shlex.join(["nfs_up", "--port", str(server.port), *without])
    # Relative, so that it leads there for clients as well.
    target = os.path.relpath(server.export, Path(server.link).parent)
    links = [f"ln -sfn {target} /srv{server.link}"] if server.link else []
    export = f"exportfs -o {options} '{clients}:{server.export}'"
    stop = "rpc.nfsd 0"
    if server.withdraws:
        stop = f"exportfs -u '{clients}:{server.export}'; exportfs -f"
    return [
        *_function("start", server, f"mount_export {device} {server.export}", *links, export, nfsd),
        *_function("answer", server, nfsd),
        *_function("stop", server, stop),
    ]


def _iscsi(server: Server, link: str, disks: list[str]) -> list[str]:
    """The kernel's target (LIO), by configfs: units for disks, a portal group for each server."""
    zone = f"%{link}" if server.address.startswith("fe80:") else ""
    host = f"[{server.address}{zone}]" if ":" in server.address else server.address
    portal = f"{host}:{server.port}"
    units = (
        word for disk in server.units for word in (disk, unit_serial(disk), _device(disk, disks))
    )
    login = [*(server.login or ("", "")), *(server.login_in or ("", ""))]
    group = f"{server.target}/tpgt_{server.group}"
    words = ["iscsi_target", group, server.admits, *login, *units]
    start = f"iscsi_up {group} {portal}"
    stop = f"iscsi_down {group} {portal}"
    return [*_function("start", server, shlex.join(words), start),
            *_function("stop", server, stop)]  # fmt: skip


def _moved(server: Server, other: Server) -> list[str]:
    """A portal that redirects all logins to another one."""
    host = f"[{other.address}]" if ":" in other.address else other.address
    elsewhere = f"{host}:{other.port},{other.group}"
    words = [server.address, str(server.port), elsewhere, "2" if server.for_good else "1"]
    file = f"/run/{server.name}.pid"
    start = f"iscsi_moved {shlex.join(words)}"
    return [*_function("start", server, start, f"echo $! >{file}"),
            *_function("stop", server, f"kill $(cat {file})")]  # fmt: skip


def _nvme(server: Server, _link: str, disks: list[str]) -> list[str]:
    """The kernel's target, nvmet, by configfs: one namespace; a port for each address."""
    [disk] = server.serves
    words = ["nvme_subsystem", server.target, server.admits, disk, namespace_uuid(disk)]
    number = _nvme_port(server)
    start = f"nvme_up {server.target} {number} {_nvme_place(server)}"
    refer = ["refer_" + _in_shell(server)] if server.refers else []
    stop = f"nvme_down {server.target} {number}"
    return [*_function("start", server, shlex.join([*words, _device(disk, disks)]), start, *refer),
            *_function("stop", server, stop)]  # fmt: skip


def _nvme_port(server: Server) -> int:
    """Return the number of a port: there is one of each address and port, whatever it serves."""
    return crc32(f"{server.address} {server.port}".encode()) % 60000 + 1


def _nvme_place(server: Server) -> str:
    return f"{'ipv6' if ':' in server.address else 'ipv4'} {server.address} {server.port}"


def _nbd(server: Server, _link: str, disks: list[str]) -> list[str]:
    """nbd-server with an export for each disk; it is in a process group of its own."""
    # It cannot bind an address of a link.
    address = "::" if server.address.startswith("fe80:") else server.address
    lines = ["[generic]", "user = root", "group = root", f"listenaddr = {address}",
             f"port = {server.port}"]  # fmt: skip
    if server.tls:
        files = (("certfile", "server"), ("keyfile", "server-key"), ("cacertfile", "ca"))
        lines += [f"{key} = /run/lab/tls/{name}.pem" for key, name in files]
        lines.append("force_tls = true")
    for disk in server.serves:
        lines += [f"[{disk}]", f"exportname = {_device(disk, disks)}"]
    base = f"/run/{server.name}"
    words = ["nbd-server", "-C", f"{base}.conf", "-p", f"{base}.pid"]
    write = f"printf '%s\\n' {shlex.join(lines)} >{base}.conf"
    return [*_function("start", server, write, shlex.join(words)),
            *_function("stop", server, f"kill -- -$(cat {base}.pid)")]  # fmt: skip


_KINDS = {
    "nbd": _nbd, "nvme": _nvme, "dhcp": _dhcp, "nfs": _nfs, "iscsi": _iscsi, "dhcp6": _router,
    "router": _router,
}  # fmt: skip
