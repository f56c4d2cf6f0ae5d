"""md arrays in the kernel: drivers/md/md.c (md_run, analyze_sbs, do_md_stop)."""

from collections.abc import Container, Generator

from initpy.simulation.kernel.disks import visible
from initpy.simulation.kernel.process import Asleep, Wait
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import ArrayPlan, Table
from initpy.simulation.world.redundancy import enough
from initpy.simulation.world.world import Array, Block, World

MAJOR = 9
ASSEMBLE_SECONDS, START_SECONDS = 0.3, 0.5
PARITY = ("raid4", "raid5", "raid6")
STRIPED = ("raid0", "linear")  # no metadata of theirs changes
RETRY_SECONDS = 0.5  # how often a write is looked at that waits for a monitor


def usable(world: World, array: ArrayPlan, members: list[tuple[str, int]]) -> set[int]:
    """The slots whose superblocks are as fresh as the freshest; count_active() in Incremental.c."""
    events = {slot: world.superblock(array, slot).events for _, slot in members}
    newest = max(events.values(), default=0)
    best = max(events, key=lambda slot: events[slot], default=0)
    gone = world.superblock(array, best).gone if events else frozenset()
    return {slot for slot, count in events.items() if count >= newest - 1 and slot not in gone}


def of_uuid(world: World, uuid: str) -> Array | None:
    """The array in the kernel that has these superblocks."""
    for block in world.blocks.values():
        if block.array is not None and block.array.plan.uuid == uuid:
            return block.array
    return None


def free_number(world: World, skipped: Container[str]) -> int:
    """The number of a new array: they count down from 127 (find_free_devnm() in mdopen.c)."""
    number = 127
    while f"md{number}" in world.blocks or f"md{number}" in skipped:
        number -= 1
    return number


def create(world: World, udev: Udev, plan: ArrayPlan, name: str, number: int) -> Block:
    """A new array without members."""
    array = Array(plan, f"md{number}", name)
    block = Block(array.node, plan.inside, MAJOR, number, array=array)
    world.add(block)
    udev.uevent("add", block)
    return block


def bind(world: World, block: Block, member: Block, slot: int) -> None:
    """The member is one of the array from now on (add_new_disk in md.c)."""
    assert block.array is not None
    block.array.members.append((member.name, slot))
    world.stand_on(block, member.name)


def begin(world: World, udev: Udev, block: Block, read_only: bool = False) -> bool:
    """The kernel starts the array, or refuses to; it knows the superblocks afterwards.

    With a member that is read-only it starts it read-only, whatever it was asked for (md_run).
    """
    array = block.array
    assert array is not None
    plan = array.plan
    array.read = True
    block.told = None
    fresh = usable(world, plan, array.members)
    recorded = len(plan.on) - len(fresh)
    dirty = plan.dirty and plan.level in PARITY
    if not enough(plan, True, fresh):
        world.kernel(f"md/{plan.level}:{array.node}: not enough operational mirrors or devices")
        return False
    if dirty and recorded and not _may_start_dirty(world):
        world.kernel(f"md/raid:{array.node}: cannot start dirty degraded array.")
        return False
    for name, slot in array.members:
        if slot not in fresh:
            world.kernel(f"md: kicking non-fresh {name} from array!")
            block.slaves.remove(name)
            world.holders[name].remove(block.name)
    array.members = [(name, slot) for name, slot in array.members if slot in fresh]
    array.degraded = recorded if plan.level not in ("raid0", "linear") else 0
    expected = {*range(len(plan.on))} - world.superblock(plan, min(fresh)).gone
    array.forced = bool(expected - fresh)
    array.state = "clean" if plan.level in ("raid0", "linear") else "read-auto"
    below = [world.blocks[name] for name, _ in array.members if name in world.blocks]
    if read_only or any(map(world.read_only, below)):
        array.state = "readonly"
    elif array.forced:
        for each in below:
            world.write(each, f"the superblock, as {array.node} was started without a member")
    whole = len(plan.on)
    what = {"raid1": "mirrors", "raid10": "devices"}.get(plan.level)
    if what:
        count = f"active with {len(fresh)} out of {whole} {what}"
        world.kernel(f"md/{plan.level}:{array.node}: {count}")
    size = plan.inside.size // 512
    world.kernel(f"{array.node}: detected capacity change from 0 to {size}")
    udev.uevent("change", block)
    _partitions(world, udev, block)
    return True


def _may_start_dirty(world: World) -> bool:
    return "md_mod.start_dirty_degraded=1" in world.scenario.cmdline.split()


def _partitions(world: World, udev: Udev, block: Block) -> None:
    """The kernel reads the array's partition table when it has started."""
    table = visible(block.place) if block.place is not None else None
    if not isinstance(table, Table):
        return
    for number, plan in enumerate(table.parts, 1):
        name = f"{block.name}p{number}"
        part = Block(name, plan.inside, 259, number, part=(block.name, number, plan),
                     slaves=[block.name], facts={})  # fmt: skip
        world.add(part)
        udev.uevent("add", part)


def stop(world: World, udev: Udev, block: Block) -> None:
    """The array is gone, its partitions with it, its members are free."""
    for name in tuple(world.holders.get(block.name, ())):
        part = world.blocks.get(name)
        if part is not None and part.part is not None and part.mapping is None:
            world.drop(part)
            udev.uevent("remove", part)
    world.drop(block)
    udev.uevent("remove", block)


def writable(world: World, block: Block) -> Generator[Wait, None, None]:
    """Have a write to a device wait while a container below has no monitor (md_write_start)."""
    while any(_lacks_monitor(world, each) for each in _below(world, block)):
        yield Asleep(RETRY_SECONDS)


def _lacks_monitor(world: World, block: Block) -> bool:
    array = block.array
    if array is None or not array.container or array.plan.level in STRIPED:
        return False
    return array.state == "read-auto" and array.container not in world.monitors


def _below(world: World, block: Block) -> list[Block]:
    """The device and all that it stands on."""
    found, pending = [], [block]
    while pending:
        each = pending.pop()
        found.append(each)
        pending += [world.blocks[name] for name in each.slaves if name in world.blocks]
    return found
