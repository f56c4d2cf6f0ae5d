"""Invariants of prompts, secrets and the wait for root (R1, R6, R12, R14)."""

import json
from collections.abc import Iterator

from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.parameters import GRACE
from initpy.simulation.oracle.story import Failure, Prompt, Span

# Lines of the journal in which a secret could turn up; devices have none.
READABLE = ("Run", "Report", "Record", "Ask", "ShowFailure", "JobEnded", "Answered", "Fetched")


def no_prompt_for_what_nobody_wants(case: Case) -> Found:
    """R1: where volumes are named, no others are asked for, nor opened."""
    volumes = {layer.on[0]: layer for layer in case.truth.scenario.layers
               if layer.kind in ("luks1", "luks2")}  # fmt: skip
    for each, locked in case.touched():
        if isinstance(each, Prompt) and not each.for_a_volume:
            continue
        layer = volumes.get(locked)
        if layer is not None and not case.truth.wanted_volume(layer):
            yield each.start, f"{layer.name} is touched although other volumes are named"


def no_prompt_once_root_is_there(case: Case) -> Found:
    """R1: when root is mounted only named volumes are still asked for."""
    mounted = case.mounted
    if mounted is None or case.truth.wishes.volumes:
        return
    for prompt, _ in case.questions():
        if prompt.start > mounted[0] + SLACK:
            yield prompt.start, f"asked for {prompt.job} after root was mounted"


def one_prompt_at_a_time(case: Case) -> Found:
    """R12: a prompt comes when the one before is answered or withdrawn."""
    up = ""
    engine = 0
    for entry in case.entries:
        if entry.engine != engine or entry.event["kind"] == "Answered":
            engine, up = entry.engine, ""
        for action in entry.actions:
            if action["kind"] == "Ask":
                if up:
                    yield entry.time, f"{action['job']} asks while {up} does"
                up = action["job"]
            elif action["kind"] == "Withdraw":
                up = ""


def no_secret_is_readable(case: Case) -> Found:
    """R14: passphrases and keys are in no command line, report, record or journal."""
    secrets = case.truth.scenario.secrets
    if not secrets:
        return
    for entry in case.entries:
        for line in (*entry.actions, entry.event):
            if line["kind"] in READABLE:
                text = json.dumps(line, default=str)
                if any(secret in text for secret in secrets):
                    yield entry.time, f"a secret is in {line['kind']}"


def never_failed_while_somebody_types(case: Case) -> Found:
    """R6: the failure screen does not come while a volume is asked for or opened."""
    for time, order, failure in given_up(case):
        engine = case.engine_at(order)
        for span in case.people_spans(engine=engine):
            if span.start < time < span.end:
                yield time, f"{failure.reason}, while a volume is asked for or opened"


def never_failed_before_the_time(case: Case) -> Found:
    """R6: root is waited for as long as was asked, not counting holds; then 10 s after each."""
    wishes = case.truth.wishes
    for time, order, failure in given_up(case):
        engine = case.engine_at(order)
        begun = case.story.engines[engine]
        unheld = case.unheld("", Span(begun, time))
        if wishes.root_wait is None or unheld < wishes.root_wait - SLACK:
            yield time, f"{failure.reason} after {unheld:.1f} s of {wishes.root_wait} s"
        spans = case.people_spans(engine=engine)
        # What comes at the same time comes after it.
        ends = [span.end for span in spans if span.start < time and span.end <= time]
        if ends and time - max(ends) < GRACE - SLACK:
            yield time, f"{failure.reason}, {time - max(ends):.1f} s after the last hold"


def given_up(case: Case) -> Iterator[tuple[float, int, Failure]]:
    """The first failure screen of each engine, if it is for want of the root device."""
    seen = set()
    asked = any(entry.event["kind"] in ("RetryAsked", "ShellEnded") for entry in case.entries)
    for time, order, failure in case.story.failures:
        engine = case.engine_at(order)
        if engine not in seen and "turned up" in failure.reason and not asked:
            yield time, order, failure
        seen.add(engine)
