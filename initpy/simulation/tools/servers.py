"""The network as the kernel has it: cards, cables, addresses, servers, and the disks they serve.

What becomes of a disk whose server or cable goes is the driver's doing, with its defaults:

- nbd: a connection that the server ends is not made again (nbd-client(8), -persist): the device
  stays, with its size, and every request fails (drivers/block/nbd.c: nbd_handle_cmd() without a
  dead connection's time-out). What it is connected to it stays until somebody disconnects it.
- iSCSI: requests wait for the replacement time-out, 120 s (iscsi_settings.h), and fail then; after
  iscsistart nobody logs in again (open-iscsi's README: that is iscsid's work).
- NFS: mounted "hard" (nfs(5)), requests wait until the server is back.
- A cable that is pulled out ends no connection: requests wait, and go on when it is back.

What waits or fails are the tools that are started and the mounts; one that is at work already
ends as if it had read all that it needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from initpy.scenario.model import Nic, Scenario, Server
from initpy.simulation.kernel.process import Answer, Exactly, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import Place
from initpy.simulation.world.world import Array, Block, World

if TYPE_CHECKING:
    from initpy.simulation.kernel.disks import Slots

REPLACEMENT_SECONDS = 120.0
# arp(7): three requests, a second apart; then "No route to host".
ARP_SECONDS = 3.1
CONNECT_SECONDS = 0.02
NBD_MAJOR, NBD_DEVICES, NBD_MINORS = 43, 16, 16  # nbds_max and max_part of nbd.c, by default
BACKING = "loop/backing_file"  # of a loop device in sysfs
COUNT = "nbds_max="
CARD_DRIVER = "virtio_net"
AGAIN_SECONDS = 0.5  # so often somebody who waits for the network looks


class Reading(IntEnum):
    """How it is to read a device; of several things below the worst counts."""

    WORKS = 0
    WAITS = 1
    FAILS = 2


@dataclass(slots=True)
class Link:
    """A card in the kernel."""

    plan: Nic
    carrier: bool
    there: bool = False  # its driver is loaded
    up: bool = False
    address: str = ""


@dataclass(slots=True)
class Served:
    """A device, or a mounted export, that a server is behind; `lost` is when it broke off."""

    server: Server
    lost: float | None = None


@dataclass(slots=True)
class Network:
    """All of it; `slots` is where disks of an iSCSI server turn up."""

    links: dict[str, Link]
    servers: dict[str, Server]
    serving: set[str]  # names of servers that are up
    disks: dict[str, Served] = field(default_factory=dict)  # by the kernel's name
    exports: dict[str, Served] = field(default_factory=dict)  # by where they are mounted
    folders: set[str] = field(default_factory=lambda: {"/mnt", "/tmp", "/run"})
    slots: "Slots | None" = None
    notes: list[tuple[float, str]] = field(default_factory=list)  # which disk came from where

    # Cards and cables

    def found(self, world: World) -> None:
        """udev has the kernel load the drivers of the cards, where the image has them."""
        if CARD_DRIVER not in world.without:
            world.modules.add(CARD_DRIVER)
            self._there()

    def _there(self) -> None:
        for link in self.links.values():
            link.there = True

    def loaded(self, world: World, udev: Udev, words: Sequence[str]) -> None:
        """Drivers have been loaded, perhaps those of the network; `words` as for modprobe."""
        counts = [each.removeprefix(COUNT) for each in words if each.startswith(COUNT)]
        nbds = int(counts[0]) if counts and counts[0].isdecimal() else NBD_DEVICES
        if CARD_DRIVER in world.modules:
            self._there()
        if "nbd" in world.modules and "nbd0" not in world.blocks:
            for number in range(nbds):
                block = Block(f"nbd{number}", None, NBD_MAJOR, number * NBD_MINORS)
                world.add(block)
                udev.uevent("add", block)

    def carrier(self, world: World, name: str, on: bool) -> None:
        """Somebody plugs a cable in, or pulls it out."""
        link = self.links[name]
        link.carrier = on
        self._ready(world, link)

    def switch(self, world: World, link: Link, on: bool) -> None:
        """The card is switched on or off."""
        link.up = on
        self._ready(world, link)

    def _ready(self, world: World, link: Link) -> None:
        if link.up and link.carrier:
            world.kernel(f"IPv6: ADDRCONF(NETDEV_CHANGE): {link.plan.name}: link becomes ready")

    # Servers

    def server(self, world: World, udev: Udev, name: str, on: bool) -> None:
        """A server comes or goes; it takes its connections with it."""
        if on:
            self.serving.add(name)
            return
        self.serving.discard(name)
        for device, served in tuple(self.disks.items()):
            if served.server.name != name or served.lost is not None:
                continue
            served.lost = world.now
            if served.server.kind == "nbd":
                world.kernel(f"block {device}: Receive control failed (result -104)")
                _members_fail(world, self, udev)
            else:
                delay = REPLACEMENT_SECONDS
                world.agenda.after(delay, _members_fail, world, self, udev)

    def reach(self, host: str, port: int) -> tuple[Server | None, float, str]:
        """A TCP connection: the server, or why there is none; and after how long that is known."""
        ways = [each for each in self.links.values() if each.up and each.address]
        if not ways:
            return None, CONNECT_SECONDS, "Network is unreachable"
        cards = {each.plan.name for each in ways if each.carrier}
        hosts = [each for each in self.servers.values() if each.address == host]
        if not any(each.nic in cards for each in hosts):
            return None, ARP_SECONDS, "No route to host"
        for each in hosts:
            if each.port == port and each.nic in cards and each.name in self.serving:
                return each, CONNECT_SECONDS, ""
        return None, CONNECT_SECONDS, "Connection refused"

    def gives(self, world: World, server: Server, disk: str, device: str) -> None:
        """A login has brought a disk: it is the server's from now on."""
        self.disks[device] = Served(server)
        self.notes.append((world.now, f"{server.name} ({server.kind}) gives {disk} as {device}"))

    def file(self, world: World, path: str) -> Place | None:
        """A disk of an NFS server as the file that its export has; None where there is none."""
        folder, _, name = path.rpartition("/")
        export = self.exports.get(folder)
        if export is None or name not in export.server.serves:
            return None
        return world.disks.disks[name].place

    # Reading

    def reading(self, world: World, block: Block) -> Reading:
        """How it is to read a device, given what it stands on."""
        worst = Reading.WORKS
        served = self.disks.get(block.name)
        if served is not None:
            worst = self._from(world, served)
        mounted = block.facts.get(BACKING, "")
        for folder, export in self.exports.items():
            if mounted.startswith(f"{folder}/"):
                worst = max(worst, self._from(world, export))
        below = {each: self.reading(world, lower) for each in block.slaves
                 if (lower := world.blocks.get(each)) is not None}  # fmt: skip
        failing = {name for name, how in below.items() if how is Reading.FAILS}
        if failing and _reads_without(world, block, failing):
            # Read again from another member (raid1_end_read_request() and its like).
            below = {name: how for name, how in below.items() if name not in failing}
        return max((worst, *below.values()))

    def unreadable(self, world: World, block: Block) -> bool:
        """Whether whoever reads the device, as udev does, gets nothing now."""
        return self.reading(world, block) is not Reading.WORKS

    def _from(self, world: World, served: Served) -> Reading:
        kind = served.server.kind
        if kind == "nfs" and served.server.name not in self.serving:
            return Reading.WAITS
        if served.lost is not None:
            late = world.now >= served.lost + REPLACEMENT_SECONDS
            return Reading.FAILS if kind == "nbd" or late else Reading.WAITS
        link = self.links[served.server.nic]
        return Reading.WORKS if link.carrier and link.up else Reading.WAITS

    def ready(self, world: World, nodes: tuple[str, ...]) -> Work:
        """Wait until these devices can be read, or are known not to be: the answer is which."""
        while True:
            blocks = [world.at(each) for each in nodes if each.startswith("/dev/")]
            worst = max(
                (self.reading(world, each) for each in blocks if each is not None),
                default=Reading.WORKS,
            )
            if worst is not Reading.WAITS:
                failed = worst is Reading.FAILS
                return Answer(1, complaints="Input/output error") if failed else None
            yield Exactly(AGAIN_SECONDS)


def network_of(scenario: Scenario) -> Network:
    """The network of a scenario as it is at power-on."""
    links = {nic.name: Link(nic, nic.carrier.up == 0.0) for nic in scenario.nics}
    servers = {each.name: each for each in scenario.servers}
    return Network(links, servers, {name for name, s in servers.items() if s.times.up == 0.0})


def _reads_without(world: World, block: Block, names: set[str]) -> bool:
    """Whether a running array, or a logical volume that is one, can do without these members."""
    from initpy.simulation.kernel import md
    from initpy.simulation.tools import lvm

    if block.array is None:
        return lvm.reads_without(world, block, names)
    if block.array.state == "inactive":
        return False
    there = {slot for name, slot in block.array.members if name not in names}
    return md.enough(block.array.plan, True, there)


def _members_fail(world: World, network: Network, udev: Udev) -> None:
    """Running arrays do without members that cannot be written any more, if they can; md(4)."""
    for block in tuple(world.blocks.values()):
        array = block.array
        if array is None or array.state == "inactive" or array.plan.level in ("raid0", "linear"):
            continue
        there = [(member, world.blocks.get(member[0])) for member in array.members]
        bad = [
            member
            for member, device in there
            if device is not None and network.reading(world, device) is Reading.FAILS
        ]
        if bad and _reads_without(world, block, {name for name, _ in bad}):
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
