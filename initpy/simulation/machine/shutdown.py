"""The shutdown of a simulated machine: the core of the exitrd on what the boot has left.

It takes down a copy. The world stays as the real system found it, which the facts tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.shutdown.messages import (
    Abandon,
    Arm,
    Began,
    Deed,
    Do,
    End,
    Ended,
    Event,
    Look,
    Looked,
    Report,
    TimePassed,
)
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present
from initpy.core.shutdown.shutdown import Shutdown
from initpy.simulation.kernel.md_sysfs import version_of
from initpy.simulation.kernel.reading import BACKING, Reading, reading
from initpy.simulation.world.agenda import Agenda, Entry
from initpy.simulation.world.pools import VOLUME
from initpy.simulation.world.random_faults import Chance
from initpy.simulation.world.world import Block, World

TIMEOUT = 90.0  # seconds for a step, as systemd says by default
SECONDS = {Deed.END_PROCESSES: 0.1, Deed.UNMOUNT: 0.05, Deed.CLEAR: 0.05}
USUAL = 0.02
SLOW, SLOWEST = 0.3, 0.9  # how often a step takes long, and how much of its limit at most
BUSY = "Device or resource busy"
LONGEST = 7200.0
BOUND = "bound"
HOST = "/run/initpy/host"  # where the file system is mounted that has the root in a file
SELF, OLD_RUN, OLD = 1, 2, 3  # numbers of mounts
ZFS = "zfs"
NOTHING: frozenset[str] = frozenset()
# Refused by the kernel while something stands on it.
TAKES_DOWN = (
    Deed.REMOVE, Deed.CLEAR, Deed.STOP, Deed.UNBIND, Deed.STOP_CACHE, Deed.RUN,
)  # fmt: skip
OF_A_VOLUME = "external:/"  # metadata of a volume of firmware RAID


class Made(NamedTuple):
    """A step, and what stood on its device or mount when it was begun."""

    time: float  # since the shutdown began
    deed: str
    what: str
    above: tuple[str, ...]
    hangs: bool = False
    seconds: float = 0.0  # how long it takes if it does not hang


@dataclass(slots=True)
class Closing:
    """What came of a shutdown."""

    kept: bool  # there was an exitrd to run
    layered: bool  # root stands on what has to be taken down
    timeout: float = TIMEOUT
    ended: float | None = None  # seconds; None: never
    steps: list[Made] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)  # what is left
    devices: list[str] = field(default_factory=list)
    daemons: list[str] = field(default_factory=list)
    blocked: set[str] = field(default_factory=set)  # what a step that hangs stands on


def shut_down(world: World, chance: Chance) -> Closing:
    """Take everything down as the exitrd does; without one, the machine just ends."""
    timeout = world.scenario.step_timeout or TIMEOUT
    closing = Closing(world.exitrd is not None, _is_layered(world), timeout)
    if world.exitrd is not None:
        _Machine(world, chance, closing).run()
    else:
        world.terminals.pid1("INITPY-LAB nothing takes root's layers down")
    line = {"reboot": "Restarting system", "poweroff": "Power down", "halt": "System halted"}
    world.terminals.kernel(f"reboot: {line[world.scenario.shutdown]}\n")
    return closing


class _Machine:
    """The kernel as the exitrd finds it: it refuses to take down what is in use."""

    def __init__(self, world: World, chance: Chance, closing: Closing) -> None:
        self.world, self.chance, self.closing = world, chance, closing
        self.agenda = Agenda()
        self.shutdown = Shutdown()
        self.alarm: Entry | None = None
        self.present = _present(world)
        # What goes with the device that it is on: partitions, and volumes of a pool.
        self.parts = {
            each.name
            for each in world.blocks.values()
            if each.part is not None or VOLUME in each.facts
        }
        self.parts_of = _parts_of_pools(world)
        self.abandoned: set[str] = set()

    def run(self) -> Closing:
        self.take(Began(self.closing.timeout))
        while self.closing.ended is None:
            due = self.agenda.next()
            if due is None or due > LONGEST:
                break
            self.agenda.step()
        found = self.present
        disks = {each.number for each in found.mounts if each.devices or each.kind == "overlay"}
        self.closing.mounts = [
            each.target for each in found.mounts if each.number in disks or each.parent in disks
        ]
        self.closing.devices = [each.name for each in found.devices if self._is_active(each)]
        self.closing.daemons = [each.name for each in found.daemons]
        self.closing.blocked = self._blocked()
        return self.closing

    def take(self, event: Event) -> None:
        for action in self.shutdown.handle(event, self.agenda.now):
            match action:
                case Look():
                    self.agenda.after(self.chance.jitter(USUAL), self._look)
                case Do():
                    self._do(action)
                case Abandon(key):
                    self.abandoned.add(key)
                case Report(text):  # the test system asks for details
                    self.closing.said.append(text)
                    self.world.terminals.pid1(f"shutdown: {text}")
                case Arm(at):
                    self.agenda.cancel(self.alarm)
                    self.alarm = self.agenda.at(at, self.take, TimePassed())
                case End():
                    self.closing.ended = self.agenda.now

    def _look(self) -> None:
        self.take(Looked(self.present))

    def _do(self, action: Do) -> None:
        above = tuple(self._above(action))
        faults, chance = self.chance.random_faults, self.chance
        silent = self._stands_on_silence(action)
        hangs = silent or (faults.tool_hangs > 0 and chance.happens(faults.tool_hangs))
        fails = faults.tool_fails > 0 and chance.happens(faults.tool_fails)
        seconds = chance.jitter(SECONDS.get(action.deed, USUAL))
        # Much is to be written. What is in use is refused at once: users are looked for first.
        if faults.late and chance.happens(SLOW) and not fails:
            seconds += chance.below(SLOWEST * self.closing.timeout - seconds)
        if action.deed is not Deed.END_PROCESSES:
            now, what = self.agenda.now, action.argument
            self.closing.steps.append(Made(now, action.deed.value, what, above, hangs, seconds))
        if not hangs:
            self.agenda.after(seconds, self._done, action, fails)

    def _done(self, action: Do, fails: bool) -> None:
        busy = any(True for _ in self._above(action))
        if not fails and not busy:
            self._carry_out(action.deed, action.argument)
        self.take(Ended(action.key, BUSY if fails or busy else ""))

    def _blocked(self) -> set[str]:
        """What cannot be taken down since a step hangs above it; an overlay stands on all."""
        found, pending = set[str](), [each.what for each in self.closing.steps if each.hangs]
        mounts = {each.number: each for each in self.present.mounts}
        for daemon in self.present.daemons:  # a monitor has its container open
            pending += daemon.words if str(daemon.pid) in pending else ()
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found.add(name)
            for each in self.present.devices:
                if each.name == name:
                    pending += each.slaves
                    if each.metadata.startswith(OF_A_VOLUME):  # its container
                        pending.append(each.metadata.split("/")[1])
                    if each.run:
                        pending += [other.name for other in self.present.devices]
                    pending += [
                        mount.target
                        for mount in mounts.values()
                        if each.state == BOUND and mount.devices & each.slaves
                    ]
            for mount in mounts.values():
                if mount.target == name:
                    pending += mount.devices
                    if mount.parent in mounts:
                        pending.append(mounts[mount.parent].target)
                    if mount.kind == "overlay":
                        pending += [each.name for each in self.present.devices]
        pids = {str(each.pid): each.name for each in self.present.daemons}
        found |= {pids[each] for each in found if each in pids}
        # A monitor runs as long as its container.
        return found | {each.name for each in self.present.daemons if found & {*each.words}}

    def _above(self, action: Do) -> list[str]:
        """What keeps the kernel from doing it."""
        found = self.present
        if action.deed in (Deed.UNMOUNT, Deed.DETACH):
            at = [each for each in found.mounts if each.target == action.argument][-1:]
            # A file is open by way of the mount that was first. Detached, it stays in use unseen.
            first = [each for each in at if not each.target.startswith("/run/")]
            opened = first if action.deed is Deed.UNMOUNT else []
            names = {name for each in opened for name in each.devices}
            files = [
                each.name for each in found.devices if each.slaves & names and BOUND in each.state
            ]
            numbers = [each.number for each in at]
            return files + [each.target for each in found.mounts if each.parent in numbers]
        if action.deed in TAKES_DOWN:
            names, pending = set[str](), [action.argument]
            while pending:  # partitions go with their disk
                name = pending.pop()
                names.add(name)
                pending += [
                    each.name
                    for each in found.devices
                    if name in each.slaves and each.name in self.parts
                ]
            above = [
                each.name
                for each in found.devices
                if (each.slaves | self.parts_of.get(each.name, NOTHING)) & names
                and each.name not in names and self._is_active(each)
            ]  # fmt: skip
            return above + [each.target for each in found.mounts if each.devices & names]
        return []

    def _is_active(self, device: BlockDevice) -> bool:
        """True for what has to be taken down."""
        known = bool(device.slaves or device.state or device.run)
        layer = known and device.name not in self.parts
        return layer and device.state != "clear"

    def _stands_on_silence(self, action: Do) -> bool:
        """True if the step waits for a disk that does not answer."""
        names = {action.argument}
        for each in self.present.mounts:
            if each.target == action.argument and action.deed is Deed.UNMOUNT:
                names |= each.devices
        blocks = (self.world.blocks.get(name) for name in names)
        return any(block is not None and reading(self.world, block) is Reading.WAITS
                   for block in blocks)  # fmt: skip

    def _carry_out(self, deed: Deed, argument: str) -> None:
        mounts, devices, swaps, daemons = self.present
        if deed in (Deed.UNMOUNT, Deed.DETACH):
            top = [each for each in mounts if each.target == argument][-1:]
            mounts = tuple(each for each in mounts if each not in top)
        elif deed is Deed.STOP:  # mdmon records it, and clears the array
            devices = tuple(
                each._replace(state="clear") if each.name == argument else each for each in devices
            )
        elif deed in (Deed.TERMINATE, Deed.KILL):
            daemons = tuple(each for each in daemons if str(each.pid) != argument)
        elif deed is Deed.SWAP_OFF:
            swaps = tuple(each for each in swaps if each[0] != argument)
        elif deed is not Deed.READ_ONLY:
            devices = tuple(
                each for each in devices if each.name != argument and argument not in each.slaves
            )
        self.present = Present(mounts, devices, swaps, daemons)


def _is_layered(world: World) -> bool:
    """True if a mount is on a device that stands on others, or on a part of an overlay."""
    mounts = _present(world).mounts
    kinds = {each.type for each in world.mounts.values()}
    if "overlay" in kinds and "tmpfs" not in kinds:
        return True
    names = [name for each in mounts for name in each.devices]
    if any(place.type == ZFS for place in world.mounts.values()):
        return True
    while names:
        block = world.blocks.get(names.pop())
        if block is None:
            continue
        if block.name.startswith(("loop", "nbd", "zd")) or (block.slaves and block.part is None):
            return True
        names += [*block.slaves, *([block.part[0]] if block.part is not None else [])]
    return False


def _present(world: World) -> Present:
    """What systemd-shutdown leaves: root and all that the boot has made."""
    targets = sorted(world.mounts, key=len)
    numbers = {target: OLD + place for place, target in enumerate(targets)}
    mounts = [MountPoint(SELF, 0, "/", "tmpfs", frozenset())]
    if root := numbers.get("/sysroot"):
        mounts.append(MountPoint(OLD_RUN, root, "/oldroot/run", "tmpfs", frozenset()))
    for target in targets:
        place = world.mounts[target]
        block = world.at(place.source) if place.source.startswith("/dev/") else None
        uuid = getattr(block.place.content, "uuid", "") if block and block.place else ""
        same = [
            each.name
            for each in world.blocks.values()
            if block is not None and place.type == "btrfs" and each.place is not None
            and uuid and getattr(each.place.content, "uuid", "") == uuid
            and (each.array is None or each.array.state != "inactive")  # it was mounted without
        ]  # fmt: skip
        devices = frozenset({*same, *([block.name] if block is not None else [])})
        devices |= {
            device.name
            for layer, name, device in _pools(world)
            if layer.carries(name, place.type, place.source)
        }
        above = [each for each in targets if target.startswith(f"{each}/")]
        parent = numbers[max(above, key=len)] if above else SELF
        old = target.replace("/sysroot", "/oldroot", 1)
        mounts.append(MountPoint(numbers[target], parent, old, place.type, devices))
        if target.startswith("/run/"):  # bound, and below the old root, where it has been
            number = numbers[target] + len(targets)
            mounts.append(MountPoint(number, OLD_RUN, f"/oldroot{target}", place.type, devices))
    daemons = [
        Daemon(100 + number, "mdmon", ("--takeover", name))
        for number, name in enumerate(sorted(world.monitors))
    ]
    blocks = tuple(_device(world, each) for each in world.blocks.values())
    pools = tuple(device for _, _, device in _pools(world))
    return Present(tuple(mounts), blocks + pools, (), tuple(daemons))


def _pools(world: World) -> Iterator[tuple[DeclaredLayer, str, BlockDevice]]:
    """The pools that the exitrd knows how to find: what declares them, name, and device."""
    for layer in world.exitrd or ():
        for pool in world.pools.values():
            yield layer, pool.plan.name, layer.device(pool.plan.name)


def _parts_of_pools(world: World) -> dict[str, frozenset[str]]:
    """The disks that each pool keeps in use, which the exitrd cannot see."""
    names = {device.name: name for _, name, device in _pools(world)}
    blocks = {
        pool.plan.name: frozenset(
            block.name for place in pool.plan.on if (block := world.of(place)) is not None
        )
        for pool in world.pools.values()
    }
    return {device: blocks[name] for device, name in names.items()}


def _device(world: World, block: Block) -> BlockDevice:
    slaves = {*block.slaves, *([block.part[0]] if block.part is not None else [])}
    slaves |= {pool.name for layer, _, pool in _pools(world) if layer.makes(block.name)}
    state = metadata = uuid = ""
    if block.array is not None:
        state = block.array.state
        metadata = version_of(block.array) if block.array.container else "1.2"
        if block.array.plan.level == "container":
            metadata = f"external:{block.array.plan.metadata}"
    elif block.name.startswith("loop"):
        state, file = BOUND, block.facts.get(BACKING, f"{HOST}/")
        above = [each for each in world.mounts if file.startswith(f"{each}/")]
        holding = world.at(world.mounts[max(above, key=len)].source) if above else None
        slaves |= {holding.name} if holding is not None else set()
    if block.mapping is not None:
        uuid = block.mapping.uuid
    return BlockDevice(block.name, frozenset(slaves), state, metadata, uuid)
