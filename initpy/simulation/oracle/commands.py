"""Invariants of commands and of the handover (R2, R5, R18, R21)."""

from initpy.scenario.model import Outcome
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.story import Device, Line, Work, device_of

EFFECT = 20.0  # a command that ended well has so long for its effect to show, docs/jobs.md


def no_command_twice_at_a_time(case: Case) -> Found:
    """A job's command is not started while the one before still runs."""
    last: dict[tuple[str, int], Work] = {}
    for work in case.story.works:
        key = work.job, work.engine
        before = last.get(key)
        if (
            before is not None
            and before.end > work.start
            and not _gone_between(case, before, work.order)
        ):
            yield work.start, f"{work.job} runs twice at a time"
        last[key] = work


def _gone_between(case: Case, before: Work, order: int) -> bool:
    """Whether the subject was gone between the start of a command and a step."""
    name = before.subject or before.job.partition("@")[2]
    return any(
        device is None and before.order <= number <= order
        for _, number, device in case.story.devices.get(name, ())
    )


def no_two_tools_change_an_array(case: Case) -> Found:
    """An array is not started while it is being stopped, or the other way round."""
    last: dict[str, Work] = {}
    for work in case.story.works:
        words = work.words
        if words[0] == "mdadm" and {"--run", "--stop"} & set(words):
            before = last.get(words[-1])
            if before is not None and before.end > work.start and before.engine == work.engine:
                yield work.start, f"{' '.join(words)} while {' '.join(before.words)} is at work"
            last[words[-1]] = work


def no_command_twice_without_reason(case: Case) -> Found:
    """A command that ended well is run again only when a device, a key or a person has changed."""
    last: dict[tuple[str, int], Work] = {}
    for work in case.story.works:
        key = work.job, work.engine
        before = last.get(key)
        if before is not None and before.worked and before.words == work.words:
            idle = work.start - before.end
            if idle < EFFECT - SLACK and not _news(case, work, before.order + 1, work.order):
                yield work.start, f"{' '.join(work.words)} again, and nothing has changed"
        last[key] = work


def _news(case: Case, work: Work, first: int, last: int) -> bool:
    """Whether any step between has told something new of the command's subject."""
    return any(
        _is_news(case, case.entries[order].event, order, work.job)
        for order in range(first, last + 1)
    )


# Of these each may have changed anything.
NEWS = ("KeyGiven", "RetryAsked", "ShellEnded", "DeviceRemoved", "Enumerated", "Mounted")


def _is_news(case: Case, event: Line, order: int, job: str) -> bool:
    subject = job.partition("@")[2]
    match event["kind"]:
        case "DeviceChanged":
            device = device_of(event["device"])
            known = case.story.latest(subject, order)
            near = subject in (device.name, *device.slaves) or (
                known is not None
                and (device.name in known.slaves or _together(case, device, order))
            )
            return near and case.story.latest(device.name, order - 1) != device
        case "JobEnded":
            tells = event["status"] != 0 or bool(event["output"])
            return tells or event["job"].startswith("luks-open")
        case "Answered" | "Fetched":
            return bool(event["job"] == job)
    return event["kind"] in NEWS


def _together(case: Case, device: Device, order: int) -> bool:
    """Whether something stands on several devices, this one among them."""
    return any(
        device.name in each.slaves and len(each.slaves) > 1 for each in case.story.known(order)
    )


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


def no_tool_below_root_at_the_handover(case: Case) -> Found:
    """No tool works on what root stands on when the real system starts; nothing is left."""
    for time, order in case.story.handovers:
        engine = case.engine_at(order)
        below = _below_root(case, order)
        for work in case.story.works:
            busy = work.engine == engine and work.start <= time < work.end
            name = work.job.partition("@")[2]
            if busy and name in below and not _gone_between(case, work, order):
                yield time, f"{work.job} is still at work"
    if case.simulated.outcome is Outcome.BOOTED and case.simulated.facts.get("leftover"):
        yield case.simulated.ended, f"left running: {case.simulated.facts['leftover']}"


def _below_root(case: Case, order: int) -> set[str]:
    """The devices that the mounted root stands on, as far as the core had been told."""
    mounts = [work for work in case.story.works if work.words[-1] == "/sysroot" and work.worked]
    device = case.story.by_node(mounts[-1].words[1], order) if mounts else None
    found: set[str] = set()
    pending = [device.name] if device is not None else []
    while pending:
        name = pending.pop()
        known = case.story.latest(name, order)
        if name not in found and known is not None:
            found.add(name)
            pending.extend(known.slaves)
    return found


def the_right_root_is_mounted(case: Case) -> Found:
    """What is mounted as root is the test system, through the top of its stack."""
    if not case.truth.root:
        return
    right = case.truth.items[case.truth.root].below
    for work in case.story.works:
        if work.words[0] == "mount" and work.words[-1] == "/sysroot" and work.worked:
            device = case.story.by_node(work.words[1], work.order)
            name = case.item(device, work.order)
            if name and name not in right:
                yield work.start, f"{work.words[1]} ({name}) is mounted, not {' or '.join(right)}"
