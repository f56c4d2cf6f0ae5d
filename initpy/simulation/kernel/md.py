"""md arrays: what `mdadm --incremental` and the kernel make of members, in the order they come.

The rules are those of mdadm 4.2, Incremental.c (Incremental(), count_active()) and util.c
(enough()), and of drivers/md/md.c of the kernel (md_run, analyze_sbs, do_md_stop).
"""

from collections.abc import Generator

from initpy.simulation.kernel.process import Answer, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.world.plans import ArrayPlan, Member, Place, Table
from initpy.simulation.world.world import Array, Block, World

MAJOR = 9
EXAMINE_SECONDS, ASSEMBLE_SECONDS, START_SECONDS, STOP_SECONDS = 0.2, 0.3, 0.5, 0.3
APPEAR_SECONDS, YES = 0.3, "MD_STARTED=yes"
PARITY = ("raid4", "raid5", "raid6")


def enough(array: ArrayPlan, clean: bool, there: set[int]) -> bool:
    """Whether the array can work with these slots; enough() in mdadm's util.c."""
    whole, count = len(array.on), len(there)
    match array.level:
        case "raid1":
            return count >= 1
        case "raid4" | "raid5":
            if array.level == "raid4" and count == whole - 1 and whole - 1 not in there:
                return True
            return count >= whole - 1 if clean else count >= whole
        case "raid6":
            return count >= whole - 2 if clean else count >= whole
        case "raid10":  # two copies next to each other: enough_10()
            first = 0
            while True:
                if not {first % whole, (first + 1) % whole} & there:
                    return False
                first = (first + 2) % whole
                if first == 0:
                    return True
    return count >= whole


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


def display(array: ArrayPlan) -> str:
    """The name below /dev/md; a foreign one keeps its host's name in it."""
    if array.metadata == "0.90":
        return str(array.minor)
    if array.level == "container":
        return f"{array.metadata}0"
    if array.container is not None:
        return f"{array.name}_0"
    return f"{array.homehost}:{array.name}" if array.foreign else array.name


def create(world: World, udev: Udev, plan: ArrayPlan) -> Block:
    """A new array without members; names count down from md127 (find_free_devnm())."""
    number = plan.minor if plan.metadata == "0.90" else 127
    while f"md{number}" in world.blocks:
        number -= 1
    array = Array(plan, f"md{number}")
    block = Block(array.node, plan.inside, MAJOR, number, array=array)
    world.add(block)
    udev.uevent("add", block)
    return block


def bind(world: World, block: Block, member: Block, slot: int) -> None:
    """The member is one of the array from now on (add_new_disk in md.c)."""
    assert block.array is not None
    block.array.members.append((member.name, slot))
    world.stand_on(block, member.name)


def begin(world: World, udev: Udev, block: Block) -> bool:
    """The kernel starts the array, or refuses to; it knows the superblocks afterwards."""
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
    place = block.place
    if place is None or not isinstance(place.content, Table):
        return
    for number, plan in enumerate(place.content.parts, 1):
        name = f"{block.name}p{number}"
        part = Block(name, plan.inside, 259, number, part=(block.name, number, plan),
                     slaves=[block.name], facts={})  # fmt: skip
        world.add(part)
        udev.uevent("add", part)


def stop(world: World, udev: Udev, block: Block) -> None:
    """The array is gone, its members are free."""
    world.drop(block)
    udev.uevent("remove", block)


def ignored(world: World, call: Call, plan: ArrayPlan) -> bool:
    """mdadm.conf(5): ARRAY <ignore> UUID=…"""
    if "--config=none" in call.words:
        return False
    text = dict(world.scenario.files).get("/etc/mdadm/mdadm.conf", "")
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["ARRAY", "<ignore>"] and f"UUID={plan.spread}" in words:
            return True
    return False


def mdadm(world: World, udev: Udev, call: Call) -> Work:
    """mdadm(8) as the job files call it."""
    words = call.words
    node = words[-1]
    if "--incremental" in words and "--run" in words:
        from initpy.simulation.kernel.firmware import start_container

        return (yield from start_container(world, udev, node))
    if "--incremental" in words:
        return (yield from _incremental(world, udev, call, node))
    if "--examine" in words:
        return (yield from _examine(world, node))
    if "--run" in words:
        return (yield from _run(world, udev, node))
    if "--stop" in words:
        yield STOP_SECONDS
        block = world.at(node)
        if block is None or block.array is None:
            return Answer(1, complaints=f"mdadm: error opening {node}: No such file or directory")
        if world.used(block):
            return Answer(1, complaints=f"mdadm: Cannot get exclusive access to {node}:Perhaps a "
                          "running process, mounted filesystem or active volume group?",
                          )  # fmt: skip
        stop(world, udev, block)
        return Answer(0, complaints=f"mdadm: stopped {node}")
    return None


def _incremental(world: World, udev: Udev, call: Call, node: str) -> Work:
    yield EXAMINE_SECONDS
    device = world.at(node)
    if device is None:
        return Answer(1, complaints=f"mdadm: stat failed for {node}: No such file or directory")
    if world.used(device):
        return Answer(1, complaints=f"mdadm: cannot reopen {node}: Device or resource busy.")
    place = device.place
    member = place.stale or place.content if place is not None else None
    if not isinstance(member, Member) or place is None or "magic" in place.damages:
        return Answer(1, complaints=f"mdadm: no RAID superblock on {node}.")
    plan = member.array
    if plan.level == "container":
        from initpy.simulation.kernel.firmware import join

        return (yield from join(world, udev, device, member))
    if ignored(world, call, plan):
        what = f"mdadm: array containing {node} is explicitly ignored by mdadm.conf"
        return Answer(1, complaints=what)
    while world.array_map.held:  # map_lock(): one member at a time
        yield world.array_map
    world.array_map.held = True
    try:
        answer = yield from _add(world, udev, device, place, member)
    finally:
        world.array_map.release()
    if answer is not None and YES in answer.output:
        yield APPEAR_SECONDS  # wait_for(): until udev has made its node
    return answer


def _add(world: World, udev: Udev, device: Block, place: Place, member: Member) -> Work:
    """Steps 4 to 7 of Incremental(), under its lock."""
    plan, node = member.array, device.node
    if not device.present:
        return Answer(1, complaints=f"mdadm: {node} has vanished")
    array, name = of_uuid(world, plan.uuid), f"/dev/md/{display(plan)}"
    if "superblock" in place.damages:
        # The kernel finds a wrong checksum (super_1_load in md.c).
        kind = "existing" if array is not None else "new"
        return Answer(2, complaints=f"mdadm: failed to add {node} to {kind} array {name}: "
                      "Invalid argument.")  # fmt: skip
    if array is not None and array.state != "inactive":
        what = f"mdadm: not adding {node} to active array (without --run) {name}"
        return Answer(2, complaints=what)
    block = create(world, udev, plan) if array is None else world.blocks[array.node]
    array = block.array
    assert array is not None
    if array.read or any(slot == member.slot for _, slot in array.members):
        # Refused once, it takes no member (md_add_new_disk); a slot is taken once.
        return Answer(2, complaints=f"mdadm: failed to add {node} to existing array {name}: "
                      "Invalid argument.")  # fmt: skip
    if array.members and (yield from _cannot_compare(world, array)):
        what = f"mdadm: metadata mismatch between {node} and chosen array {name}"
        return Answer(2, complaints=what)
    bind(world, block, device, member.slot)
    yield ASSEMBLE_SECONDS
    if not block.present or not device.present:
        return Answer(1, complaints=f"mdadm: {name} has vanished")
    started, status, complaint = "yes", 0, ""
    there = usable(world, plan, _readable(world, array))
    known = world.superblock(plan, member.slot)
    if array.state != "inactive":
        started = "already"
    elif not enough(plan, not plan.dirty, there):
        started = "no"
    elif len(there) < len(plan.on) - len(known.gone):
        started = "unsafe"
    elif not begin(world, udev, block):
        started, status = "", 1
        complaint = f"mdadm: {node} attached to {name}, but failed to start: Input/output error."
    lines = {
        "MD_DEVICE": array.node,
        "MD_DEVNAME": display(plan),
        "MD_FOREIGN": "yes" if plan.foreign else "no",
        "MD_STARTED": started,
    }
    text = "".join(f"{key}={value}\n" for key, value in lines.items() if value)
    return Answer(status, text, complaint)


def _cannot_compare(world: World, array: Array) -> Generator[Wait, None, bool]:
    """Step 5b: the superblock of a member that is in; which one hangs on a hash of the kernel's."""
    if world.network is None:
        return False
    first = world.blocks.get(array.members[0][0])
    return first is not None and bool((yield from world.network.ready(world, (first.node,))))


def _readable(world: World, array: Array) -> list[tuple[str, int]]:
    """The members whose superblocks count_active() can read."""
    network = world.network
    if network is None:
        return array.members
    pairs = ((each, world.blocks.get(each[0])) for each in array.members)
    return [each for each, block in pairs if block is None or not network.unreadable(world, block)]


def _examine(world: World, node: str) -> Work:
    yield EXAMINE_SECONDS
    device = world.at(node)
    place = device.place if device is not None else None
    member = place.stale or place.content if place is not None else None
    if not isinstance(member, Member):
        return Answer(1, complaints=f"mdadm: No md superblock detected on {node}.")
    plan = member.array
    lines = [f"MD_LEVEL={plan.level}", f"MD_DEVICES={len(plan.on)}"]
    if plan.metadata != "0.90":
        lines.append(f"MD_NAME={plan.homehost}:{plan.name}")
    lines.append(f"MD_UUID={plan.spread}")
    lines.append(f"MD_EVENTS={world.superblock(plan, member.slot).events}")
    return Answer(0, "".join(f"{line}\n" for line in lines))


def _run(world: World, udev: Udev, node: str) -> Work:
    yield START_SECONDS
    block = world.at(node)
    if block is None or block.array is None:
        return Answer(1, complaints=f"mdadm: error opening {node}: No such file or directory")
    name = f"/dev/md/{display(block.array.plan)}"
    if block.array.state != "inactive":
        return Answer(0, complaints=f"mdadm: {name} is already active")
    if not begin(world, udev, block):
        what = f"mdadm: failed to start array {name}: Input/output error"
        return Answer(1, complaints=what)
    return Answer(0, complaints=f"mdadm: started array {name}")


def properties(world: World, array: Array, known: dict[str, str]) -> tuple[frozenset[str], bool]:
    """63-md-raid-arrays.rules: links, and whether the content is looked at."""
    plan = array.plan
    if array.state == "inactive" and plan.level != "container":
        known["SYSTEMD_READY"] = "0"
        return frozenset(), False
    known |= {"MD_LEVEL": plan.level, "MD_DEVICES": str(len(plan.on)), "MD_METADATA": plan.metadata,
              "MD_UUID": plan.spread, "MD_DEVNAME": display(plan)}  # fmt: skip
    links = {f"/dev/disk/by-id/md-uuid-{plan.spread}", f"/dev/md/{display(plan)}"}
    if plan.metadata != "0.90" and plan.container is None and plan.level != "container":
        known["MD_NAME"] = f"{plan.homehost}:{plan.name}"
        links.add(f"/dev/disk/by-id/md-name-{plan.homehost}:{plan.name}")
    return frozenset(links), plan.level != "container"


def attributes(array: Array) -> dict[str, str]:
    """What sysfs says below md/; level and number are empty until the superblocks were read."""
    plan = array.plan
    inside = plan.container is not None or plan.level == "container"
    version = plan.metadata if not inside else f"external:{plan.metadata}"
    if plan.container is not None:
        from initpy.simulation.kernel.firmware import version_of

        version = version_of(array)
    running = array.state != "inactive"
    found = {
        "md/array_state": array.state,
        "md/metadata_version": version,
        "md/level": plan.level if array.read else "",
        "md/raid_disks": str(len(plan.on)) if array.read else "",
        "md/resync_start": "0" if not array.read or plan.dirty else "none",
        "md/slots": " ".join(
            sorted(f"{name}:{slot if array.read else 'none'}" for name, slot in array.members)
        ),
    }
    if running and plan.level not in ("raid0", "linear"):
        found["md/degraded"] = str(array.degraded)
    return found
