"""Looks into incomplete arrays of other hosts (R9): what they can find, and what they must not do.

The oracle's own account: which arrays may be looked into, when, and what a look can see.
"""

from collections.abc import Iterator

from initpy.scenario.model import Layer
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.items import Item
from initpy.simulation.oracle.parameters import GRACE
from initpy.simulation.oracle.story import FOREVER, Device, Span, Work

CANNOT_BE_STOPPED = "cannot be stopped, stays read-only"
# What md-examine waits before it counts members: whose timers that holds depends on the devices.
EXAMINE = 2.0


def looks(case: Case) -> Iterator[tuple[Work, Device, Item]]:
    """The starts of arrays read-only, with the array."""
    for work in _begun(case):
        device = case.story.latest(work.words[1], work.order)
        name = case.item(device, work.order)
        if device is not None and name:
            yield work, device, case.expected.items[name]


def _begun(case: Case) -> Iterator[Work]:
    """The same, also of arrays that the oracle does not know."""
    for work in case.story.works:
        if work.words[0] == "write" and work.words[2:] == ("md/array_state", "readonly"):
            yield work


def _nodes(case: Case) -> set[tuple[int, str]]:
    """The steps and kernel names of all looks, also of arrays with a member that is gone."""
    return {(work.order, work.words[1]) for work in _begun(case)}


def until(case: Case, look: Work) -> float:
    """When the array that was started read-only was stopped again."""
    for time, order, device in case.story.devices.get(look.words[1], ()):
        if order > look.order and device is None:
            return time
    return FOREVER


def holds_what_is_asked_for(case: Case, item: Item) -> bool:
    """Whether root, or a volume that the user named, stands on this item."""
    expected = case.expected
    if expected.root and item.name in expected.cone(expected.root):
        return True
    if expected.wishes.hinted or "lvm" in expected.wishes.named or expected.wishes.unclear:
        return True
    for each in expected.items.values():
        named = each.layer is not None and "luks" in each.kind and expected.volume(each.layer)
        if named and item.name in expected.cone(each.name):
            return True
    # A name that several things have.
    root = expected.wishes.root
    return any(
        each.layer is not None
        and root.value in _names(each.layer)
        and item.name in expected.cone(each.name)
        for each in expected.items.values()
    )


def _names(layer: Layer) -> set[str]:
    parts = (name for part in layer.parts for name in (part.label, part.uuid))
    return {layer.label, layer.uuid, *parts} - {""}


def another_hosts_array_is_looked_into_first(case: Case) -> Found:
    """R9: it is started for good only if what is asked for is on it, and that was seen before."""
    if case.forgets:
        return
    seen = [(work, item.name) for work, _, item in looks(case)]
    clear = {look.order for look, _ in seen}
    for work, device, item in case.starts():
        if item.layer is None or not case.expected.foreign(item.layer):
            continue
        # The volumes of a container are one: mdadm starts them all.
        family = case.expected.volumes(item.layer.on[0]) or [item]
        names = {each.name for each in family}
        if not any(holds_what_is_asked_for(case, each) for each in family):
            yield work.start, f"{device.name} ({item.name}) is of another host, and was started"
        elif not any(look.order < work.order and name in names for look, name in seen):
            # What stands on an array that was looked into may have been started by the kernel.
            below = case.expected.cone(item.name)
            # Which array it was cannot be told if one of its members is gone.
            unsure = any(
                n < work.order and (name == device.name or n not in clear)
                for n, name in _nodes(case)
            )
            if not unsure and not any(
                look.order < work.order and name in below for look, name in seen
            ):
                yield work.start, f"{device.name} ({item.name}) was not looked into before"


def nothing_is_looked_into_against_the_policy(case: Case) -> Found:
    """R8, R9: rd.md.degraded=no means no."""
    for work, device, item in looks(case):
        if case.expected.wishes.md_degraded == "no":
            yield work.start, f"{device.name} ({item.name}) looked into, and rd.md.degraded=no"


def no_look_comes_before_its_time(case: Case) -> Found:
    """R9: an array waits its own time first, or root's, and no other look is on beside it."""
    wishes = case.expected.wishes
    known: set[str] = set()
    for work, device, item in looks(case):
        others = [
            other
            for other, _, name in ((w, d, i.name) for w, d, i in looks(case))
            if other.engine == work.engine
            and other.order < work.order
            and until(case, other) > work.start
            and _runs(case, other, work)
            and not (name in known and item.name in known)
            and not _share_a_container(item, case.expected.items[name])
            and not given_up(case, other.words[1], work.order)
        ]
        nested = any(case.item_of(each) in case.expected.cone(item.name) for each in others)
        nested = nested or _stands_on_a_look(case, device, work)
        if others and not nested and not _goes_with_a_look(case, device, work):
            yield work.start, f"{device.name} looked into while {others[-1].words[1]} is"
        first = item.name not in known and not nested
        known.add(item.name)
        if not first or len(case.story.engines) > 1 or wishes.md_degraded == "ask":
            continue  # a question that is up holds some timers and others not
        seen = _inactive_since(case, device.name, work)
        waited = case.unheld(item.name, Span(seen, work.start), work.engine)
        for_root = case.unheld("", Span(case.story.engines[work.engine], work.start))
        root_wait = wishes.root_wait if wishes.root_wait is not None else float("inf")
        slack = SLACK + EXAMINE
        if waited < wishes.md_timeout - slack and for_root < root_wait - slack:
            yield (
                work.start,
                f"{device.name} looked into after {waited:.1f} s of {wishes.md_timeout:.0f} s",
            )


def _goes_with_a_look(case: Case, device: Device, work: Work) -> bool:
    """Whether a volume on the same disks is looked into: all of one container are, together.

    What else is looked into beside that one is judged at its own look.
    """
    for other in _begun(case):
        before = case.story.latest(other.words[1], work.order)
        on = other.order < work.order and other.engine == work.engine
        on = on and until(case, other) > work.start
        if on and before is not None and {*before.slaves} & {*device.slaves}:
            return True
    return False


def _stands_on_a_look(case: Case, device: Device, work: Work) -> bool:
    """Whether it stands on an array that is looked into, perhaps since an engine before this."""
    below = (case.story.latest(name, work.order) for name in device.slaves)
    return any(
        each is not None and each.properties.get("md/array_state") == "readonly" for each in below
    )


def _runs(case: Case, look: Work, before: Work) -> bool:
    """Whether the array was started, as far as its command or the array itself tells.

    The kernel may have started it although the write to its state has failed.
    """
    return look.status in (0, None) or any(
        look.order < order <= before.order
        and device is not None
        and device.properties.get("md/array_state") == "readonly"
        for _, order, device in case.story.devices.get(look.words[1], ())
    )


def given_up(case: Case, device: str, before: int) -> bool:
    """Whether it was said that this array cannot be stopped after the look into it."""
    said = (text for _, order, text in case.story.reports if order <= before)
    return any(device in text.partition(":")[0] and CANNOT_BE_STOPPED in text for text in said)


def _share_a_container(one: Item, other: Item) -> bool:
    """Whether both are volumes on the same disks: those are looked into together."""
    layers = one.layer, other.layer
    return all(layers) and one.below == other.below and one.layer is not other.layer


def _inactive_since(case: Case, name: str, work: Work) -> float:
    since: float | None = None
    for time, order, device in case.story.devices.get(name, ()):
        if order > work.order:
            break
        idle = device is not None and device.properties.get("md/array_state") == "inactive"
        idle = idle and device is not None and bool(device.slaves)
        since = (time if since is None else since) if idle else None
    return since if since is not None else work.start


def nothing_is_written_to_what_is_only_looked_into(case: Case) -> Found:
    """R9: not one write to a disk of an array that was looked into and not started for good."""
    if case.forgets:
        return
    for time, name, what in case.refused:
        yield time, f"a write to {name}, which is read-only: {what}"
    started = {item.name for _, _, item in case.starts()}
    for work, _, item in looks(case):
        below = (case.expected.items[each].kind for each in case.expected.cone(item.name))
        if work.failed or "lvm" in below:  # a group below it is no matter of the look
            continue
        if started & {item.name, *_above(case, item.name)} or _was_complete(case, item, work):
            continue
        others = {each for name in started for each in case.expected.cone(name)} | {
            each
            for other in case.expected.items.values()
            if item.name not in case.expected.cone(other.name)
            and other.name not in case.expected.cone(item.name)
            for each in case.expected.cone(other.name)
        }
        for disk in case.expected.cone(item.name) - others:
            if disk in case.written and case.written[disk][0] >= work.start - SLACK:
                time, what = case.written[disk]
                yield time, f"{disk} of {item.name}, which was only looked into: {what}"


def _above(case: Case, name: str) -> set[str]:
    items = case.expected.items
    return {each for each in items if name in case.expected.cone(each)}


def _was_complete(case: Case, item: Item, look: Work) -> bool:
    """Whether the array ran, and could be written to, at any time."""
    for name, states in case.story.devices.items():
        for _, order, device in states:
            same = name == look.words[1] and order > look.order
            state = device.properties.get("md/array_state") if device is not None else None
            idle = (None, "inactive", "clear", "readonly")
            if state not in idle and (same or case.item(device, order) == item.name):
                return True
    return False


def root_is_not_mounted_with_what_is_looked_into(case: Case) -> Found:
    """R9: what root stands on is stopped first; then it is started as this host's.

    A member that a degraded array runs without is not below root, and may still be looked into.
    """
    mounted, root = case.mounted, case.expected.root
    if mounted is None or not root:
        return
    below = _below_mounted(case, mounted[1])
    for work, device, item in looks(case):
        on = work.start <= mounted[0] < until(case, work) and not work.failed
        if (
            on
            and work.engine == len(case.story.engines) - 1
            and item.name in case.expected.cone(root)
            and (below is None or device.name in below)
        ):
            yield mounted[0], f"root is mounted, and {device.name} ({item.name}) is read-only"


def _below_mounted(case: Case, order: int) -> set[str] | None:
    """The devices that the mounted root stands on; None: nothing tells on which a file is."""
    below = case.below_root(order)
    known = {each.name: each.properties for each in case.story.known(order)}
    parts = {name: each for name, each in known.items() if each.get("ID_FS_TYPE") == "btrfs"}
    uuids = {each.get("ID_FS_UUID") for name, each in parts.items() if name in below}
    for name, each in parts.items():
        if each.get("ID_FS_UUID") in uuids:
            below |= case.below(name, order)
    return None if not below or any(each.startswith("loop") for each in below) else below


def a_look_is_announced(case: Case) -> Found:
    """R9: the user is told of each."""
    for work, device, item in looks(case):
        told = any(
            order <= work.order and device.name in text and "read-only" in text
            for _, order, text in case.story.reports
        )
        if not told:
            yield work.start, f"{device.name} ({item.name}) is looked into, the user was not told"


def a_look_ends(case: Case) -> Found:
    """R9: what was looked into is stopped again before the real system comes."""
    chance = case.random_faults
    if chance.doubled or chance.lost or chance.reordered or chance.late:
        return  # what is to be taken down may not be known
    last = len(case.story.engines) - 1
    for work, device, item in looks(case):
        if work.engine != last or work.status or not case.story.handovers:
            continue
        failed = any(
            each.order > work.order
            and (("take-down" in each.job and each.failed) or each.end > each.start + HANGS)
            for each in case.story.works
        )
        if until(case, work) == FOREVER and not failed:
            yield case.ended, f"{device.name} ({item.name}) is left read-only"


HANGS = 15.0  # seconds: a tool that takes longer keeps the array from being stopped
# How long a look may take besides what users and tools take: it waits for nothing new to appear.
QUIET = 3.0


def seconds(md_timeout: float) -> float:
    """How long an array of another host may keep a boot idle: alone, and with others."""
    return md_timeout + 2 * (QUIET + GRACE)
