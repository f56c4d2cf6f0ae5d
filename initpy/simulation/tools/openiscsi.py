"""iscsid and iscsiadm of open-iscsi, with the records that they read.

Sources: iscsiadm(8) with its exit statuses (iscsi_err.h), usr/initiator.c, idbm.c, iscsid.c; the
kernel's target (LIO, drivers/target/iscsi) for what a server says to a login.
"""

from collections.abc import Generator

from initpy.scenario.servers import Server
from initpy.simulation.kernel.process import Answer, Call, Exactly, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.network import Network
from initpy.simulation.world.world import World

SHORT, START_SECONDS = 0.05, 0.3
SCAN_SECONDS = 0.3  # of the SCSI host that a session is
NO_CONNECTION, LOGIN, INVALID, TIMED_OUT, EXISTS = 4, 5, 7, 8, 15
NO_DAEMON, NO_RECORD, REFUSED = 20, 21, 24
REOPEN_SECONDS = 3.0  # ISCSI_CONN_ERR_REOPEN_DELAY of initiator.c, before it gives up
PATIENCE = "node.session.timeo.replacement_timeout"
INITIATOR = "/etc/iscsi/initiatorname.iscsi"
COMPLAINTS = {
    NO_CONNECTION: "encountered connection failure",
    TIMED_OUT: "connection timed out",
    INVALID: "invalid parameter",
    EXISTS: "session exists",
    LOGIN: "iSCSI login failed",
    NO_DAEMON: "could not connect to iscsid",
    NO_RECORD: "No records found",
    REFUSED: "iSCSI login failed due to authorization failure",
}


def iscsid(world: World, _: Udev, call: Call) -> Work:
    """The daemon; a second one cannot have the socket of the first."""
    if "iscsid" in world.without:
        return Answer(127, complaints="cannot run iscsid: No such file or directory")
    yield START_SECONDS
    if "iscsid" in world.helpers:
        return Answer(1)
    world.helpers.add("iscsid")
    return Answer(0)


def iscsiadm(world: World, _: Udev, call: Call) -> Work:
    """`iscsiadm -m node -T TARGET -p ADDRESS:PORT,GROUP --login`."""
    network = world.network
    match call.words[1:]:
        case ("-m", "discovery", "-t", "sendtargets", "-p", portal) if network is not None:
            return (yield from _discover(network, portal))
        case ("-m", "node", "-T", target, "-p", portal, "--login") if network is not None:
            pass
        case _:
            return None
    yield SHORT
    record = _record(world, target, portal)
    status = NO_RECORD
    if record is not None and network is not None:
        status = yield from _login(world, network, target, portal, record)
    said = f"Logging in to [iface: default, target: {target}, portal: {portal}]\n"
    if not status:
        return Answer(0, said)
    what = f"initiator reported error ({status} - {COMPLAINTS[status]})"
    return Answer(status, said, f"iscsiadm: {what}\niscsiadm: Could not log into all portals")


def _discover(network: Network, portal: str) -> Generator[Wait, None, Answer]:
    """SendTargets: all targets of the machine with their portals (LIO); all may see them."""
    host, _, port = portal.rpartition(":")
    server, seconds, _ = network.reach(host.strip("[]"), int(port))
    yield Exactly(seconds)
    if server is None or server.kind != "iscsi":
        return Answer(NO_CONNECTION, "", "iscsiadm: cannot make connection")
    up = (each for name, each in network.servers.items() if name in network.serving)
    there = [each for each in up if each.kind == "iscsi"] if server.on_a_machine else [server]
    lines = (f"{_host(each.address)}:{each.port},{each.group} {each.target}\n" for each in there)
    return Answer(0, "".join(lines))


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _at(network: Network, address: str, port: int) -> list[Server]:
    """The servers that are up at a portal; an address of a link may have that link."""
    address = address.partition("%")[0]
    up = (each for name, each in network.servers.items() if name in network.serving)
    return [each for each in up if (each.address, each.port) == (address, port)]


def _record(world: World, target: str, portal: str) -> dict[str, str] | None:
    host, _, rest = portal.rpartition(":")
    path = f"/etc/iscsi/nodes/{target}/{host.strip('[]')},{rest}/default"
    text = world.secrets.get(path)
    if text is None:
        return None
    lines = (line.partition(" = ") for line in text.decode().splitlines())
    return {name: value for name, _, value in lines}


def _login(
    world: World, network: Network, target: str, portal: str, record: dict[str, str]
) -> Generator[Wait, None, int]:
    """The status of a login, 0 if the session is there."""
    if "iscsid" not in world.helpers:
        return NO_DAEMON
    initiator = record.get("iface.initiatorname") or _name_of_machine(world)
    if not initiator or "iscsi_tcp" not in world.modules:
        return INVALID
    host, _, rest = portal.rpartition(":")
    address, port = network.address_of(host.strip("[]")), int(rest.partition(",")[0])
    if world.now < network.logging_in.get(f"{target} {portal}", 0.0):
        return EXISTS
    server, seconds, _ = network.reach(address, port)
    if server is None:  # which iscsid finds out, though iscsiadm may be killed before
        network.logging_in[f"{target} {portal}"] = world.now + seconds + REOPEN_SECONDS
    yield Exactly(seconds)
    if server is None or server.kind != "iscsi":
        yield Exactly(REOPEN_SECONDS)
        return TIMED_OUT
    there = _at(network, address, port)
    server = next((each for each in there if each.target == target), None)
    if server is not None and server.moved_to:
        server, seconds, _ = _redirected(network, server)
        yield Exactly(seconds)
        if server is None:
            yield Exactly(REOPEN_SECONDS)
            return TIMED_OUT
    if server is None:
        return LOGIN
    if not _admitted(server, initiator, record):
        return REFUSED
    if any(each.server is server and each.lost is None for each in network.disks.values()):
        return EXISTS
    yield SHORT
    for name in server.serves:
        if name not in world.plugged:
            seconds = float(record.get(PATIENCE, "120"))
            world.agenda.after(SCAN_SECONDS, found, world, network, server, name, seconds)
    return 0


def _redirected(network: Network, portal: Server) -> tuple[Server | None, float, str]:
    """The server to which a portal sends a login, if it is reached: iscsid connects to it."""
    other = network.servers[portal.moved_to]
    return network.reach(other.address, other.port)


def _name_of_machine(world: World) -> str:
    text = world.records.get(INITIATOR) or dict(world.scenario.files).get(INITIATOR, "")
    return text.partition("InitiatorName=")[2].strip()


def _admitted(server: Server, initiator: str, record: dict[str, str]) -> bool:
    """Whether both sides accept each other."""
    if server.admits not in ("", initiator):
        return False
    given, back = _pair(record, ""), _pair(record, "_in")
    if server.login and given != server.login:
        return False
    return not back or back == server.login_in


def _pair(record: dict[str, str], which: str) -> tuple[str, ...]:
    user = record.get(f"node.session.auth.username{which}", "")
    return (user, record.get(f"node.session.auth.password{which}", "")) if user else ()


def found(
    world: World, network: Network, server: Server, name: str, patience: float = 120.0
) -> None:
    """The scan of the session's host has found a unit; `patience`: its replacement timeout."""
    assert network.plug is not None
    network.plug(world.disks.disks[name])
    if name in world.plugged:
        network.gives(world.now, server, name, world.plugged[name])
        network.disks[world.plugged[name]].patience = patience
