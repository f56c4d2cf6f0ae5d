"""Describes the layers below a root on the network: the interface to the server, its drivers."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from initpy.config.network import nbft
from initpy.image.stack import buses
from initpy.image.stack.layers import Ask, Kind, Layer
from initpy.image.stack.system import System

NET = "/sys/class/net"


def towards(system: System, path: str) -> Iterator[Layer]:
    """Yield the target and the network below an iSCSI disk at a sysfs path; nothing for others."""
    found = re.search(r"/session(\d+)/", path)
    if not found:
        return
    connection = f"/sys/class/iscsi_connection/connection{found[1]}:0"
    address = (system.text(f"{connection}/persistent_address") or "").strip()
    name = (system.text(f"/sys/class/iscsi_session/session{found[1]}/targetname") or "").strip()
    layers = tuple(server(system, address, "iSCSI"))
    yield Layer(
        f"target:{name or address}",
        Kind.TARGET,
        f"iSCSI target {name or 'of ' + address}",
        on=(layers[0].identity,),
        properties=(("SUBSYSTEM", "target"), ("TARGET", "iscsi")),  # as job files match them
    )
    yield from layers


def fabrics(system: System, path: str) -> Iterator[Layer]:
    """Yield the subsystem of an NVMe device at a sysfs path, and the network that leads to it.

    Nothing for a device of a local controller. The device is its controller's, or its subsystem's,
    which several controllers lead to.
    """
    above = path.rpartition("/")[0]
    found = [above, *(system.real(f"{above}/{name}") or "" for name in system.names(above))]
    known = {each: (system.text(f"{each}/transport") or "").strip() for each in found}
    controllers = [each for each in found if known[each] not in ("", "pcie")]
    if not controllers:
        return
    # One that can be connected to in an initramfs is enough.
    chosen = [each for each in controllers if known[each] == "tcp"] or controllers
    told = [(system.text(f"{each}/address") or "").strip() for each in chosen]
    servers = [_address(each) for each in told]
    transport = known[chosen[0]]
    layers = [tuple(server(system, each, "NVMe")) for each in servers if transport == "tcp"]
    name = (system.text(f"{chosen[0]}/subsysnqn") or "").strip()
    host = (system.text(f"{chosen[0]}/hostnqn") or "").strip()
    facts = [("connections", "; ".join(told)), *((("host", host),) if host else ())]
    facts += [("firmware", each) for each in system.names(nbft.FOLDER) if nbft.NAME.fullmatch(each)]
    yield Layer(
        f"target:{name}",
        Kind.TARGET,
        f"NVMe subsystem {name} at {', '.join(servers)}",
        on=tuple(dict.fromkeys(each[0].identity for each in layers)),
        asks=(buses.module_ask(system, (f"nvme-{transport}",), f"NVMe over {transport}"),),
        facts=tuple(facts),
        properties=(  # as job files match them
            ("SUBSYSTEM", "target"),
            ("TARGET", "nvme" if transport == "tcp" else f"nvme-{transport}"),
        ),
    )
    for each in layers:
        yield from each


def _address(told: str) -> str:
    """Return the server's address of a connection: `traddr=ADDRESS,trsvcid=PORT,…`"""
    return dict(part.partition("=")[::2] for part in told.split(",")).get("traddr", "")


def server(system: System, address: str, protocol: str) -> Iterator[Layer]:
    """Yield the interface that the route to a server uses, and the layers below it."""
    interface = _route(system, address)
    if not interface:
        yield Layer(f"net:{address}", Kind.UNKNOWN, f"the route to {address} ({protocol})")
        return
    layers = tuple(_interface(system, interface))
    facts = (*layers[0].facts, ("protocol", protocol), ("server", address))
    yield replace(layers[0], facts=facts)
    yield from layers[1:]


def _interface(system: System, name: str) -> Iterator[Layer]:
    """Yield an interface and its hardware, or the lower interfaces of a bond, bridge or VLAN."""
    path = system.real(f"{NET}/{name}") or ""
    lower = [
        each.removeprefix("lower_") for each in system.names(path) if each.startswith("lower_")
    ]
    kind = _property(system, path, "DEVTYPE")
    known = (("INTERFACE", name), ("SUBSYSTEM", "net"))
    mac = (system.text(f"{path}/address") or "").strip()
    facts = (("mac", mac),) if mac else ()
    layer = Layer(f"net:{name}", Kind.NETWORK, f"interface {name}", facts=facts, properties=known)
    if lower:
        asks = (buses.module_ask(system, (f"rtnl-link-{kind}", kind), kind),) if kind else ()
        yield replace(layer, on=tuple(f"net:{each}" for each in lower), asks=asks)
        for each in lower:
            yield from _interface(system, each)
        return
    on, layers = buses.climb(system, path)
    yield replace(layer, on=on)
    yield from layers


def _property(system: System, path: str, name: str) -> str:
    lines = (system.text(f"{path}/uevent") or "").splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), "")


def _route(system: System, address: str) -> str:
    """Return the interface to an address: from /proc/net/route, for IPv6 by `ip route get`."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if parsed.version == 6:
        words = (system.output(["ip", "-6", "route", "get", address]) or "").split()
        return words[words.index("dev") + 1] if "dev" in words[:-1] else ""
    best, chosen = -1, ""
    for line in (system.text("/proc/net/route") or "").splitlines()[1:]:
        words = line.split()
        if len(words) < 8:
            continue
        # Addresses are in the machine's byte order (proc(5)); supported ones are little-endian.
        target, mask = (int.from_bytes(bytes.fromhex(words[i]), "little") for i in (1, 7))
        if int(parsed) & mask == target and mask.bit_count() > best:
            best, chosen = mask.bit_count(), words[0]
    return chosen


def nfs(system: System, kind: str, options: str, source: str) -> tuple[tuple[Ask, ...], str]:
    """Return the drivers that an NFS root needs, and its server's address."""
    words = dict(word.partition("=")[::2] for word in options.split(","))
    version = words.get("vers", words.get("nfsvers", ""))[:1] or "4"
    address = words.get("addr", "") or source.rpartition(":")[0].strip("[]")
    asks = (
        Ask((f"fs-{kind}", "nfs"), f"file system {kind}"),
        buses.module_ask(system, (f"nfsv{version}",), f"version {version} of NFS"),
    )
    return asks, address
