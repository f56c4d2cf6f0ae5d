"""nvme-cli: `nvme discover` and `nvme connect` over TCP, and the kernel's answers.

Sources: nvme-cli 2.3, fabrics.c; libnvme 1.3, src/nvme/fabrics.c and util.c; the kernel's
drivers/nvme/host/tcp.c and fabrics.c, and drivers/nvme/target for what a server says.
"""

import json
from collections.abc import Generator

from initpy.scenario.servers import Server
from initpy.simulation.kernel.process import Answer, Call, Exactly, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.network import Network
from initpy.simulation.world.world import World

SHORT = 0.05
SCAN_SECONDS = 0.2  # of a controller's namespaces, by a worker of the kernel
DISCOVERY = "nqn.2014-08.org.nvmexpress.discovery"
DEVICE = "/dev/nvme-fabrics"
HOST_NQN = "/etc/nvme/hostnqn"
REFUSED = "Input/output error"  # the kernel's EIO for each status with which a server says no
# What nvme_strerror() has for the errnos that libnvme tells apart.
SHORTER = {
    "Connection refused": "connection refused",
    "Invalid argument": "invalid arguments/configuration",
}
DUPLICATE = "Invalid argument"
OTHERWISE = "failed to write to nvme-fabrics device"


def nvme(world: World, _: Udev, call: Call) -> Work:
    """`nvme discover|connect --transport=tcp --traddr=ADDRESS --trsvcid=PORT …`"""
    if "nvme" in world.without:
        return Answer(127, complaints="cannot run nvme: No such file or directory")
    network, verb = world.network, call.words[1] if len(call.words) > 1 else ""
    pairs = (each.partition("=") for each in call.words[2:])
    options = {name.removeprefix("--"): value for name, _, value in pairs}
    if network is None or verb not in ("discover", "connect"):
        return None
    if options.get("transport") != "tcp" or "traddr" not in options:
        return None
    yield SHORT
    if "nvme_tcp" not in world.modules:
        return Answer(1, complaints="Failed to scan topology: No such file or directory")
    if verb == "discover":
        return (yield from _discover(world, network, options))
    return (yield from _connect(world, network, options))


def _discover(
    world: World, network: Network, options: dict[str, str]
) -> Generator[Wait, None, Answer]:
    """The subsystems that a server has, of all that are at its address, for this machine."""
    address, port = options["traddr"], int(options["trsvcid"])
    there, why = yield from _reach(network, address, port)
    if why:
        failed = f"failed to add controller, error {SHORTER.get(why, OTHERWISE)}"
        return Answer(1, complaints=f"Failed to write to {DEVICE}: {why}\n{failed}")
    yield SHORT
    found = [_entry(each, "nvme subsystem", each.target) for each in there if _admits(world, each)]
    others = (network.servers[each.refers] for each in there if each.refers)
    found += [_entry(each, "discovery subsystem referral", DISCOVERY) for each in others]
    return Answer(0, json.dumps({"genctr": 1, "records": found}))


def _entry(server: Server, kind: str, name: str) -> dict[str, str]:
    family = "ipv6" if ":" in server.address else "ipv4"
    return {"trtype": "tcp", "adrfam": family, "subtype": kind, "trsvcid": str(server.port),
            "subnqn": name, "traddr": server.address}  # fmt: skip


def _connect(
    world: World, network: Network, options: dict[str, str]
) -> Generator[Wait, None, Answer]:
    """A controller of a subsystem; its namespaces come when the kernel has scanned them."""
    address, port = options["traddr"], int(options["trsvcid"])
    known = (network.servers[each] for each in network.paths)
    place = (address, port, options["nqn"])
    if any((each.address, each.port, each.target) == place for each in known):
        return Answer(1, complaints="already connected")
    there, why = yield from _reach(network, address, port)
    server = next((each for each in there if each.target == options["nqn"]), None)
    if not why and (server is None or not _admits(world, server)):
        why = REFUSED
    if not why and _has_a_number_in_use(network, options["nqn"]):
        why = DUPLICATE
    if why or server is None:
        failed = f"could not add new controller: {SHORTER.get(why, OTHERWISE)}"
        return Answer(1, complaints=f"Failed to write to {DEVICE}: {why}\n{failed}")
    yield SHORT
    network.paths[server.name] = None
    for name in server.serves:
        world.agenda.after(SCAN_SECONDS, _found, world, network, server, name)
    return Answer(0)


def _has_a_number_in_use(network: Network, name: str) -> bool:
    """Whether a controller of the subsystem has gone at the server, and not here.

    nvmet gives its number (cntlid) to the next one, which the kernel here takes for a duplicate
    (nvme_validate_cntlid()) until it has connected the first one anew.
    """
    lost = (network.servers[each] for each, when in network.paths.items() if when is not None)
    return any(each.target == name for each in lost)


def _reach(
    network: Network, address: str, port: int
) -> Generator[Wait, None, tuple[list[Server], str]]:
    """The servers at an address and port, or why there is none."""
    server, seconds, why = network.reach(address, port)
    yield Exactly(seconds)
    if server is None or server.kind != "nvme":
        return [], why or "Connection reset by peer"
    up = (each for name, each in network.servers.items() if name in network.serving)
    return [each for each in up if (each.address, each.port) == (address, port)], ""


def _admits(world: World, server: Server) -> bool:
    """Whether a subsystem has this machine among its hosts."""
    text = world.records.get(HOST_NQN) or dict(world.scenario.files).get(HOST_NQN, "")
    return server.admits in ("", text.strip())


def _found(world: World, network: Network, server: Server, name: str) -> None:
    """A namespace is one device, however many paths lead to it (nvme_core.multipath)."""
    assert network.plug is not None
    if name not in world.plugged and server.name in network.paths:
        network.plug(world.disks.disks[name])
        if name in world.plugged:
            network.gives(world.now, server, name, world.plugged[name])
