"""Drivers of network cards and network disks, and what they do when a cable or a server goes.

What becomes of a disk whose server or cable goes is the driver's doing, with its defaults:

- nbd: a connection that the server ends is not made again (nbd-client(8), -persist): the device
  stays, with its size, and every request fails (drivers/block/nbd.c: nbd_handle_cmd() without a
  dead connection's time-out). It stays connected until `nbd-client -d`.
- iSCSI: requests wait for the replacement time-out, 120 s (iscsi_settings.h), and fail then. iscsid
  logs in again as soon as the server is there; after iscsistart nothing does (open-iscsi's README).
- NVMe over TCP: the kernel restores a connection every ten seconds (NVMF_DEF_RECONNECT_DELAY);
  requests wait for it for ever with `--ctrl-loss-tmo=-1`, unless another path works.
- NFS: mounted "hard" (nfs(5)), requests wait until the server is back.
- A cable that is pulled out ends no connection: requests wait, and go on when it is back.

Tools that are started and mounts wait or fail; a tool that is at work already ends as if it had
read all that it needs.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address

from initpy.core.netsettings import Bond, Bridge, VirtualLink, Vlan
from initpy.scenario.servers import Nic
from initpy.simulation.kernel.reading import Reading, reading, reads_without
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.network import Link, Network
from initpy.simulation.world.plans import Place
from initpy.simulation.world.world import Array, Block, World

NBD_MAJOR, NBD_DEVICES, NBD_MINORS = 43, 16, 16  # nbds_max and max_part of nbd.c, by default
COUNT = "nbds_max="
REOPEN_SECONDS = 3.0  # ISCSI_CONN_ERR_REOPEN_DELAY of open-iscsi's initiator.c
RECONNECT_SECONDS = 10.0  # NVMF_DEF_RECONNECT_DELAY of drivers/nvme/host/fabrics.h
CARD_DRIVER = "virtio_net"
DAD_SECONDS = 1.1  # the kernel asks for another host with its address (RFC 4862), then for routers
DRIVERS: dict[type[VirtualLink], str] = {Vlan: "8021q", Bond: "bonding", Bridge: "bridge"}


def found(world: World, network: Network) -> None:
    """udev has the kernel load the drivers of the cards, where the image has them."""
    if CARD_DRIVER not in world.without:
        world.modules.add(CARD_DRIVER)
        _there(network)


def _there(network: Network) -> None:
    for link in network.links.values():
        link.there = True
    network.changed()


def loaded(world: World, udev: Udev, network: Network, words: Sequence[str]) -> None:
    """Drivers have been loaded, perhaps those of the network; `words` as for modprobe."""
    counts = [each.removeprefix(COUNT) for each in words if each.startswith(COUNT)]
    nbds = int(counts[0]) if counts and counts[0].isdecimal() else NBD_DEVICES
    if CARD_DRIVER in world.modules:
        _there(network)
    if "nbd" in world.modules and "nbd0" not in world.blocks:
        for number in range(nbds):
            block = Block(f"nbd{number}", None, NBD_MAJOR, number * NBD_MINORS)
            world.add(block)
            udev.uevent("add", block)


def carrier(world: World, network: Network, name: str, on: bool) -> None:
    """A cable is plugged in, or pulled out."""
    link = network.links[name]
    link.carrier = on
    _ready(world, link)


def switch(world: World, link: Link, on: bool) -> None:
    """A link is switched on or off, with the VLANs on it (vlan_device_event())."""
    link.up = on
    network = world.network
    for each in network.links.values() if network is not None else ():
        if isinstance(each.made, Vlan) and each.made.parent == link.name and not on:
            each.up = False
    _ready(world, link)


def make(world: World, network: Network, wanted: VirtualLink) -> str:
    """Make a link; return why that cannot be."""
    if DRIVERS[type(wanted)] in world.without:
        return "Operation not supported"
    if any(each.name == wanted.name for each in network.links.values()):
        return ""
    number = len(network.links)
    mac = f"52:54:00:00:ff:{number:02x}"
    if isinstance(wanted, Vlan):
        parent = next((e for e in network.links.values() if e.name == wanted.parent), None)
        if parent is None:
            return "No such device"
        mac = parent.mac
    link = Link(Nic(wanted.name), True, mac, wanted.name, there=True, made=wanted)
    network.links[wanted.name] = link
    world.modules.add(DRIVERS[type(wanted)])
    network.changed()
    return ""


def join(world: World, link: Link, master: Link) -> None:
    """A link becomes a member. A bond switches it on; the MAC address is that of the first."""
    network = world.network
    assert network is not None
    first = not network.below(master)
    link.master = master.name
    if isinstance(master.made, Bond):
        link.up = True
        master.mac, link.mac = (link.mac, link.mac) if first else (master.mac, master.mac)
    elif first:
        master.mac = link.mac
    _ready(world, link)


def remove(network: Network, name: str) -> None:
    """Remove a link that was made; the kernel removes the VLANs on it as well."""
    for each in network.links.values():
        if each.master == name:
            each.master, each.up = "", False
    on_it = [
        each.name
        for each in network.links.values()
        if isinstance(each.made, Vlan) and each.made.parent == name
    ]
    network.links.pop(name, None)
    for above in on_it:
        remove(network, above)
    network.changed()


def advertise(world: World, link: Link) -> None:
    """A router on the link advertises its network, once the link's own address is known to be free.

    The kernel adds the identifier of the card (RFC 4291, appendix A) to the network's.
    """
    network = world.network
    if network is None or not link.accepts or not network.carries(link) or link.network_6:
        return
    for each in network.servers.values():
        near = network.wire(each.nic) in network.wires(link)
        if each.kind in ("router", "dhcp6") and each.name in network.serving and near:
            octets = bytes.fromhex(link.mac.replace(":", ""))
            own = bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
            start = IPv6Address(each.address).packed[:8]
            address = f"{IPv6Address(start + own)}/64" if each.kind == "router" else ""
            there = f"{IPv6Address(start + bytes(8))}/64"
            names = (each.address, each.resolves.partition(".")[2]) if each.resolves else ("", "")
            world.agenda.after(DAD_SECONDS, _advertised, network, link, there, address, names)


def _advertised(
    network: Network, link: Link, there: str, address: str, names: tuple[str, str]
) -> None:
    if network.carries(link):
        link.network_6, link.learned_6 = there, address or link.learned_6
        link.names_6 = names
        network.changed()


def _ready(world: World, link: Link) -> None:
    network = world.network
    if network is not None and network.carries(link):
        world.kernel(f"IPv6: ADDRCONF(NETDEV_CHANGE): {link.plan.name}: link becomes ready")
        advertise(world, link)
    elif not link.up:
        link.learned_6 = link.network_6 = ""  # addrconf_ifdown()
        link.addresses_6 = ()
    if world.network is not None:
        world.network.changed()


def server(world: World, udev: Udev, network: Network, name: str, on: bool) -> None:
    """A server comes or goes; it takes its connections with it."""
    if on:
        network.serving.add(name)
        if "iscsid" in world.helpers:
            world.agenda.after(REOPEN_SECONDS, _log_in_again, world, network, name)
        if name in network.paths:
            world.agenda.after(RECONNECT_SECONDS, _reconnect, network, name)
        for link in network.links.values():
            advertise(world, link)
        return
    network.serving.discard(name)
    if name in network.paths:
        network.paths[name] = world.now
    for device, served in tuple(network.disks.items()):
        kind = served.server.kind
        if served.server.name != name or served.lost is not None or kind == "nvme":
            continue
        served.lost = world.now
        if kind == "nbd":
            world.kernel(f"block {device}: Receive control failed (result -104)")
            _members_fail(world, udev)
            if served.persists:
                _disconnected(world, udev, network, device)
        else:
            world.agenda.after(served.patience, _members_fail, world, udev)


def _disconnected(world: World, udev: Udev, network: Network, device: str) -> None:
    """nbd_start_device_ioctl() ends: what nothing has open has no size any more."""
    block = world.blocks.get(device)
    if block is None or block.disk is None:
        return
    above = [world.blocks[each] for each in world.holders.get(device, ())]
    parts = [each for each in above if each.part is not None and each.mapping is None]
    if any(world.used(each) for each in (block, *parts)):
        return
    for part in parts:
        world.drop(part)
        udev.uevent("remove", part)
    del world.plugged[block.disk.name], network.disks[device]
    block.place = block.disk = block.told = None
    udev.uevent("change", block)


def _log_in_again(world: World, network: Network, name: str) -> None:
    """iscsid has its session again, if the server is still there."""
    for served in network.disks.values() if name in network.serving else ():
        if served.server.name == name and served.server.kind == "iscsi":
            served.lost = None


def _reconnect(network: Network, name: str) -> None:
    """The kernel has its connection to an NVMe server again, if that is still there."""
    if name in network.serving:
        network.paths[name] = None


def file(world: World, network: Network, path: str) -> Place | None:
    """A disk of an NFS server as the file that its export has; None where there is none."""
    folder, _, name = path.rpartition("/")
    export = network.exports.get(folder)
    if export is None or name not in export.server.serves:
        return None
    return world.disks.disks[name].place


def _members_fail(world: World, udev: Udev) -> None:
    """Running arrays do without members that cannot be written any more, if they can; md(4)."""
    for block in tuple(world.blocks.values()):
        array = block.array
        if array is None or array.state == "inactive" or array.plan.level in ("raid0", "linear"):
            continue
        there = [(member, world.blocks.get(member[0])) for member in array.members]
        bad = [
            member
            for member, device in there
            if device is not None and reading(world, device) is Reading.FAILS
        ]
        if bad and reads_without(world, block, {name for name, _ in bad}):
            _without(world, block, array, bad)
            udev.uevent("change", block)


def _without(world: World, block: Block, array: Array, bad: list[tuple[str, int]]) -> None:
    for name, slot in bad:
        level, node = array.plan.level, array.node
        world.kernel(f"md/{level}:{node}: Disk failure on {name}, disabling device.")
        array.members.remove((name, slot))
        block.slaves.remove(name)
        world.holders[name].remove(block.name)
        array.degraded += 1
    block.told = None
