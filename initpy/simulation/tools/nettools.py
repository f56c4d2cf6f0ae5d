"""The tools that bring a network up and log in to servers, as users' job files call them.

Sources: ip-link(8), ip-address(8); busybox 1.35, networking/udhcp/dhcpc.c; nbd-client(8) 3.24;
iscsistart(8), open-iscsi's usr/iscsistart.c and initiator.c; mount.nfs of nfs-utils, stropts.c.
"""

import getopt
from collections.abc import Generator

from initpy.scenario.servers import Server
from initpy.simulation.kernel import network as drivers
from initpy.simulation.kernel.process import Answer, Call, Exactly, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools.openiscsi import SCAN_SECONDS, found
from initpy.simulation.world.network import Link, Network, Served
from initpy.simulation.world.plans import DiskPlan, Table
from initpy.simulation.world.world import Block, World

SHORT = 0.05
SCRIPT = "/etc/udhcpc/default.script"  # of Debian's busybox
# iscsi_retry_initial_login(): 30 times the login time-out of 15 s; a refused try is followed by
# the next after ISCSI_CONN_ERR_REOPEN_DELAY.
LOGIN_SECONDS, REOPEN_SECONDS = 450.0, 3.0
DAD_PAUSE = 0.2  # between two looks whether the kernel has found the link's own address free
SOLICIT_SECONDS = 2.0  # between two solicitations, which grow (RFC 8415)
# nfs(5), retry=: two minutes in the foreground; nfsmount_fg() waits 1, 2, 4, 8, then 10 s.
RETRY_SECONDS, LONGEST_WAIT = 120.0, 10.0
MOUNT_FAILED = 32  # mount(8)
TEMPORARY = ("Connection refused", "No route to host")  # nfs_is_permanent_error()
NBD_TLS = ("-certfile", "-keyfile", "-cacertfile", "-tlshostname", "-enable-tls")
NBD_VALUES = ("-b", "-block-size", "-t", "-timeout", "-C", "-connections", "-N", "-name", "-B",
              "-size", *NBD_TLS[:4])  # fmt: skip
NBD_FLAGS = ("-p", "-persist", "-s", "-swap", "-R", "-readonly", "-m", "-systemd-mark", "-g",
             "-no-optgo", "-nonetlink", NBD_TLS[4])  # fmt: skip


def run(world: World, udev: Udev, call: Call) -> Work:
    """Any of them; None for what is not modelled."""
    words = call.words[1:] if call.program == "busybox" else call.words
    program = words[0].rpartition("/")[2] if words else ""
    network = world.network
    if network is None:
        return None
    if program not in ("ip", "udhcpc", "mkdir", "mount", "nbd-client", "iscsistart", "dhcpcd"):
        return None
    yield SHORT
    if program == call.program and program in world.without:
        return Answer(127, complaints=f"cannot run {program}: No such file or directory")
    match program:
        case "ip":
            return _ip(world, network, words[1:], call.program == "busybox")
        case "mkdir":
            network.folders.update(each for each in words[1:] if not each.startswith("-"))
            return Answer(0)
        case "udhcpc":
            return (yield from _udhcpc(world, network, list(words[1:])))
        case "dhcpcd":
            return (yield from _dhcpcd(network, words))
        case "nbd-client":
            return (yield from _nbd_client(world, udev, network, words[1:]))
        case "iscsistart":
            return (yield from _iscsistart(world, network, list(words[1:])))
    return (yield from _mount(world, network, list(words[1:])))


def _ip(world: World, network: Network, words: tuple[str, ...], applet: bool) -> Answer | None:
    """`ip link set DEV up`, `ip address add A.B.C.D/M dev DEV`; a route leads nowhere new here."""
    objects = {"l": "link", "link": "link", "a": "address", "addr": "address",
               "address": "address", "r": "route", "route": "route"}  # fmt: skip
    match [objects.get(words[0], ""), *words[1:]] if words else []:
        case ["link", "set", *rest] if rest and rest[-1] in ("up", "down"):
            name, address = next((each for each in rest if each != "dev"), ""), ""
        case ["address", "add", address, "dev", name] if "/" in address:
            pass
        case ["route", "add", *_]:
            return Answer(0)
        case _:
            return None
    link = network.links.get(name)
    if link is None or not link.there:
        if applet:
            return Answer(2, complaints="ip: SIOCGIFFLAGS: No such device")
        return Answer(1, complaints=f'Cannot find device "{name}"')
    if address:
        link.addresses = (address,)
    else:
        drivers.switch(world, link, words[-1] == "up")
    return Answer(0)


def _udhcpc(world: World, network: Network, words: list[str]) -> Work:
    """So many discoveries (-t), with a pause after each (-T); then -n, -b or -A says what."""
    try:
        given, rest = getopt.getopt(words, "fbqRBSoCni:s:p:t:T:A:r:O:x:F:V:")
    except getopt.GetoptError:
        return None
    if rest:
        return None
    options = dict(given)
    name, script = options.get("-i", "eth0"), options.get("-s", SCRIPT)
    count, pause = int(options.get("-t", 3)), float(options.get("-T", 3))
    link = network.links.get(name)
    if link is None or not link.there:
        return Answer(1, complaints="udhcpc: SIOCGIFINDEX: No such device")
    link.addresses = ()  # the script is called with "deconfig" first
    said = ["udhcpc: started, v1.35.0"]
    while True:
        answered = False
        for number in range(count):
            said.append("udhcpc: broadcasting discover")
            left = (count - number) * pause
            if link.plan.lease is None or not (link.up and link.carrier):  # no server hears it
                yield Exactly(pause)
                continue
            # An answer that comes after the pause is as good, as long as udhcpc listens.
            yield Exactly(min(link.plan.lease, left))
            answered = link.plan.lease < left and link.carrier
            break
        if answered:
            break
        if "-n" in options:
            said.append("udhcpc: no lease, failing")
            return Answer(1, complaints="\n".join(said))
        if "-b" in options:
            return Answer(0, complaints="udhcpc: no lease, forking to background")
        yield Exactly(float(options.get("-A", 20)))
    if script in dict(world.scenario.files) or script == SCRIPT:
        link.addresses = (f"10.0.2.{15 + list(network.links).index(name)}/24",)
    address = (*link.addresses, "")[0].partition("/")[0]
    said.append(f"udhcpc: lease of {address} obtained from 10.0.2.2, lease time 86400")
    if "-q" not in options:
        if "-f" in options:  # it keeps the lease, and does not end
            yield None
        world.helpers.add("udhcpc")
    return Answer(0, complaints="\n".join(said))


def _connect(
    network: Network, host: str, port: int
) -> Generator[Wait, None, tuple[Server | None, str]]:
    server, seconds, why = network.reach(host, port)
    yield Exactly(seconds)
    return server, why


def _dhcpcd(network: Network, words: tuple[str, ...]) -> Work:
    """DHCPv6 as jobs/extra/dhcp6.toml calls it: asks for ever, prints what it gets (dhcpcd(8))."""
    link = next((each for each in network.links.values() if each.name == words[-1]), None)
    if link is None or "--noconfigure" not in words:
        return Answer(1, complaints=f"{words[-1]}: interface not found")
    while True:
        for server in network.servers.values():
            near = network.wire(server.nic) in network.wires(link)
            # It solicits once no other host has the link's own address, as the kernel does.
            near = near and bool(link.network_6)
            if server.kind == "dhcp6" and server.name in network.serving and near:
                address = server.address.removesuffix("1") + "50"
                return Answer(0, _bound_6(link, address))
        yield Exactly(SOLICIT_SECONDS if link.network_6 else DAD_PAUSE)


def _bound_6(link: Link, address: str) -> str:
    """What dhcpcd prints: a DUID of the card (DUID-LL), an IAID of the card's last bytes."""
    mac = link.mac.replace(":", "")
    lines = ("reason=BOUND6", f"new_dhcp6_client_id=00030001{mac}",
             f"new_dhcp6_ia_na1_iaid={mac[4:]}",
             f"new_dhcp6_ia_na1_ia_addr1={address}")  # fmt: skip
    return "\n".join(lines) + "\n"


def _nbd_client(world: World, udev: Udev, network: Network, words: tuple[str, ...]) -> Work:
    """`nbd-client HOST [PORT] DEVICE [-N NAME]`, over netlink: nothing of it stays.

    With TLS it stays, and with -nonetlink, until the connection breaks off.
    """
    options: dict[str, str] = {}
    plain: list[str] = []
    pending = ""
    for word in words:
        if pending:
            options[pending.lstrip("-")], pending = word, ""
        elif f"-{word.lstrip('-')}" in NBD_VALUES and word.startswith("-"):
            pending = word
        elif word.startswith("-"):
            if f"-{word.lstrip('-')}" not in NBD_FLAGS:
                return None
        else:
            plain.append(word)
    if len(plain) not in (2, 3) or (len(plain) == 3 and not plain[1].isdecimal()):
        return None
    port = int(plain[1]) if len(plain) == 3 else 10809
    server, why = yield from _connect(network, plain[0], port)
    if server is None or server.kind != "nbd":
        why = why or "Not enough magic from server"
        return Answer(1, complaints=f"Error: Socket failed: {why}\nExiting.")
    encrypts = any(each in words for each in NBD_TLS)
    if server.tls != encrypts or (encrypts and not _has_keys(world, words)):
        return Answer(1, complaints="Error: the server and TLS. Exiting.")
    wanted = options.get("N") or options.get("name") or server.serves[0]
    if wanted not in server.serves:
        return Answer(1, complaints="Error: Unknown error returned by server. Exiting.")
    if "nbd" not in world.modules:
        what = "Couldn't resolve the nbd netlink family, make sure the nbd module is loaded"
        return Answer(1, complaints=f"Error: {what}")
    block = world.blocks.get(plain[-1].removeprefix("/dev/"))
    if block is None or block.major != 43 or block.place is not None:
        return Answer(1, complaints="Error: Failed to setup device, check dmesg\nExiting.")
    plan = world.disks.disks[wanted]
    _connected(world, udev, block, plan)
    network.gives(world.now, server, wanted, block.name)
    network.disks[block.name].persists = "-persist" in words and "-nonetlink" in words
    megabytes = plan.place.size >> 20
    return Answer(0, f"Negotiation: ..size = {megabytes}MB\nConnected {block.node}\n")


def _has_keys(world: World, words: tuple[str, ...]) -> bool:
    """Whether the files are in the image that the options name; the server asks for them."""
    files = dict(world.scenario.files)
    named = [words[words.index(each) + 1] for each in NBD_TLS[:3] if each in words]
    return len(named) == 3 and all(each in files for each in named)


def _connected(world: World, udev: Udev, block: Block, plan: DiskPlan) -> None:
    """nbd_set_size(): the device has a size from now on, and says so."""
    block.place, block.disk, block.told = plan.place, plan, None
    world.plugged[plan.name] = block.name
    sectors = plan.place.size // 512
    world.kernel(f"{block.name}: detected capacity change from 0 to {sectors}")
    udev.uevent("change", block)
    content = plan.place.content
    if isinstance(content, Table) and "table" not in plan.place.damages:
        for number, each in enumerate(content.parts, 1):
            name = f"{block.name}p{number}"
            part = Block(name, each.inside, block.major, block.minor + number, disk=plan,
                         part=(block.name, number, each), slaves=[block.name])  # fmt: skip
            world.add(part)
            udev.uevent("add", part)


def _iscsistart(world: World, network: Network, words: list[str]) -> Work:
    """`iscsistart -i INITIATOR -t TARGET -g GROUP -a ADDRESS [-p PORT]`."""
    names = ["initiatorname=", "targetname=", "tgpt=", "address=", "port="]
    try:
        given, rest = getopt.getopt(words, "i:t:g:a:p:d:", names)
    except getopt.GetoptError:
        return None
    options = {key.lstrip("-")[0]: value for key, value in given}
    if rest:
        return None
    if not {"i", "t", "g", "a"} <= options.keys():
        return Answer(1, complaints="iscsistart: initiator, target, group and address are required")
    if "iscsi_tcp" not in world.modules:
        return Answer(1, complaints="iscsistart: transport class version 0.0-0; exiting")
    until = world.now + LOGIN_SECONDS
    while True:
        server, why = yield from _connect(network, options["a"], int(options.get("p", 3260)))
        if server is not None:
            break
        if world.now >= until:
            return Answer(1, complaints=f"iscsistart: connect to {options['a']} failed ({why})")
        yield Exactly(REOPEN_SECONDS)
    if server.kind != "iscsi" or server.target != options["t"]:
        return Answer(1, complaints="iscsistart: login failed, the target is not found")
    already = {each.server.name for each in network.disks.values() if each.lost is None}
    if server.name in already:
        return Answer(1, complaints="iscsistart: initiator reported error (15 - session exists)")
    yield SHORT
    for name in server.serves:
        if name not in world.plugged:
            world.agenda.after(SCAN_SECONDS, found, world, network, server, name)
    return Answer(0)


def _mount(world: World, network: Network, words: list[str]) -> Work:
    """`mount -t nfs HOST:/EXPORT FOLDER`; what the export holds are files named as its disks."""
    try:
        given, rest = getopt.gnu_getopt(words, "t:o:rwn")
    except getopt.GetoptError:
        return None
    if dict(given).get("-t") not in ("nfs", "nfs4") or len(rest) != 2 or ":" not in rest[0]:
        return None
    host, folder = rest[0].partition(":")[0], rest[1].rstrip("/")
    if folder not in network.folders:
        return Answer(MOUNT_FAILED, complaints=f"mount.nfs: mount point {folder} does not exist")
    if not world.modules & {"nfs", "nfsv4"} and {"nfs", "nfsv4"} <= world.without:
        return Answer(MOUNT_FAILED, complaints="mount.nfs: No such device")
    until, wait = world.now + RETRY_SECONDS, 1.0
    while True:
        server, why = yield from _connect(network, host, 2049)
        if server is not None and server.kind == "nfs":
            break
        if why not in TEMPORARY or world.now >= until:
            return Answer(MOUNT_FAILED, complaints=f"mount.nfs: {why} for {rest[0]} on {folder}")
        yield Exactly(wait)
        wait = min(wait * 2, LONGEST_WAIT)
    yield SHORT
    network.exports[folder] = Served(server)
    return Answer(0)
