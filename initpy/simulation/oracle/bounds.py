"""How long a boot may take in its world: what it may wait for, worked out from the file and tools.

Time in which a person is asked, a tool works or a disk of root's stack is still to come is theirs.
What is left is idle: the boot waits for its own timers, or for nothing. That much of it is allowed
as the timers of what is incomplete in this world add up to, and what each thing that went wrong
may cost.
"""

from collections.abc import Iterator

from initpy.scenario.acts import Deed
from initpy.scenario.model import RAID
from initpy.simulation.oracle import looks, rootnames
from initpy.simulation.oracle.case import Case
from initpy.simulation.oracle.certainty import complete_at
from initpy.simulation.oracle.items import Item
from initpy.simulation.oracle.owners import looks as group_looks
from initpy.simulation.oracle.story import Span, total
from initpy.simulation.oracle.sure import Sure
from initpy.simulation.world.random_faults import LATE_SECONDS

# udev, the kernel and the engine take a moment for each layer.
SETTLE, PER_LAYER = 10.0, 3.0
GRACE = 10.0  # after each hold, R6
EFFECT = 20.0  # of a command that has ended well and shows nothing
LOOK_AGAIN = 10.0  # what was missed is found again so often
OTHERS = 5.0 + 5.0  # a group that root= does not name, when nothing else is left
SHORT = 15.0  # that no process can be started, and all waits
POOL_PATIENCE = 30.0  # of a pool that lacks disks, jobs/extra/zfs.toml
RESUME_WAIT = 10.0  # for a device that may hold a hibernated system, once root is there
LOOKED_INTO = "looked into, read-only"
LEAVING = 5.0  # a tool that works for other devices, before the handover
# PID 1 restarts a dead engine, udevd announces all again.
DEATH = 30.0


def idle(case: Case) -> float:
    """Seconds in which a boot stood idle although all that root needs had come."""
    handed = case.story.handovers[-1][0] if case.story.handovers else case.ended
    span = Span(min(complete_at(case), handed), handed)
    busy = [*case.work_spans(), *case.user_spans(), *case.login_spans()]
    return span.end - span.start - total(busy, span)


def allowed(case: Case) -> float:
    """Seconds that it may: the timers that run in this world, and what went wrong."""
    failures = sum(work.failed for work in case.story.works)
    holds = len(case.story.prompts)
    once = SETTLE + PER_LAYER * len(case.expected.items) + timers(case) + LEAVING
    deaths = len(case.story.engines) - 1
    return once * (1 + deaths) + GRACE * holds + (EFFECT + 1.0) * failures + trouble(case)


def timers(case: Case) -> float:
    """The timers of all that is incomplete in this world, one after the other."""
    wishes = case.expected.wishes
    seconds = 0.0
    groups = set()
    for item in case.expected.items.values():
        waits = item.whole is not Sure.YES or item.comes > 0.0 or _on_others(case, item)
        if item.layer is None or not waits:
            continue
        if item.kind in RAID:
            foreign = case.expected.foreign(item.layer)
            seconds += looks.seconds(wishes.md_timeout) if foreign else wishes.md_timeout
            seconds += GRACE
        elif item.kind == "zfs":
            seconds += POOL_PATIENCE + GRACE
        elif item.kind == "lvm":
            groups.add(item.layer.group)
    all_groups = {each.group for each in case.expected.scenario.layers if each.group}
    seconds += (wishes.lvm_timeout + GRACE) * len(groups)
    seconds += group_looks(case.expected.scenario, wishes.hinted)
    seconds += rootnames.wait(case.expected)
    seconds += RESUME_WAIT + GRACE if wishes.resume is not None else 0.0
    return seconds + (OTHERS * len(all_groups) if wishes.hinted else 0.0)


def _on_others(case: Case, item: Item) -> bool:
    """Whether a part of it is on a group that root= does not name: that one comes last."""
    hinted = case.expected.wishes.hinted
    below = (
        case.expected.items[name].layer for name in case.expected.cone(item.name) - {item.name}
    )
    return bool(hinted) and any(
        each is not None and each.kind == "lvm" and each.group not in hinted for each in below
    )


def trouble(case: Case) -> float:
    """What may be lost to udev by the scenario's faults and by random_faults."""
    random_faults = case.random_faults
    steps = len(case.expected.items) + 2  # each layer shows by an event of its own
    seconds = 0.0
    if random_faults.lost or random_faults.udevd_dies:
        seconds += LOOK_AGAIN * 2 * steps
    if random_faults.late or random_faults.reordered:
        seconds += LATE_SECONDS * steps
    if random_faults.udevd_dies:
        seconds += DEATH * steps
    deeds = [fault.deed for fault in case.expected.scenario.faults]
    harm = (Deed.KILL_ENGINE, Deed.KILL_UDEVD, Deed.KILL_UDEV_WORKERS, Deed.STOP_ENGINE)
    seconds += DEATH * sum(deed in harm for deed in deeds)
    # A call of process 1 is tried again after 1, 2, 4... seconds at most, and never later than 30.
    for each in case.expected.scenario.syscalls:
        seconds += LOOK_AGAIN + sum(min(2.0**number, 30.0) for number in range(each.fails))
    if {Deed.FILL_RUN, Deed.REFUSE_FORKS} & {*deeds}:
        seconds += SHORT + LOOK_AGAIN * steps
    return seconds + LOOK_AGAIN * deeds.count(Deed.STORM)


def failure_late(case: Case) -> float | None:
    """When the failure screen was overdue, None if it was not."""
    wishes = case.expected.wishes
    if wishes.root_wait is None:
        return None
    shown = [time for time, _, failure in case.story.failures]
    begun = case.story.engines[-1]
    end = min((time for time in shown if time >= begun), default=case.ended)
    span = Span(begun, end)
    unheld = span.end - span.start - total((*case.work_spans(), *case.user_spans()), span)
    return end if unheld > wishes.root_wait + allowed(case) else None


def reasons(case: Case, order: int) -> Iterator[tuple[str, ...]]:
    """For each thing that keeps root from coming, the words of which one must be on the screen."""
    root = case.expected.wishes.root
    yield (str(root), root.value)
    if not case.expected.root:
        return
    nodes = {case.item(each, order): each for each in case.story.known(order)}
    for name in case.expected.cone(case.expected.root):
        item = case.expected.items[name]
        # The lowest layer that does not come is what the user has to look at.
        if item.usable is not Sure.NO:
            continue
        found = (nodes[each] for each in item.below if each in nodes)
        # Of what udev could not read there is no more to tell.
        seen = [each for each in found if each.ready and "ID_FS_TYPE" in each.properties]
        if item.kind in RAID and name in nodes:
            yield (nodes[name].node, nodes[name].name)
        elif item.kind == "lvm" and item.layer is not None and seen:
            # A group is known once its volumes have been looked at, and nobody may use what was
            # only looked into.
            looked = (f"look at the physical volume {each.node}: " for each in seen)
            shut = [each.node for each in seen if looks.given_up(case, each.name, order)]
            yield (item.layer.group, *looked, *(LOOKED_INTO for _ in shut))
        elif "luks" in item.kind and seen:
            yield (seen[0].node,)
