"""Invariants of starts without members (R7, R8, R9)."""

from collections.abc import Iterator

from initpy.simulation.oracle import looks, owners
from initpy.simulation.oracle.case import SLACK, Case, Found, held_until
from initpy.simulation.oracle.monitors import OF_VOLUMES
from initpy.simulation.oracle.parameters import GRACE
from initpy.simulation.oracle.story import Device, Span, Work, total
from initpy.simulation.oracle.unready import being_looked_at, missing_relatives, unsure_prompts

# After a device has come its job is started in the same event; more is a bug.
AT_ONCE = 3.0


def never_degraded_while_a_volume_is_locked(case: Case) -> Found:
    """R7: no array starts without members while a volume is asked for or opened beside it."""
    unsure = unsure_prompts(case)
    for work, device, item in case.starts():
        for span, locked in _locked(case, item.name, work.order):
            if locked not in unsure and span.start <= work.start < span.end:
                yield work.start, f"{device.name} ({item.name}) started while {locked} is locked"


def _locked(case: Case, array: str, order: int) -> Iterator[tuple[Span, str]]:
    """What had begun before this step: in one moment there may be several."""
    for each, locked in case.touched():
        if each.order <= order and not (locked and array in case.expected.cone(locked)):
            yield Span(each.start, held_until(each)), locked or "a volume"


def never_degraded_before_its_time(case: Case) -> Found:
    """R7: an array waits its own time, not counting what holds it, or until root's is over."""
    wishes, unsure = case.expected.wishes, unsure_prompts(case)
    for work, device, item in case.starts():
        if item.layer is None or unsure or _asked_about(case, work):
            continue
        seen = _incomplete_since(case, device.name, work)
        if case.expected.foreign(item.layer) or _below_foreign(case, item.name):
            continue  # it was looked into, which had its time (looks.py)
        wanted = wishes.md_timeout
        waited = case.unheld(item.name, Span(seen, work.start), work.engine)
        begun = case.story.engines[work.engine]
        for_root = case.unheld("", Span(begun, work.start))
        root_wait = wishes.root_wait if wishes.root_wait is not None else float("inf")
        if waited < wanted - SLACK and for_root < root_wait - SLACK:
            yield (
                work.start,
                (
                    f"{device.name} ({item.name}) started after {waited:.1f} s of {wanted:.0f} s "
                    f"and {for_root:.1f} s of root's wait of {root_wait:.0f} s"
                ),
            )


def _below_foreign(case: Case, name: str) -> bool:
    """Whether it stands on an array of another host, and was looked into with that one."""
    items = (case.expected.items[each].layer for each in case.expected.cone(name) - {name})
    return any(each is not None and case.expected.foreign(each) for each in items)


def never_degraded_while_a_network_disk_may_come(case: Case) -> Found:
    """R7: no array starts without members while a login to a server is made or will be."""
    root_wait = case.expected.wishes.root_wait
    for work, device, item in case.starts():
        if _asked_about(case, work):
            continue
        begun = case.story.engines[work.engine]
        if root_wait is not None and case.unheld("", Span(begun, work.start)) >= root_wait - SLACK:
            continue
        for span in case.login_spans(work.engine):
            if span.start <= work.start < span.end:
                yield work.start, f"{device.name} ({item.name}) started while a login is pending"


def _asked_about(case: Case, work: Work) -> bool:
    """Whether the user was asked, or it is another try, whose time has passed before."""
    job = work.job
    asked = any(each.job == job and each.start <= work.start for each in case.story.prompts)
    return asked or any(
        each.job == job and each.order < work.order and each.engine == work.engine
        for each in case.story.works
    )


def _incomplete_since(case: Case, name: str, work: Work) -> float:
    """When this engine first saw the array with a member that it did not run with."""
    since: float | None = None
    begun = case.story.engines[work.engine]
    for time, order, device in case.story.devices.get(name, ()):
        if order > work.order:
            break
        stuck = device is not None and (
            device.properties.get("ID_BTRFS_READY") == "0"
            or (bool(device.slaves) and device.properties.get("md/array_state") == "inactive")
        )
        since = (time if since is None else since) if stuck else None
    return max(since if since is not None else work.start, begun)


def never_degraded_with_its_members_there(case: Case) -> Found:
    """R7: a member that has come is added before the array is started without it."""
    for work, device, other, name in _left_out(case):
        if other.ready and not missing_relatives(case, other, work.order):
            parts = (other.name, *other.slaves, *other.properties.get("partitions", "").split())
            since = max(_known_since(case, each, work.order) for each in parts)
            since = max(since, _ready_since(case, other.name, work.order))
            if work.start - since > AT_ONCE:
                yield work.start, f"{device.name} started without {other.name} ({name})"


def never_degraded_while_a_member_is_looked_at(case: Case) -> Found:
    """R7: a member that is there and cannot be used yet holds the timer, for a while."""
    for work, device, other, name in _left_out(case):
        # Udev says of an array that has not started nothing of what is on it.
        if "ID_FS_TYPE" in other.properties and being_looked_at(case, other, work.order):
            yield work.start, f"{device.name} started although {other.name} ({name}) was not ready"


def _left_out(case: Case) -> Iterator[tuple[Work, Device, Device, str]]:
    """The members that were there when an array was started without them: start, array, member."""
    pulled = any(fault.deed == "unplug" for fault in case.expected.scenario.faults)
    if pulled or case.expected.scenario.damages:
        return
    for work, device, item in case.starts():
        assert item.layer is not None
        there = case.members_there(device, work.order) | _in_container(case, device, work.order)
        for other in case.story.known(work.order):
            name = case.item(other, work.order)
            lost = item.layer.left == "degraded" and name == item.below[-1]
            left_out = name in item.below and name not in there and not lost
            if left_out and not _failed_on(case, other.name, work) and not _borrowed(case, name):
                yield work, device, other, name


def _in_container(case: Case, volume: Device, order: int) -> set[str]:
    """The disks in the container of a volume: mdadm starts it with those (Manage_run())."""
    version = volume.properties.get("md/metadata_version", "")
    name = version.removeprefix(OF_VOLUMES[0]).partition("/")[0]
    box = case.story.latest(name, order) if version.startswith(OF_VOLUMES[0]) else None
    return case.members_there(box, order) if box is not None else set()


def _borrowed(case: Case, name: str) -> bool:
    """Whether it is on a group of another system, which is only looked at."""
    items = (case.expected.items[each] for each in case.expected.cone(name))
    layers = (each.layer for each in items if each.kind == "lvm" and each.layer is not None)
    return any(owners.foreign(case.expected.scenario, each) for each in layers)


def _known_since(case: Case, name: str, order: int) -> float:
    if case.story.latest(name, order) is None:
        return float("inf")
    states = [each for each in case.story.devices[name] if each[1] <= order]
    since = states[-1][0]
    for time, _, device in reversed(states):
        if device is None:
            break
        since = time
    return since


def _ready_since(case: Case, name: str, order: int) -> float:
    since = 0.0
    ready = False
    for time, number, device in case.story.devices[name]:
        if number > order:
            break
        now = device is not None and device.ready and "ID_FS_TYPE" in device.properties
        if now and not ready:
            since = time
        ready = now
    begun = case.story.engines[case.engine_at(order)]
    return max(since, begun) if ready else float("inf")


def _failed_on(case: Case, name: str, before: Work) -> bool:
    return any(
        (each.failed or each.over < each.end)
        and each.order < before.order
        and each.job.endswith(f"@{name}")
        for each in case.story.works
    )


def never_degraded_against_the_policy(case: Case) -> Found:
    """R8: rd.md.degraded=no means no."""
    wishes = case.expected.wishes
    for work, device, item in case.starts():
        if wishes.md_degraded == "no":
            yield work.start, f"{device.name} ({item.name}) started although rd.md.degraded=no"


# What may come between a timer and its start: other starts go first, one at a time.
LATE = 20.0


def a_degraded_start_comes_in_time(case: Case) -> Found:
    """R7: what has waited its time is started or mounted; a shell of break= begins nothing anew."""
    starts = [(work, device, case.item(device, work.order)) for work, device, _ in case.starts()]
    starts += [(work, device, "") for work, device in case.degraded_mounts()]
    for work, device, name in starts:
        layer = case.expected.items[name].layer if name else None
        foreign = layer is not None and case.expected.foreign(layer)
        wanted = case.expected.wishes.md_timeout
        wanted = looks.seconds(wanted) if foreign else wanted
        span = Span(_incomplete_since(case, device.name, work), work.start)
        busy = [*case.work_spans(), *case.user_spans(), *case.login_spans(), *case.story.pauses]
        waited = span.end - span.start - total(busy, span)
        holds = sum(span.start <= each.start < span.end for each in case.story.works)
        holds += len(case.story.prompts) + len(starts)
        if not _asked_about(case, work) and waited > wanted + LATE + GRACE * holds:
            yield work.start, f"{device.name} started after {waited:.0f} s of {wanted:.0f} s"


def degraded_starts_are_announced(case: Case) -> Found:
    """R8: the user is told of each."""
    for work, device, item in case.starts():
        told = any(
            order <= work.order and device.name in text and "degraded" in text
            for _, order, text in case.story.reports
        )
        if not told:
            yield work.start, f"{device.name} ({item.name}) was started and the user was not told"
