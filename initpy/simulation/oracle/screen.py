"""Invariants of what users see: something in time, and the end they have asked for (R23, R25)."""

from initpy.scenario.acts import Deed
from initpy.simulation.oracle import counted
from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.oracle.parameters import GRACE
from initpy.simulation.oracle.story import Span, total

NOTICE_SECONDS = 10.0  # so often a boot that waits says so
LATE = 5.0  # of a screen: devices that it is about are looked at first


def something_is_on_the_screen_in_time(case: Case) -> Found:
    """By root's deadline there is a prompt, a notice or a failure screen, whatever hangs."""
    wait = case.expected.wishes.root_wait
    if wait is None or any(each.deed is Deed.STOP_ENGINE for each in case.expected.scenario.faults):
        return
    for engine, begun in enumerate(case.story.engines):
        due = begun + max(wait, NOTICE_SECONDS) + LATE
        if case.engine_ends(engine) <= due:
            continue
        prompts = (each.start for each in case.story.prompts)
        shown = (*prompts, *case.story.notices, *case.screens, *case.story.shells)
        if not any(begun <= time <= due for time in shown):
            yield due, f"nothing is on the screen {due - begun:.0f} s after the engine's start"


def a_failure_screen_that_is_due_is_shown(case: Case) -> Found:
    """What the screen is about is looked at in vain, perhaps; the screen comes all the same."""
    for time, order, failure in case.story.failures:
        due = time + LATE
        if case.engine_ends(case.engine_at(order)) > due and not any(
            time <= each <= due for each in case.screens
        ):
            yield due, f"the failure screen is not shown: {failure.reason}"


def _typed_ahead(case: Case, engine: int) -> list[Span]:
    """When what a user had typed had to wait for a job, say for one that loads a module."""
    answered = {each.job for each in case.story.prompts if each.answered and each.engine == engine}
    jobs = [job for each in answered if (job := case.job(each)) is not None]
    names = {name for job in jobs for name in job.after}
    return [Span(each.start, each.over) for each in case.story.works if each.job in names]


def _user_was_there(case: Case, engine: int) -> bool:
    """Whether a user has kept a counted boot from its end: by a key, or with wrong passphrases."""
    acts = {kind for _, kind in counted.acts(case, engine)}
    return bool(acts - {"Answered"}) or any(counted.refused(case, engine, case.ended))


def a_failed_boot_ends_in_time(case: Case) -> Found:
    """R25: panic= and rd.emergency= count from the first failure screen.

    Users, and a check of a root that has come after all, have their time.
    """
    wishes = case.expected.wishes
    delay = wishes.end_after
    if delay is None:
        return
    grace = max(GRACE, delay) if wishes.counted else GRACE
    for engine, _ in enumerate(case.story.engines):
        failures = (time for time, order, _ in case.story.failures
                    if case.engine_at(order) == engine)  # fmt: skip
        failed = next(failures, None)
        if failed is None or any(each.engine == engine for each in case.story.requests):
            continue
        if wishes.counted and _user_was_there(case, engine):
            continue
        ends = (time for time, order in case.story.ends if case.engine_at(order) == engine)
        end = next(ends, case.engine_ends(engine))
        span = Span(failed, end)
        checks = [Span(each.start, each.over) for each in case.story.works if each.checks]
        waits = _typed_ahead(case, engine)
        held = total((*case.user_spans(engine=engine), *checks, *waits), span)
        began = [each.start for each, _ in case.touched()] + [each.start for each in checks]
        holds = sum(failed < each < end for each in began)
        if end - failed - held > delay + grace * (1 + holds):
            yield end, f"failed at {failed:.1f} s, and still here {end - failed:.0f} s later"
