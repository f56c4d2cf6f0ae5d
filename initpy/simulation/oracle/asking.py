"""Invariants of prompts, requests and the wait for root (R1, R6, R10, R12, R24)."""

from collections.abc import Iterator

from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.parameters import GRACE
from initpy.simulation.oracle.story import Failure, Prompt, Span, Work, total
from initpy.simulation.oracle.unready import CHECK_SECONDS, unsure_prompts

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)


def no_prompt_for_an_unwanted_volume(case: Case) -> Found:
    """R1: where volumes are named, no others are asked for, nor opened."""
    volumes = {layer.on[0]: layer for layer in case.expected.scenario.layers
               if layer.kind in ("luks1", "luks2")}  # fmt: skip
    for each, locked in case.touched():
        if isinstance(each, Prompt) and not each.for_a_volume:
            continue
        layer = volumes.get(locked)
        if layer is not None and not case.expected.wanted_volume(layer):
            yield each.start, f"{layer.name} is touched although other volumes are named"


def no_prompt_once_root_is_there(case: Case) -> Found:
    """R1: when root is mounted only named volumes are still asked for."""
    mounted = case.mounted
    if mounted is None or case.expected.wishes.volumes:
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


def never_failed_while_a_user_types(case: Case) -> Found:
    """R6: the failure screen does not come while a volume is asked for or opened."""
    for time, order, failure in () if unsure_prompts(case) else given_up(case):
        engine = case.engine_at(order)
        for span in case.user_spans(engine=engine):
            if span.start < time < span.end:
                yield time, f"{failure.reason}, while a volume is asked for or opened"


def never_failed_before_the_time(case: Case) -> Found:
    """R6: root is waited for as long as was asked, not counting holds; then 10 s after each."""
    wishes = case.expected.wishes
    for time, order, failure in () if unsure_prompts(case) else given_up(case):
        engine = case.engine_at(order)
        begun = case.story.engines[engine]
        unheld = case.unheld("", Span(begun, time))
        if wishes.root_wait is None or unheld < wishes.root_wait - SLACK:
            yield time, f"{failure.reason} after {unheld:.1f} s of {wishes.root_wait} s"
        spans = case.user_spans(engine=engine)
        # What comes at the same time comes after it.
        ends = [span.end for span in spans if span.start < time and span.end <= time]
        if ends and time - max(ends) < GRACE - SLACK:
            yield time, f"{failure.reason}, {time - max(ends):.1f} s after the last hold"


def given_up(case: Case) -> Iterator[tuple[float, int, Failure]]:
    """The first failure screen of each engine, if no user has asked for anything before.

    That root holds nothing to hand over to, or is not named at all, no waiting would change.
    """
    seen = set()
    asked = any(entry.event["kind"] in ("RetryAsked", "ShellEnded") for entry in case.entries)
    for time, order, failure in case.story.failures:
        engine = case.engine_at(order)
        final = case.entries[order].event["kind"] in ("HandOverRefused", "BootStarted")
        if engine not in seen and not final and not asked:
            yield time, order, failure
        seen.add(engine)


# A user who asks for something gets an answer: so long after the last attempt that may serve it.
ANSWER_SECONDS = 20.0


def every_request_is_answered(case: Case) -> Found:
    """R24: what a user asks for in the shell is answered, however the attempt ends.

    An attempt waits for the drivers of encrypted volumes, which are loaded within a limit, too.
    """
    drivers = [Span(each.start, each.over) for each in case.story.works
               if each.words[0] == "modprobe" and each.job.startswith("luks-")]  # fmt: skip
    for request in case.story.requests:
        alive = case.engine_ends(request.engine)
        end = alive if request.answered is None else request.answered
        span = Span(request.start, end)
        unlocks = [Span(each.start, each.over) for each, _ in case.unlocks()]
        patience = ANSWER_SECONDS + (CHECK_SECONDS if case.expected.silent_disks else 0.0)
        if end - request.start - total((*unlocks, *drivers), span) > patience:
            yield end, f"{request.kind} of {request.start:.1f} s is not answered"


# An attempt without a user takes seconds; a longer one keeps no prompt away.
ATTEMPT_SECONDS = 30.0


def no_attempt_keeps_the_prompt_away(case: Case) -> Found:
    """R10: a key that hangs, is absent or refuses does not keep users from typing."""
    for work, locked in case.unlocks():
        due = _undisturbed(case, work.start + ATTEMPT_SECONDS)
        if min(work.over, case.engine_ends(work.engine)) <= due or _typed(case, work):
            continue
        volume = next(
            (each for each in case.expected.wishes.volumes if each.name in work.words), None
        )
        if volume is not None and (volume.headless or volume.odd):
            continue
        up = any(
            each.start <= due < each.end or (each.job == work.job and work.start <= each.end <= due)
            for each in case.story.prompts
        )
        wrong = sum(
            other.status == WRONG_PASSPHRASE and other.job == work.job and other.order < work.order
            for other in case.story.works
        )
        if not up and wrong < (volume.tries if volume is not None else 3):
            yield due, f"{work.job} ({locked}) is at work, and the user cannot type a passphrase"


def _undisturbed(case: Case, due: float) -> float:
    """When users can type at that time, or next: what was typed for one volume is tried first.

    It may open the others (R12); if it takes long, it keeps their prompts away no longer.
    """
    for work, _ in case.unlocks():
        if work.start <= due < min(work.end, work.start + ATTEMPT_SECONDS) and _typed(case, work):
            due = min(work.end, work.start + ATTEMPT_SECONDS)
    return due


def _typed(case: Case, work: Work) -> bool:
    """Whether a command was given what a user has typed for the volume, now or once before."""
    before = [each for each in case.story.works if each.job == work.job and each.order < work.order
              and each.engine == work.engine]  # fmt: skip
    first = before[-1].order if before else 0
    for entry in case.entries[first : work.order + 1]:
        kind = entry.event["kind"]
        if kind == "KeyGiven" or (kind == "Answered" and entry.event["job"] == work.job):
            return True
    again = bool(before) and before[-1].status != WRONG_PASSPHRASE
    return again and _typed(case, before[-1])
