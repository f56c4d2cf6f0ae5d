"""Reads the network of a scenario file: cards with cables and leases, servers."""

import re
from dataclasses import replace
from ipaddress import ip_address

from initpy.scenario.model import Disk
from initpy.scenario.reader import Table
from initpy.scenario.servers import (
    ADDRESS_ONLY,
    Nic,
    Server,
    Times,
    machine_address,
    machine_address_6,
    machine_addresses,
)

# Port numbers of the IANA registry; NBD's protocol document has its own too.
# Of a router, the type of its advertisements.
PORTS = {"nbd": 10809, "iscsi": 3260, "nvme": 4420, "nfs": 2049, "dhcp": 67, "dhcp6": 547,
         "router": 134}  # fmt: skip
# How the names of targets begin, and what they are called.
NAMES = {"iscsi": (("iqn.", "eui.", "naa."), "a qualified name (iqn.…)"),
         "nvme": (("nqn.",), "a qualified name (nqn.…)")}  # fmt: skip
OF_IPV6 = ("dhcp6", "router")
VERSIONS = ("3", "4")  # of NFS
ADDRESS = "10.0.2.100"  # the default of a server, in QEMU's user network
MOST_NICS = 8


def read_network(top: Table, disks: tuple[Disk, ...]) -> tuple[tuple[Nic, ...], tuple[Server, ...]]:
    """Read the tables [[nic]] and [[server]]. Raises InputError with the wrong key."""
    nics: list[Nic] = []
    for table in top.tables("nic"):
        nics.append(_nic(table, nics))
    servers: list[Server] = []
    for table in top.tables("server"):
        servers.append(_server(table, disks, nics, servers))
    _check_paths(top, disks, servers)
    subsystems = {each.name for each in servers if each.kind == "nvme"}
    if unknown := {each.refers for each in servers} - subsystems - {""}:
        raise top.wrong("server", f"a server of kind nvme to refer to, not {min(unknown)}")
    return tuple(nics), tuple(servers)


def _check_paths(top: Table, disks: tuple[Disk, ...], servers: list[Server]) -> None:
    """Reject a further path to a disk that no server has and that is on no SCSI bus."""
    served = {name for each in servers for name in each.serves}
    for disk in disks:
        if disk.path_of and disk.bus != "scsi" and disk.name not in served:
            raise top.wrong("disk", f"{disk.name} on a SCSI bus, or a server that serves it")


def _nic(table: Table, before: list[Nic]) -> Nic:
    name, number = table.string("name"), len(before)
    # Without udev rules that rename them, the kernel names cards in probe order.
    if name != f"eth{number}" or number >= MOST_NICS:
        raise table.wrong("name", f"eth{number}, as the kernel names card {number + 1}")
    nic = Nic(name, _times(table, "carrier"), table.optional_number("lease"))
    if table.has("switch"):
        firsts = [each.name for each in before if not each.switch]
        nic = replace(nic, switch=table.choice("switch", firsts))
    if table.has("vlan"):
        nic = replace(nic, vlan=table.integer("vlan"))
        if not 0 < nic.vlan < 4095:
            raise table.wrong("vlan", "the number of a VLAN, 1 to 4094")
    table.end()
    return nic


def _server(
    table: Table, disks: tuple[Disk, ...], nics: list[Nic], servers: list[Server]
) -> Server:
    name = table.string("name")
    if not name.replace("-", "").isalnum() or name in {each.name for each in servers}:
        raise table.wrong("name", "a short, unique name")
    kind = table.choice("kind", tuple(PORTS))
    if not nics:
        raise table.wrong("kind", "a table [[nic]] before it, for the card to the server")
    with_servers = [each.name for each in nics if not each.switch]
    nic = table.choice("nic", with_servers, nics[0].name)
    export = table.string("export", "") if kind == "nfs" else ""
    on_a_machine = kind in (*ADDRESS_ONLY, "nvme") or bool(export)
    usual = machine_address_6(nic) if kind in OF_IPV6 else machine_address(nic)
    address = table.string("address", usual if on_a_machine else ADDRESS)
    try:
        ip_address(address)
    except ValueError:
        raise table.wrong("address", "an IPv4 address such as 10.0.2.100, or IPv6") from None
    usual_ones = machine_addresses(nic)
    if on_a_machine and address not in (
        *usual_ones, *((second_address(nic),) if kind == "dhcp" else ())
    ):  # fmt: skip
        known = " or ".join(usual_ones)
        raise table.wrong("address", f"{known}, the server machine's on {nic}")
    on_a_machine = on_a_machine or address in usual_ones
    if on_a_machine and kind == "nfs" and not export:
        raise table.wrong("export", "a path: the server machine exports file systems, not files")
    if servers and servers[0].on_a_machine is not on_a_machine:
        raise table.wrong("kind", "servers on the server machine, or others only")
    port = table.integer("port") if table.has("port") else PORTS[kind]
    if not 0 < port < 65536:
        raise table.wrong("port", "a port number, 1 to 65535")
    target = table.string("target", "")
    # Targets of one server share its portal.
    if (address, port) in {(e.address, e.port) for e in servers if target in ("", e.target)}:
        raise table.wrong("port", f"another port: a server before has {address}:{port}")
    beginnings, what = NAMES.get(kind, ((), f"no target for {kind}"))
    if bool(beginnings) != bool(target) or (target and not target.startswith(beginnings)):
        raise table.wrong("target", what)
    # A further server with a subsystem is one more path to its namespaces.
    same = [each for each in servers if kind == "nvme" and each.target == target]
    taken = {name for each in servers for name in each.serves if each not in same}
    moved_to = _moved_to(table, target, servers) if kind == "iscsi" else ""
    without = kind in ADDRESS_ONLY or bool(moved_to)
    serves = () if without else _serves(table, disks, taken)
    server = Server(name, kind, serves, nic, address, port, _times(table, "up"), target)
    server = replace(server, export=export)
    if kind == "nvme":
        server = _subsystem(table, server, same)
    if moved_to:
        server = replace(server, moved_to=moved_to, for_good=table.boolean("for_good", False))
    elif kind == "iscsi":
        server = _logins(table, _portal(table, server, disks, servers))
    if kind == "nbd":
        server = replace(server, tls=table.boolean("tls", False))
    if export:
        server = _export(table, server)
    if kind in OF_IPV6:
        server = replace(server, resolves=_resolves(table))
        server = replace(server, resolves_to=_resolves_to(table, server))
    if kind == "dhcp":
        root_path, lease = table.string("root_path", ""), table.number("lease", server.lease)
        server = replace(server, root_path=root_path, lease=lease, resolves=_resolves(table))
        server = replace(server, resolves_to=_resolves_to(table, server), mtu=_mtu(table))
        server = replace(server, relayed=table.boolean("relayed", False))
        others = any(each.relayed for each in servers) or address == second_address(nic)
        if server.relayed and others:
            raise table.wrong("relayed", "one server, the first on the network of its card")
    table.end()
    return server


def _mtu(table: Table) -> int:
    """Read the MTU that a DHCP server tells; 0: none."""
    found = table.integer("mtu") if table.has("mtu") else 0
    if found and not 68 <= found <= 65535:
        raise table.wrong("mtu", "a number of bytes, 68 to 65535")
    return found


def _resolves(table: Table) -> str:
    """Read the name that a server of leases resolves, as a name server; "" for none."""
    name = table.string("resolves", "")
    if name and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", name):
        raise table.wrong("resolves", "a host name with its domain, such as files.example")
    return name


def _moved_to(table: Table, target: str, servers: list[Server]) -> str:
    """Read the server to which a portal redirects the logins at its target; "" for none."""
    if not table.has("moved_to"):
        return ""
    return table.choice("moved_to", [each.name for each in servers if each.target == target])


def _resolves_to(table: Table, server: Server) -> tuple[str, ...]:
    """Read the addresses of that name, in the order in which they are tried; (): the server's."""
    found = table.strings("resolves_to")
    try:
        any(map(ip_address, found))
    except ValueError:
        raise table.wrong("resolves_to", "a list of addresses") from None
    if found and not server.resolves:
        raise table.wrong("resolves_to", "a name in `resolves` beside it")
    return found


def _portal(table: Table, server: Server, disks: tuple[Disk, ...], servers: list[Server]) -> Server:
    """A further server with a target is one more portal of it, with paths to the same units."""
    others = [each for each in servers if each.target == server.target]
    paths = tuple(each.path_of for name in server.serves for each in disks if each.name == name)
    if not others:
        if any(paths):
            raise table.wrong("serves", "disks that are no paths: no server before has the target")
        return server
    if paths != others[0].serves:
        units = ", ".join(others[0].serves)
        raise table.wrong("serves", f"a path (path_of) to each of {units}, in this order")
    return replace(server, group=1 + len(others), paths=paths)


def _logins(table: Table, server: Server) -> Server:
    """Read whom an iSCSI target lets in, and by which login it shows who it is."""
    login, back = table.strings("login"), table.strings("login_in")
    for key, words in (("login", login), ("login_in", back)):
        if words and (len(words) != 2 or not all(words)):
            raise table.wrong(key, "a user and a password")
    if back and not login:
        raise table.wrong("login_in", "a `login` beside it")
    return replace(server, login=login, login_in=back, admits=table.string("admits", ""))


def _subsystem(table: Table, server: Server, same: list[Server]) -> Server:
    """Read whom an NVMe subsystem lets in; it has one namespace, whatever leads to it."""
    if len(server.serves) != 1 or any(each.serves != server.serves for each in same):
        raise table.wrong("serves", "the one disk that the subsystem has, on each of its paths")
    admits = table.string("admits", "")
    if any(each.admits != admits for each in same):
        raise table.wrong("admits", "the same host on each path of a subsystem")
    return replace(server, admits=admits, refers=table.string("refers", ""))


def second_address(nic: str) -> str:
    """Return the address of the second DHCP server on the network of a card."""
    return machine_address(nic).removesuffix("1") + "2"


def _export(table: Table, server: Server) -> Server:
    """Read what an NFS server does with its one file system."""
    if not re.fullmatch("(/[a-z0-9-]+)+", server.export):
        raise table.wrong("export", "a path such as /srv/root")
    if len(server.serves) != 1:
        raise table.wrong("serves", "the one disk with the file system to export")
    versions = table.strings("versions")
    if not set(versions) <= set(VERSIONS):
        raise table.wrong("versions", f"a list of {' and '.join(VERSIONS)}")
    return replace(
        server,
        versions=versions,
        refuses=table.boolean("refuses", False),
        withdraws=table.boolean("withdraws", False),
        link=_link(table, server.export),
        pseudo_root=table.boolean("pseudo_root", False),
    )


def _link(table: Table, export: str) -> str:
    """Read the path of a symbolic link to an export; "" for none."""
    link = table.string("link", "")
    if link and not re.fullmatch(f"{export}/[a-z0-9-]+", link):
        raise table.wrong("link", f"a path such as {export}/current")
    return link


def _serves(table: Table, disks: tuple[Disk, ...], taken: set[str]) -> tuple[str, ...]:
    """Read the names of disks that have no other place."""
    names = table.strings("serves")
    free = [
        disk.name
        for disk in disks
        if disk == Disk(disk.name, disk.size, copy_of=disk.copy_of, path_of=disk.path_of)
        and disk.name not in taken
    ]
    if not names or len(set(names)) < len(names) or not set(names) <= set(free):
        known = ", ".join(free) or "none left"
        what = f"disks without bus and arrival, each once ({known})"
        raise table.wrong("serves", what)
    return names


def _times(table: Table, first: str) -> Times:
    """Read `carrier` or `up` (seconds, or "never"), `down`, `back`."""
    up: float | None = None
    if table.content.get(first) == "never":
        table.string(first)
    elif isinstance(table.content.get(first), str):
        raise table.wrong(first, 'seconds after the start of /init, or "never"')
    else:
        up = table.number(first, 0.0)
    down, back = table.optional_number("down"), table.optional_number("back")
    if down is not None and (up is None or down <= up):
        raise table.wrong("down", f"later than `{first}`")
    if back is not None and (down is None or back <= down):
        raise table.wrong("back", "later than `down`")
    return Times(up, down, back)
