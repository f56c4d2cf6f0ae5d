"""Boots each contender under adverse conditions, on the same disks, and reports the outcomes."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from initpy.config.project import PROJECT
from initpy.lab.benchmark import Clock
from initpy.lab.contenders import Contender
from initpy.lab.courses import Course, can_boot, scenario_for
from initpy.lab.peers import Peer
from initpy.lab.prepare import Bench
from initpy.lab.run import Manner, run_scenario
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.verdict import Verdict

# The prompts of the emergency shells of initramfs-tools and of dracut with systemd.
_SHELL = re.compile(r"^\(initramfs\) |Press Enter for maintenance|You are in emergency mode", re.M)
# The expectations about arrays that apply to every contender.
_ARRAYS = re.compile(r"(md|array)\.[^.]+\.(degraded|disks)")
# Seconds that a boot may still take after its shell has appeared.
SHELL_PATIENCE = 60.0
_LESS = re.compile(r"\.degraded: .*expected '0'")


def _course(file: str, title: str) -> Course:
    return Course(file, title, PROJECT / "tests" / "scenarios" / f"{file}.toml")


ADVERSE = (
    _course("lvm-on-luks-typed-late", "LVM on LUKS, typed 60 s late, rd.timeout=15"),
    _course("raid1-member-missing", "LVM on LUKS on RAID1 without a member, typed 25 s late"),
    _course("raid1-nested-two-missing", "RAID1 of a RAID1 and a disk, a disk of each missing"),
    _course("lvm-raid1-member-missing", "raid1 logical volume, one of its disks missing"),
    _course("root-after-failure", "the root disk comes 45 s late, rd.timeout=5"),
)


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of one contender in one adverse boot."""

    course: str
    contender: str
    outcome: str  # for display
    well: bool  # it booted, and the arrays are in the expected state
    guest: float | None  # seconds from /init to the real init's first line
    wall: float
    remarks: tuple[str, ...] = ()


def trials(
    contenders: Sequence[Contender], courses: Sequence[Course], bench: Bench, time: Clock
) -> Iterator[Trial]:
    """Boot every course once with every contender that supports layers, one at a time."""
    for course in courses:
        scenario = load_scenario(course.file)
        for contender in contenders:
            if contender.built is not None and can_boot(contender.peer, scenario):
                its_bench = Bench(bench.kernel, contender.built.image, time.accelerator)
                adapted = adverse_scenario(scenario, contender.peer, time)
                yield _trial(course, contender, adapted, its_bench)


def adverse_scenario(scenario: Scenario, peer: Peer | None, time: Clock) -> Scenario:
    """Return the scenario for a contender; the user's reaction times are those of the file.

    A peer may ask for each volume in turn: the user answers as often.
    """
    given = scenario_for(scenario, peer, thinking=None)
    volumes = sum(layer.kind.startswith("luks") for layer in scenario.layers)
    kept = tuple(
        (key, wanted)
        for key, wanted in scenario.expect.facts
        if key == "root.fstype" or _ARRAYS.fullmatch(key)
    )
    return replace(
        given,
        cmdline=f"{given.cmdline} {time.parameters}".rstrip(),
        people=given.people if peer is None else given.people * max(1, volumes),
        expect=replace(given.expect, within=scenario.expect.within, facts=kept),
    )


def _trial(course: Course, contender: Contender, scenario: Scenario, bench: Bench) -> Trial:
    console = bytearray()
    ended = threading.Event()
    # The boot may continue beside the shell when a missing device appears.
    patience = threading.Timer(SHELL_PATIENCE, ended.set)

    def show(heard: bytes) -> None:
        console.extend(heard)
        text = console.decode(errors="replace").replace("\r", "")
        if patience.ident is None and _SHELL.search(text):
            patience.start()

    verdict = run_scenario(scenario, bench, Manner(show=show, cancelled=ended))
    patience.cancel()
    # Input that no prompt asked for is no failure here.
    remarks = tuple(each for each in verdict.reasons if not each.startswith("not done: "))
    outcome = outcome_in_words(verdict, shell=ended.is_set())
    well = verdict.guest is not None and not remarks
    return Trial(
        course.key,
        contender.name,
        outcome,
        well,
        verdict.guest,
        verdict.wall,
        () if well else remarks,
    )


def outcome_in_words(verdict: Verdict, *, shell: bool) -> str:
    """Return the outcome of a boot as text for the table."""
    if verdict.guest is not None:
        degraded = any(_LESS.search(each) for each in verdict.reasons)
        return f"booted, {verdict.guest:.1f} s" + (", array degraded" if degraded else "")
    if shell:
        return f"gave up: a shell, after {verdict.wall:.0f} s"
    return f"{verdict.outcome.value} in {verdict.wall:.0f} s"
