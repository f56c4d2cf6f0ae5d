"""Whether two boots took the same course: a real one and the simulated one of the same scenario.

Both worlds run the same core; what is compared is whether the simulated world led it to the same
decisions as the real one. A *decision* is a command or mount with how it ended, a key that was
read, a prompt, a start without missing parts, the failure screen, a shell, the handover, on the
device that it was about. Devices are known by what they are (the disk of that serial number, the
mapping on it), not by the kernel's names, which depend on the moment.

Only an order that means something is compared: that of decisions about the same device, or about
one that stands on the other, and that of what concerns the boot as a whole. What two disks do
beside each other has none. Neither has what only bridges time: see `PASSING` in course.py.

When the drivers have found the disks is the machine's doing, not a decision: the simulated boot
gets its disks when the real one got them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from initpy.scenario.model import Outcome, Scenario
from initpy.simulation.journal.course import (
    SERIALS,
    Course,
    Decision,
    Record,
    course,
)
from initpy.simulation.machine.run import simulate

# How often these come is a matter of pace: what a job that asks a server comes to if that says no,
# or is asked again and again; another path to a disk, for which root does not wait.
ONCE = (
    "multipath-path done",
    "mount-export failed",
    "iscsi-login failed",
    "nbd-connect failed",
    "nbd-login failed",  # a job of users, as scenarios have it
    "iscsi-discovery failed",
    "nvme-connect failed",
    "nvme-discovery failed",
    "nvme-discovery done",
)


def compare(scenario: Scenario, outcome: Outcome, journal: Sequence[Record]) -> tuple[str, ...]:
    """Simulate what has been booted; how that boot's outcome and course differ, in words.

    `journal`: what the boot has left; without one only the outcome is compared.
    """
    simulated = simulate(scenario, shown=pace(scenario, journal))
    found = []
    if _end(simulated.outcome) is not _end(outcome):
        found.append(f"outcome: {outcome.value}, simulated {simulated.outcome.value}")
    if journal:
        copies = {each.name: each.copy_of for each in scenario.disks if each.copy_of}
        real = course(journal, copies)
        if outcome is Outcome.BOOTED and not any(each["kind"] == "HandOver" for each in journal):
            real = replace(real, whole=False)  # /run was full to the end: no line says so
        found += disagreements(real, course(simulated.last_journal(), copies))
    return tuple(found)


def pace(scenario: Scenario, journal: Sequence[Record]) -> dict[str, float]:
    """How many seconds after the engine's start it was told of each disk first.

    Only disks that are present from the start: the others are plugged in when the scenario says.
    """
    starts = [each["t"] for each in journal if each["kind"] == "EngineStarted"]
    names = {each.name for each in scenario.disks if each.present and not each.path_of}
    shown: dict[str, float] = {}
    for record in journal if starts else ():
        match record["kind"]:
            case "DeviceChanged":
                devices = [record["device"]]
            case "Enumerated":
                devices = record["devices"]
            case _:
                continue
        for known in (each["properties"] for each in devices):
            if known.get("DEVTYPE") == "disk":
                for serial in names & {known.get(each) for each in SERIALS}:
                    shown.setdefault(serial, record["t"] - starts[0])
    return shown


def _end(outcome: Outcome) -> Outcome:
    """The shell opens below the failure screen; which of them was seen last is chance."""
    return Outcome.FAILED if outcome is Outcome.SHELL else outcome


def disagreements(real: Course, simulated: Course) -> tuple[str, ...]:
    """Where the courses differ, in words; () when they agree."""
    mine, its = _counted_once(real.decisions), _counted_once(simulated.decisions)
    if max(real.engines, simulated.engines) > 1:
        # A killed engine leaves to the next what it cannot see to be done: how often is chance.
        # And a tool refuses what is done already.
        mine, its = (
            tuple(each for each in dict.fromkeys(course) if not _of_a_tool(each))
            for course in (mine, its)
        )
    ours, theirs = Counter(mine), Counter(its)
    found = [
        f"only in the real boot: {_times(each, ours - theirs)}"
        for each in ours - theirs
        if not simulated.may_have(each)
    ]
    found += [
        f"only simulated: {_times(each, theirs - ours)}"
        for each in theirs - ours
        if real.whole and not real.may_have(each)
    ]
    places = _numbered(its)
    both = [each for each in _numbered(mine) if each in places]
    for number, one in enumerate(both):
        for other in both[number + 1 :]:
            if places[one] > places[other] and real.related(one[0], other[0]):
                found.append(f"{one[0]} before {other[0]}; simulated the other way round")
    return tuple(found)


def _times(decision: Decision, counted: Counter[Decision]) -> str:
    count = counted[decision]
    return f"{decision}" + (f" ({count} times)" if count > 1 else "")


def _numbered(decisions: Sequence[Decision]) -> dict[tuple[Decision, int], int]:
    """Each decision with the number of those like it before, and its place."""
    seen: Counter[Decision] = Counter()
    found = {}
    for place, each in enumerate(decisions):
        found[each, seen[each]] = place
        seen[each] += 1
    return found


def _counted_once(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The same with one of those whose number is a matter of pace, for each server or disk."""
    seen, kept = set[Decision](), []
    for each in decisions:
        if each not in seen:
            kept.append(each)
        if each.what in ONCE:
            seen.add(each)
    return tuple(kept)


def _of_a_tool(decision: Decision) -> bool:
    """Whether a tool has failed, on whatever device."""
    return decision.what == f"{decision.subject} failed"
