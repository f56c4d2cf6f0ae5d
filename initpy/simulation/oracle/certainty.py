"""What can be said for sure of a boot, given what went wrong by chance: whether root can come."""

from initpy.scenario.acts import Deed
from initpy.simulation.oracle.case import Case
from initpy.simulation.oracle.expected import expected_with
from initpy.simulation.oracle.items import Item
from initpy.simulation.oracle.jobs import shipped_jobs
from initpy.simulation.oracle.reach import root_reach
from initpy.simulation.oracle.story import FOREVER, Device, Work
from initpy.simulation.oracle.sure import Sure

# Jobs without which a boot goes on.
HELPERS = ("luks-modules", "luks-ciphers", "md-examine")


def reach(case: Case) -> Sure:
    """Whether root can be reached, given also what went wrong by chance."""
    sure = root_reach(case.expected)
    if sure is Sure.UNSURE and (unused := _pulled_unused(case)):
        sure = root_reach(expected_with(case.expected.scenario, unused))
    if sure is Sure.NO and case.random_faults.engine_dies and len(case.story.engines) > 1:
        return Sure.UNSURE  # users who see an engine die do more than the scenario says
    return Sure.UNSURE if sure is Sure.YES and excused(case) else sure


def complete_at(case: Case) -> float:
    """When the last disk that root needs has come, for good."""
    expected = case.expected
    if unused := _pulled_unused(case):
        expected = expected_with(expected.scenario, unused)
    return expected.items[expected.root].comes


def _pulled_unused(case: Case) -> frozenset[str]:
    """The disks that were plugged in again and on which nothing stood when they were pulled."""
    faults = case.expected.scenario.faults
    pulled = {each.argument for each in faults if each.deed is Deed.UNPLUG}
    plugs = case.expected.plugs
    return frozenset(
        name
        for name in pulled & plugs.keys()
        if None not in plugs[name] and _was_unused(case, name, max(at or 0.0 for at in plugs[name]))
    )


def _was_unused(case: Case, name: str, back: float) -> bool:
    """Whether each time that the disk went nothing stood on it, and no command changed it.

    `back`: when it comes for the last time.
    """
    seen = False
    for device, states in case.story.devices.items():
        there: Device | None = None
        for time, order, state in states:
            if state is None and there is not None and case.item(there, order - 1) == name:
                seen = True
                if time > back or _used(case, device, time, order):
                    return False
            there = state
    return seen


def _used(case: Case, device: str, time: float, order: int) -> bool:
    """Whether anything but its partitions stood on a disk, or a command may have changed it."""
    parts = {device}
    for name, states in case.story.devices.items():
        for _, number, state in states:
            if state is not None and number < order and device in state.slaves:
                if state.properties.get("DEVTYPE") != "partition":
                    return True
                parts.add(name)
    above = any(parts & {*each.slaves} - {device} for each in case.story.known(order - 1))
    return above or any(
        work.job.partition("@")[2] in parts and work.order < order
        and (work.worked or (work.over > time and "pvscan" not in work.words))
        for work in case.story.works
    )  # fmt: skip


def excused(case: Case) -> str:
    """Why a boot of a reachable root may have failed all the same; empty if it may not."""
    if out_of_tries := _out_of_tries(case):
        return out_of_tries
    for work, device, item in case.starts():
        if _lost(case, item, work.start):
            return f"{device.name} was started when a member of it was lost, unnoticed"
    faults = case.random_faults
    if faults.late or faults.lost or faults.udevd_dies:
        cone = case.expected.cone(case.expected.root) if case.expected.root else set()
        looked = {case.item_of(each) for each in case.story.works if each.words[0] == "write"}
        if looked & cone or "" in looked:
            return "what is on the array may have shown only after the look into it"
    if case.story.shells and case.expected.scenario.people:
        return "a shell has the console, and gets what is typed"
    for layer in case.expected.scenario.layers:
        if layer.kind.startswith("luks"):
            asked = [p for p, item in case.questions() if item == layer.on[0] and p.for_a_volume]
            unanswered = [p for p in asked if not p.answered and p.end == FOREVER]
            if unanswered:
                return f"no user had patience for one more prompt for {layer.name}"
    return ""


def _lost(case: Case, item: Item, time: float) -> bool:
    """Whether the server of a disk below had gone by then."""
    cone = case.expected.cone(item.name)
    downs = (each.server.times.down for each in case.expected.logins if each.disk in cone)
    return any(down is not None and down <= time for down in downs)


def _gone_since(case: Case, work: Work) -> bool:
    """Whether the device has gone since a command began: what it failed counts no more."""
    states = case.story.devices.get(work.job.partition("@")[2], ())
    return any(
        state is None and order > work.order and case.engine_at(order) == work.engine
        for _, order, state in states
    )


def _counts_on_servers(case: Case) -> bool:
    """Whether a disk of a server may come: then the jobs of the network matter."""
    disks = (case.expected.items[login.disk] for login in case.expected.logins)
    return any(disk.usable is not Sure.NO for disk in disks)


def _out_of_tries(case: Case) -> str:
    failed: dict[tuple[str, int], int] = {}
    shipped = shipped_jobs(case.expected.scenario)
    for work in case.story.works:
        if work.over < work.end and not case.limit(work):
            return f"{work.job} may take as long as it likes, and hangs"
        if (work.failed or work.over < work.end) and not _gone_since(case, work):
            key = work.job, work.engine
            failed[key] = failed.get(key, 0) + 1
            name = work.job.partition("@")[0]
            if name in HELPERS or (name not in shipped and not _counts_on_servers(case)):
                continue
            job = case.job(work.job)
            if job is None or failed[key] >= job.tries or name == "lvm-start":
                return f"{work.job} has failed as often as it may"
    return ""
