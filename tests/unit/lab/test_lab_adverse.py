"""Adverse boots: the scenario of each contender, and the text for each outcome."""

import pytest

from initpy.config.project import PROJECT
from initpy.lab.adverse import ADVERSE, adverse_scenario, outcome_in_words
from initpy.lab.benchmark import clock
from initpy.lab.courses import Course
from initpy.lab.peers import DRACUT, INITRAMFS_TOOLS
from initpy.lab.qemu import EMULATED
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.verdict import Verdict

TIME = clock(EMULATED, steady=False)


def scenario_named(name: str) -> Scenario:
    return load_scenario(PROJECT / "tests" / "scenarios" / f"{name}.toml")


@pytest.mark.parametrize("course", ADVERSE, ids=lambda course: course.key)
def test_the_delay_of_the_user_is_the_same_for_each_contender(course: Course) -> None:
    scenario = load_scenario(course.file)
    meant = [person.cue.after for person in scenario.people]

    ours, theirs = adverse_scenario(scenario, None, TIME), adverse_scenario(scenario, DRACUT, TIME)

    assert [person.cue.after for person in ours.people] == meant
    assert {person.cue.after for person in theirs.people} == set(meant)


def test_each_prompt_for_a_volume_gets_an_answer() -> None:
    scenario = adverse_scenario(scenario_named("raid1-over-luks"), INITRAMFS_TOOLS, TIME)

    assert len(scenario.people) == 2
    [(_, crypttab)] = scenario.files
    assert crypttab.count("UUID=3b1f4c52") == 2


def test_arrays_are_judged_for_each_contender() -> None:
    kept = dict(adverse_scenario(scenario_named("raid1-member-late"), DRACUT, TIME).expect.facts)

    assert kept["md.md127.degraded"].fullmatch("0")
    assert "leftover" not in kept


def verdict(outcome: Outcome, guest: float | None = None, *reasons: str) -> Verdict:
    return Verdict("name", outcome, reasons, wall=31.4, guest=guest)


def test_outcomes_in_words() -> None:
    booted = verdict(Outcome.BOOTED, 7.31)
    degraded = verdict(Outcome.BOOTED, 7.31, "fact md.md127.degraded: '1', expected '0'")

    assert outcome_in_words(booted, shell=False) == "booted, 7.3 s"
    assert outcome_in_words(degraded, shell=False) == "booted, 7.3 s, array degraded"
    assert outcome_in_words(verdict(Outcome.SHELL), shell=True) == "gave up: a shell, after 31 s"
    assert outcome_in_words(verdict(Outcome.NOTHING), shell=False) == "nothing in 31 s"
