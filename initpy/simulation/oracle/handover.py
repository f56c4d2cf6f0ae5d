"""Invariants of the handover (R1, R18, R21)."""

from initpy.scenario.model import RAID, Outcome
from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.oracle.commands import gone_between
from initpy.simulation.oracle.monitors import MONITOR
from initpy.simulation.oracle.story import Device, Span, Work, total
from initpy.simulation.oracle.unready import being_looked_at, missing_relatives
from initpy.simulation.oracle.wishes import Volume

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)


def handed_over_once(case: Case) -> Found:
    """An engine hands over once, and then asks for nothing any more."""
    done: dict[int, float] = {}
    for entry in case.entries:
        if entry.event["kind"] == "HandOverRefused":
            done.pop(entry.engine, None)
        for action in entry.actions:
            kind = action["kind"]
            if entry.engine in done and kind in ("HandOver", "Run", "Mount", "Ask", "Fetch"):
                yield entry.time, f"{kind} after the handover at {done[entry.engine]:.1f} s"
            if kind == "HandOver":
                done[entry.engine] = entry.time


# What is left to do when root is mounted; tools that work for other devices get some of it.
LEAVING_SECONDS = 30.0
# docs/boot.md: what a tool below root gets whose job sets no limit, since it was last heard of.
UNLIMITED_SECONDS = 60.0


def a_mounted_root_is_handed_over(case: Case) -> Found:
    """Once root is mounted the real system starts, whatever hangs; users and tools have their time.

    What more is to be mounted below it counts as well, and no world of the explorer has any.
    """
    if case.expected.wishes.unclear or case.expected.scenario.layers == ():
        return
    if any(entry.event["kind"] == "HandOverRefused" for entry in case.entries):
        return
    for work in case.story.works:
        if work.words[0] == "mount" and work.words[-1] == "/sysroot" and work.worked:
            span = Span(work.end, case.engine_ends(work.engine))
            busy = [
                Span(each.start, min(each.over, case.ended, _awaited_until(case, each, work.end)))
                for each in case.story.works
                if not each.beside or case.takes_over(each) is False
            ]
            idle = span.end - span.start - total([*busy, *case.user_spans()], span)
            if idle > LEAVING_SECONDS:
                yield span.end, f"root is mounted, and for {idle:.0f} s nothing else is waited for"


def _awaited_until(case: Case, work: Work, since: float) -> float:
    """When the handover awaits a command no more that is still at work, root mounted `since`."""
    if case.limit(work) or work.beside:
        return work.over
    return max(since, work.start, work.got_on) + UNLIMITED_SECONDS


def no_tool_below_root_at_the_handover(case: Case) -> Found:
    """No tool works on what root stands on when the real system starts; nothing is left."""
    for time, order in case.story.handovers:
        engine = case.engine_at(order)
        below = case.below_root(order)
        mounts = [each.end for each in case.story.works if each.words[0] == "mount"]
        since = max((end for end in mounts if end <= time), default=0.0)
        for work in case.story.works:
            over = min(work.over, _awaited_until(case, work, since))
            busy = work.engine == engine and work.start <= time < over
            name = work.job.partition("@")[2]
            if busy and name in below and not gone_between(case, work, order):
                yield time, f"{work.job} is still at work"
    left = [each for each in case.leftover.split() if each != MONITOR]
    if case.outcome is Outcome.BOOTED and left:
        yield case.ended, f"left running: {' '.join(left)}"


def the_right_root_is_mounted(case: Case) -> Found:
    """What is mounted as root is the test system, through the top of its stack."""
    if not case.expected.root:
        return
    right = case.expected.items[case.expected.root].below
    members = {name for item in case.expected.items.values() if item.kind in RAID
               and (item.layer is None or item.layer.left != "stale")
               for name in item.below}  # fmt: skip
    for work in case.story.works:
        if work.words[0] == "mount" and work.words[-1] == "/sysroot" and work.worked:
            device = case.story.by_node(work.words[1], work.order)
            name = case.item(device, work.order)
            if name and name not in right:
                yield work.start, f"{work.words[1]} ({name}) is mounted, not {' or '.join(right)}"
            below = case.below(device.name, work.order) if device is not None else set()
            for each in sorted(below):
                known = case.story.latest(each, work.order)
                if member := _member_below(case, known, members, work.order):
                    yield work.start, f"{work.words[1]} is mounted, which is on the member {member}"


def _member_below(case: Case, device: Device | None, members: set[str], order: int) -> str:
    """The array's member that a partition is on, past the array: its content shows there too."""
    if device is None or device.properties.get("DEVTYPE") != "partition":
        return ""
    wholes = (case.story.state(name, order) for name in device.slaves)
    names = (case.item(each, order) for each in wholes)
    return next((name for name in names if name in members), "")


def named_volumes_are_open_before_the_handover(case: Case) -> Found:
    """R1: a volume that users have named and that is there is open, or out of tries."""
    wishes = case.expected.wishes
    if wishes.unclear or "luks" in wishes.off or case.expected.scenario.damages:
        return
    silent = case.expected.silent_disks
    for time, order in case.story.handovers:
        for volume in wishes.volumes:
            if volume.optional or volume.headless or volume.odd or volume.source.how != "UUID":
                continue
            locked = [
                each
                for each in case.story.known(order)
                if each.properties.get("ID_FS_TYPE") == "crypto_LUKS"
                and each.properties.get("ID_FS_UUID", "").lower() == volume.source.value.lower()
            ]
            # Of two with one UUID one is a copy: which of them is meant is not for the oracle.
            shut = [
                each
                for each in locked
                if not _is_open(case, each, order)
                and (_usable(case, each, order) or being_looked_at(case, each, order))
            ]
            if _outlives_its_disk(case, volume, order):
                continue
            items = {case.item(each, order) for each in shut} - {""}
            if any(silent & case.expected.cone(each) for each in items):
                continue  # its header cannot be read: nothing waits for that for long
            if len(locked) == 1 and shut and not _out_of_tries(case, shut[0], volume, order):
                yield time, f"the named volume {volume.name} is locked"


def _outlives_its_disk(case: Case, volume: Volume, order: int) -> bool:
    """Its mapping stands on a disk that is gone: until it is removed, the name is taken."""
    known = {each.name: each for each in case.story.known(order)}
    return any(
        each.properties.get("DM_NAME") == volume.name
        # With integrity it stands on another mapping, which stands on the disk.
        and any(not {*known[name].slaves} <= known.keys() for name in case.below(each.name, order))
        for each in known.values()
    )


def _usable(case: Case, locked: Device, order: int) -> bool:
    if not locked.ready or missing_relatives(case, locked, order):
        return False
    # A mirror's partitions show on its members until mdadm takes those: there is no volume there.
    disks = (case.story.latest(name, order) for name in locked.slaves)
    return locked.properties.get("DEVTYPE") != "partition" or all(
        each is None or each.properties.get("ID_FS_TYPE") != "linux_raid_member" for each in disks
    )


def _is_open(case: Case, locked: Device, order: int) -> bool:
    mapped = any(
        locked.name in each.slaves and each.properties.get("DM_UUID", "CRYPT-").startswith("CRYPT-")
        for each in case.story.known(order)
    )
    return mapped or any(work.worked for work in _attempts(case, locked, order))


def _out_of_tries(case: Case, locked: Device, volume: Volume, order: int) -> bool:
    failed = [
        work for work in _attempts(case, locked, order) if work.failed or work.over < work.end
    ]
    wrong = sum(work.status == WRONG_PASSPHRASE for work in failed)
    job = case.job(f"luks-open@{locked.name}")
    tries = job.tries if job is not None else 3
    return (volume.tries > 0 and wrong >= volume.tries) or len(failed) - wrong >= tries


def _attempts(case: Case, locked: Device, order: int) -> list[Work]:
    """The attempts to open a volume that the engine of this step has made."""
    engine, nodes = case.engine_at(order), {locked.node, *locked.links}
    return [
        work
        for work in case.story.works
        if work.words[0] == "cryptsetup" and nodes & set(work.words)
        and work.engine == engine and work.order <= order
    ]  # fmt: skip
