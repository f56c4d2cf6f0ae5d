"""How it is to read a device, given what it stands on: it works, waits or fails."""

from enum import IntEnum

from initpy.simulation.kernel.process import Answer, Asleep, Exactly, Work
from initpy.simulation.world.network import Network, Served
from initpy.simulation.world.redundancy import enough, spare
from initpy.simulation.world.waits import Silence
from initpy.simulation.world.world import Block, World

MAP = "mpath-"  # how the UUID of a map of multipathd begins
BACKING = "loop/backing_file"  # of a loop device in sysfs
AGAIN_SECONDS = 0.5  # so often a tool that waits for the network looks


class Reading(IntEnum):
    """How it is to read a device; of several things below the worst counts."""

    WORKS = 0
    WAITS = 1
    FAILS = 2


def reading(world: World, block: Block) -> Reading:
    """How it is to read a device."""
    network = world.network
    worst = Reading.WORKS
    if world.silent and silence_of(world, block) is not None:
        worst = Reading.WAITS
    elif network is not None:
        worst = _over_the_network(world, network, block)
    below = {each: reading(world, lower) for each in block.slaves
             if (lower := world.blocks.get(each)) is not None}  # fmt: skip
    if below and block.mapping is not None and block.mapping.uuid.startswith(MAP):
        return max(worst, min(below.values()))  # a request goes by another path: dm-mpath.c
    failing = {name for name, how in below.items() if how is Reading.FAILS}
    if failing and reads_without(world, block, failing):
        # Read again from another member (raid1_end_read_request() and its like).
        below = {name: how for name, how in below.items() if name not in failing}
    return max((worst, *below.values()))


def _over_the_network(world: World, network: Network, block: Block) -> Reading:
    worst = Reading.WORKS
    served = network.disks.get(block.name)
    if served is not None:
        worst = _from(world, network, served)
    mounted = block.facts.get(BACKING, "")
    for folder, export in network.exports.items():
        if mounted.startswith(f"{folder}/"):
            worst = max(worst, _from(world, network, export))
    return worst


def _from(world: World, network: Network, served: Served) -> Reading:
    kind = served.server.kind
    if kind == "nvme":
        return _by_a_path(network, served)
    if kind == "nfs" and served.server.name not in network.serving:
        return Reading.WAITS
    if served.lost is not None:
        late = world.now >= served.lost + served.patience
        return Reading.FAILS if kind == "nbd" or late else Reading.WAITS
    return Reading.WORKS if network.reaches(served.server) else Reading.WAITS


def _by_a_path(network: Network, served: Served) -> Reading:
    """NVMe: a path will do; without one, requests wait for the kernel to restore it, for ever."""
    paths = (network.servers[name] for name, lost in network.paths.items() if lost is None)
    leading = (each for each in paths if each.target == served.server.target)
    return Reading.WORKS if any(map(network.reaches, leading)) else Reading.WAITS


def silence_of(world: World, block: Block) -> Silence | None:
    """The silence of a disk that is, or is below, the device; None where all answer."""
    if block.part is None and block.disk is not None and block.disk.name in world.silent:
        return world.silent[block.disk.name]
    lower = (world.blocks.get(each) for each in block.slaves)
    found = (silence_of(world, each) for each in lower if each is not None)
    return next((each for each in found if each is not None), None)


def unreadable(world: World, block: Block) -> bool:
    """Whether a program that reads the device, as udev does, gets nothing now."""
    uncertain = world.network is not None or bool(world.silent)
    return uncertain and reading(world, block) is not Reading.WORKS


def ready(world: World, nodes: tuple[str, ...]) -> Work:
    """Wait until these devices can be read, or are known not to be: the answer says so."""
    while world.network is not None or world.silent:
        there = (world.at(each) for each in nodes if each.startswith("/dev/"))
        blocks = [each for each in there if each is not None]
        silences = (silence_of(world, each) for each in blocks) if world.silent else iter(())
        silence = next((each for each in silences if each is not None), None)
        if silence is not None:
            yield Asleep(silence)
            if not all(each.present for each in blocks):
                return Answer(1, complaints="Input/output error")
            continue
        worst = max((reading(world, each) for each in blocks), default=Reading.WORKS)
        if worst is not Reading.WAITS:
            failed = worst is Reading.FAILS
            return Answer(1, complaints="Input/output error") if failed else None
        yield Exactly(AGAIN_SECONDS)
    return None


def reads_without(world: World, block: Block, names: set[str]) -> bool:
    """Whether a running array, or a logical volume that is one, can do without these members."""
    if block.array is None:
        return _volume_reads_without(world, block, names)
    if block.array.state == "inactive":
        return False
    there = {slot for name, slot in block.array.members if name not in names}
    return enough(block.array.plan, True, there)


def _volume_reads_without(world: World, block: Block, names: set[str]) -> bool:
    """Whether a volume of type raid1 or raid5 can be read without these of its mappings."""
    if block.mapping is None or block.mapping.logical is None:
        return False
    group, name, _ = block.mapping.logical
    groups = (each for each in world.disks.groups.values() if each.name == group)
    volumes = (each for plan in groups for each in plan.volumes if each.name == name)
    mappings = (world.blocks[each].mapping for each in names)
    lost = sum(each is not None and "_rimage_" in each.name for each in mappings)
    return any(spare(each, lost) for each in volumes)
