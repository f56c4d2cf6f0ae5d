"""mdadm(8) 4.2 as the job files call it: Incremental.c, Assemble.c."""

from collections.abc import Generator

from initpy.simulation.kernel import md, reading
from initpy.simulation.kernel.process import Answer, Asleep, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools import firmware, homehost, mdmon, mdopen
from initpy.simulation.tools.homehost import Verdict
from initpy.simulation.world.plans import Member, Place
from initpy.simulation.world.redundancy import enough
from initpy.simulation.world.world import Array, Block, World

EXAMINE_SECONDS, STOP_SECONDS = 0.2, 0.3
# The kernel still has an array that is clear, and its members; as long as on a busy machine.
RELEASE_SECONDS = 0.5
APPEAR_SECONDS, YES = 0.3, "MD_STARTED=yes"


def mdadm(world: World, udev: Udev, call: Call) -> Work:
    """mdadm(8) as the job files call it."""
    words = call.words
    node = words[-1]
    if "--incremental" in words and "--run" in words:
        return (yield from firmware.start_container(world, udev, call, node))
    if "--incremental" in words:
        return (yield from _incremental(world, udev, call, node))
    if "--examine" in words:
        return (yield from _examine(world, node))
    if "--detail" in words:
        return (yield from _detail(world, node))
    if "--run" in words:
        return (yield from _run(world, udev, node))
    if "--stop" in words:
        yield STOP_SECONDS
        block = world.at(node)
        if block is None or block.array is None:
            return Answer(1, complaints=f"mdadm: error opening {node}: No such file or directory")
        above = (world.blocks.get(each) for each in world.holders.get(block.name, ()))
        if world.used(block) or any(each is not None and world.used(each) for each in above):
            return Answer(1, complaints=f"mdadm: Cannot get exclusive access to {node}:Perhaps a "
                          "running process, mounted filesystem or active volume group?",
                          )  # fmt: skip
        held = frozenset((block.name, *block.slaves))
        md.stop(world, udev, block)
        with world.releasing(held):
            yield Asleep(RELEASE_SECONDS)  # deaf to signals
        return Answer(0, complaints=f"mdadm: stopped {node}")
    return None


def _incremental(world: World, udev: Udev, call: Call, node: str) -> Work:
    yield EXAMINE_SECONDS
    device = world.at(node)
    if device is None:
        return Answer(1, complaints=f"mdadm: stat failed for {node}: No such file or directory")
    parts = [each for each in world.above(device) if each.part is not None]
    if world.used(device) or any(map(world.used, parts)):
        return Answer(1, complaints=f"mdadm: cannot reopen {node}: Device or resource busy.")
    if (refusal := homehost.not_permitted(world, call, device)) is not None:
        return refusal
    if device.array is not None and device.array.plan.level == "container":
        return (yield from firmware.examine_container(world, udev, call, device.array))
    place = device.place
    member = _superblock(place)
    if member is None or place is None or "magic" in place.damages:
        return Answer(1, complaints=f"mdadm: no RAID superblock on {node}.")
    plan = member.array
    verdict = homehost.judge(world, call, plan)
    if verdict.refusal:
        return homehost.refused(plan, verdict, node)
    if plan.level == "container":
        _remove_partitions(world, udev, device)
        return (yield from firmware.join(world, udev, call, device, member))
    while world.array_map.held:  # map_lock(): one member at a time
        yield world.array_map
    world.array_map.held = True
    try:
        _remove_partitions(world, udev, device)
        answer = yield from _add(world, udev, call, device, verdict)
    finally:
        world.array_map.release()
    if answer is not None and YES in answer.output:
        yield APPEAR_SECONDS  # wait_for(): until udev has made its node
    return answer


def _remove_partitions(world: World, udev: Udev, device: Block) -> None:
    """remove_partitions() in util.c: the member is used as a whole from now on (BLKPG)."""
    if device.mapping is not None or device.part is not None:
        return  # a mapping has none of the kernel's
    for each in world.above(device):
        if each.part is not None and not world.used(each):
            world.drop(each)
            udev.uevent("remove", each)


def _superblock(place: Place | None) -> Member | None:
    found = place.stale or place.content if place is not None else None
    return found if isinstance(found, Member) else None


def _path(name: str) -> str:
    return name if name.startswith("/") else f"/dev/md/{name}"


def _add(world: World, udev: Udev, call: Call, device: Block, verdict: Verdict) -> Work:
    """Steps 4 to 7 of Incremental(), under its lock."""
    place, node = device.place, device.node
    member = _superblock(place)
    if not device.present or place is None or member is None:
        return Answer(1, complaints=f"mdadm: {node} has vanished")
    plan = member.array
    array, number = md.of_uuid(world, plan.uuid), None
    if array is None:
        number, called = homehost.place_for(world, call, plan, verdict)
    else:
        called = array.name
    name = _path(called)
    if "superblock" in place.damages:
        # The kernel finds a wrong checksum (super_1_load in md.c).
        kind = "existing" if array is not None else "new"
        return Answer(2, complaints=f"mdadm: failed to add {node} to {kind} array {name}: "
                      "Invalid argument.")  # fmt: skip
    if array is not None and array.state != "inactive":
        what = f"mdadm: not adding {node} to active array (without --run) {name}"
        return Answer(2, complaints=what)
    if array is None:
        made = yield from mdopen.create(world, udev, call, plan, (number, called))
        if isinstance(made, str):
            return Answer(1, complaints=made)
        block = made
    else:
        block = world.blocks[array.node]
    array = block.array
    assert array is not None
    if array.read or any(slot == member.slot for _, slot in array.members):
        # Refused once, it takes no member (md_add_new_disk); a slot is taken once.
        return Answer(2, complaints=f"mdadm: failed to add {node} to existing array {name}: "
                      "Invalid argument.")  # fmt: skip
    if array.members and (yield from _cannot_compare(world, array)):
        what = f"mdadm: metadata mismatch between {node} and chosen array {name}"
        return Answer(2, complaints=what)
    md.bind(world, block, device, member.slot)
    yield md.ASSEMBLE_SECONDS
    if not block.present or not device.present:
        return Answer(1, complaints=f"mdadm: {name} has vanished")
    started, status, complaint = "yes", 0, ""
    there = md.usable(world, plan, _readable(world, array))
    known = world.superblock(plan, member.slot)
    if array.state != "inactive":
        started = "already"
    elif not enough(plan, not plan.dirty, there):
        started = "no"
    elif len(there) < len(plan.on) - len(known.gone):
        started = "unsafe"
    elif not md.begin(world, udev, block):
        started, status = "", 1
        complaint = f"mdadm: {node} attached to {name}, but failed to start: Input/output error."
    lines = {
        "MD_DEVICE": array.node,
        "MD_DEVNAME": called,
        "MD_FOREIGN": "yes" if verdict.foreign else "no",
        "MD_STARTED": started,
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items() if value)
    return Answer(status, text, complaint)


def _cannot_compare(world: World, array: Array) -> Generator[Wait, None, bool]:
    """Step 5b: the superblock of a member that is in; which one hangs on a hash of the kernel's."""
    first = world.blocks.get(array.members[0][0])
    return first is not None and bool((yield from reading.ready(world, (first.node,))))


def _readable(world: World, array: Array) -> list[tuple[str, int]]:
    """The members whose superblocks count_active() can read."""
    if world.network is None:
        return array.members
    pairs = ((each, world.blocks.get(each[0])) for each in array.members)
    return [each for each, block in pairs if block is None or not reading.unreadable(world, block)]


def _examine(world: World, node: str) -> Work:
    yield EXAMINE_SECONDS
    device = world.at(node)
    member = _superblock(device.place if device is not None else None)
    if member is None:
        return Answer(1, complaints=f"mdadm: No md superblock detected on {node}.")
    plan = member.array
    lines = [f"MD_LEVEL={plan.level}", f"MD_DEVICES={len(plan.on)}"]
    if plan.metadata != "0.90":
        lines.append(f"MD_NAME={plan.set_name}")
    lines += [f"MD_UUID={plan.spread}", "MD_UPDATE_TIME=1700000000"]
    lines.append(f"MD_EVENTS={world.superblock(plan, member.slot).events}")
    return Answer(0, "".join(f"{line}\n" for line in lines))


def _detail(world: World, node: str) -> Work:
    """`mdadm --detail --export`: an array that is inactive has its number of disks all the same."""
    yield EXAMINE_SECONDS
    block = world.at(node)
    if block is None or block.array is None:
        return Answer(1, complaints=f"mdadm: cannot open {node}: No such file or directory")
    plan = block.array.plan
    lines = [f"MD_LEVEL={plan.level}", f"MD_DEVICES={len(plan.on)}", f"MD_UUID={plan.spread}"]
    lines += [f"MD_DEVNAME={block.array.name}"] if not block.array.name.startswith("/") else []
    return Answer(0, "".join(f"{line}\n" for line in lines))


def _run(world: World, udev: Udev, node: str) -> Work:
    yield md.START_SECONDS
    block = world.at(node)
    if block is None or block.array is None:
        return Answer(1, complaints=f"mdadm: error opening {node}: No such file or directory")
    name = _path(block.array.name)
    if block.array.state != "inactive":
        return Answer(0, complaints=f"mdadm: {name} is already active")
    array = block.array
    firmware.complete(world, block)
    there = {slot for _, slot in array.members}
    if array.container and not enough(array.plan, not array.plan.dirty, there):
        return Answer(0)  # Manage_run() has Incremental_container() do it, which starts nothing
    if not md.begin(world, udev, block):
        what = f"mdadm: failed to start array {name}: Input/output error"
        return Answer(1, complaints=what)
    if block.array.container:
        yield from mdmon.serve(world, udev, block)
    return Answer(0, complaints=f"mdadm: started array {name}")
