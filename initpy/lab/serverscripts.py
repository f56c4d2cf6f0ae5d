"""What the machine of the servers runs: the lines that bring each of them up, and take it down."""

import os
import shlex
from pathlib import Path
from zlib import crc32

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

_HOSTS = "/run/hosts."
_FAR = "far1"  # the link of the network behind the relay, see `dhcp_relay` of its init
_RANGE = (50, 99)  # of the last byte of addresses in leases
_SECOND_RANGE = (150, 199)


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
