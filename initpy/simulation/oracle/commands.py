"""Invariants of commands: none twice, none for ever, each after those it needs (R2, R5)."""

from initpy.scenario.acts import Deed
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.monitors import MONITOR
from initpy.simulation.oracle.story import FOREVER, Device, Line, Work, device_of

LATE = 5.0  # seconds: a second run that only asks for the reason has a limit of its own
ORPHAN = 30.0  # that a command has whose device has gone: mdadm may be half-way
ADDING = 10.0  # mdadm that is longer at it hangs, and nothing waits for it
EFFECT = 20.0  # a command that ended well has so long for its effect to show, docs/jobs.md


def no_command_twice_at_a_time(case: Case) -> Found:
    """A job's command is not started while the one before still runs."""
    last: dict[tuple[str, int], Work] = {}
    for work in case.story.works:
        key = work.job, work.engine
        before = last.get(key)
        if (
            before is not None
            and before.over > work.start
            and not gone_between(case, before, work.order)
        ):
            yield work.start, f"{work.job} runs twice at a time"
        last[key] = work


def gone_between(case: Case, before: Work, order: int) -> bool:
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
            if before is not None and before.over > work.start and before.engine == work.engine:
                yield work.start, f"{' '.join(words)} while {' '.join(before.words)} is at work"
            last[words[-1]] = work


def no_array_is_made_while_one_is_stopped(case: Case) -> Found:
    """mdadm may choose the name of the array that is being stopped, which it takes for free."""
    works = [each for each in case.story.works if each.words[0] == "mdadm"]
    made = [each for each in works if "--incremental" in each.words]
    for stop in works if made else ():
        if "--stop" not in stop.words:
            continue
        until = min(stop.end, case.engine_ends(stop.engine), stop.stopped or FOREVER)
        for each in made:
            # One that failed at once may have begun and ended at just that time, before the stop.
            begun = stop.start <= each.start < until and (
                each.order >= stop.order or each.end > stop.start
            )
            at_work = each.start < stop.start < min(each.end, each.start + ADDING)
            if each.engine == stop.engine and (begun or at_work):
                words = f"{' '.join(each.words)} is at work while {' '.join(stop.words)} is"
                yield max(each.start, stop.start), words


def no_command_twice_without_reason(case: Case) -> Found:
    """A command that ended well is run again only when a device, a key or a person has changed."""
    last: dict[tuple[str, int], Work] = {}
    for work in case.story.works:
        key = work.job, work.engine
        before = last.get(key)
        if before is not None and before.worked and before.words == work.words:
            idle = work.start - before.end
            if work.words[0] == MONITOR and _unmonitored(case, work):
                continue  # it may have died before the engine was told of it
            if idle < EFFECT - SLACK and not _news(case, work, before.order + 1, work.order):
                yield work.start, f"{' '.join(work.words)} again, and nothing has changed"
        last[key] = work


def _unmonitored(case: Case, work: Work) -> bool:
    """Whether a container has no monitor, as the engine knew when it started one."""
    known = case.story.latest(work.job.partition("@")[2], work.order)
    return known is not None and "monitor" not in known.properties


def _news(case: Case, work: Work, first: int, last: int) -> bool:
    """Whether any step between has told something new of the command's subject."""
    return any(
        _is_news(case, case.entries[order].event, order, work.job)
        for order in range(first, last + 1)
    )


# Of these each may have changed anything.
DECLARED = ("zfs-pool/", "zfs-dataset/")  # subjects that are no devices: their disks tell of them
NEWS = ("KeyGiven", "RetryAsked", "ShellEnded", "DeviceRemoved", "Enumerated", "Mounted")


def _is_news(case: Case, event: Line, order: int, job: str) -> bool:
    subject = job.partition("@")[2]
    match event["kind"]:
        case "DeviceChanged":
            device = device_of(event["device"])
            known = case.story.latest(subject, order)
            if subject.startswith(DECLARED):
                return case.story.latest(device.name, order - 1) != device
            near = subject in (device.name, *device.slaves) or (
                known is not None
                and (device.name in known.slaves or _together(case, device, order))
            )
            return near and case.story.latest(device.name, order - 1) != device
        case "JobEnded":
            tells = event["status"] != 0 or bool(event["output"])
            about = case.job(job)
            renews = about is not None and event["job"].partition("@")[0] in about.renew
            return tells or renews or event["job"].startswith("luks-open")
        case "Answered" | "Fetched":
            return bool(event["job"] == job)
    return event["kind"] in NEWS


def _together(case: Case, device: Device, order: int) -> bool:
    """Whether something stands on several devices, this one among them."""
    return any(
        device.name in each.slaves and len(each.slaves) > 1 for each in case.story.known(order)
    )


def a_command_is_stopped_when_its_time_is_over(case: Case) -> Found:
    """A command that takes longer than its job allows is stopped."""
    if _engine_stands_still(case):
        return
    for work in case.story.works:
        limit = case.limit(work)
        orphaned = (gone + ORPHAN for gone in case.story.removals(work))
        due = max([work.start + limit + LATE, *orphaned])
        if limit and _unheeded(case, work, due):
            yield due, f"{work.job} has run for more than {limit:.0f} s, and is not stopped"


def no_process_outlives_its_instance(case: Case) -> Found:
    """A command whose device has gone ends, or is stopped, within a bound."""
    if _engine_stands_still(case):
        return
    for work in case.story.works:
        gone = next(case.story.removals(work), None)
        if gone is not None and _unheeded(case, work, gone + ORPHAN):
            name = work.job.partition("@")[2]
            yield gone + ORPHAN, f"{work.job} is at work {ORPHAN:.0f} s after {name} has gone"


def a_job_runs_after_those_it_names(case: Case) -> Found:
    """docs/jobs.md, `after`: what has to end before a job has run, and does not run any more.

    A job may name several of which one runs, as the drivers of NFS: the others are for other boots.
    """
    ever = {work.job.partition("@")[0] for work in case.story.works}
    last: dict[str, Work] = {}  # its last run; what another engine has run may show without one
    for work in case.story.works:
        job = case.job(work.job)
        named = job.after if job is not None else ()
        for name in [each for each in named if each in ever] or named:
            before = last.get(name)
            busy = before is not None and before.engine == work.engine
            if before is None or (busy and before.over > work.start + SLACK):
                yield work.start, f"{work.job} runs before {name} has ended"
        last[work.job.partition("@")[0]] = work


def _engine_stands_still(case: Case) -> bool:
    """Whether the engine could not do anything for some time."""
    return any(fault.deed is Deed.STOP_ENGINE for fault in case.expected.scenario.faults)


def _unheeded(case: Case, work: Work, due: float) -> bool:
    """Whether a command is at work at that time, and its engine has not wanted it stopped."""
    alive = case.engine_ends(work.engine)
    return min(work.end, alive) > due and (work.stopped is None or work.stopped > due)
