"""Invariants of how a boot ends: root is mounted if it can be, else the user is told why (R23)."""

from collections.abc import Iterator

from initpy.scenario.model import Outcome
from initpy.simulation.oracle import bounds
from initpy.simulation.oracle.asking import given_up
from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.oracle.certainty import reach
from initpy.simulation.oracle.story import Line
from initpy.simulation.oracle.sure import Sure


def a_reachable_root_is_mounted(case: Case) -> Found:
    """If root can be reached in this world, it is mounted and handed over to."""
    if reach(case) is Sure.YES and case.outcome is not Outcome.BOOTED:
        yield case.ended, f"root can be reached; outcome {case.outcome.value}"


def a_reachable_root_is_mounted_in_time(case: Case) -> Found:
    """... and the boot does not stand idle for longer than its timers make it."""
    if case.outcome is Outcome.BOOTED and reach(case) is Sure.YES:
        idle, allowed = bounds.idle(case), bounds.allowed(case)
        if idle > allowed:
            yield case.ended, f"{idle:.1f} s idle, {allowed:.1f} s allowed"


def an_unreachable_root_is_not_mounted(case: Case) -> Found:
    """If root cannot be reached, the boot does not end as if it could (a check of the oracle)."""
    if case.outcome is Outcome.BOOTED and reach(case) is Sure.NO:
        yield case.ended, "root cannot be reached, and was mounted"


def an_unreachable_root_fails_in_time(case: Case) -> Found:
    """If root cannot be reached the failure screen comes, unless the user is still asked."""
    if reach(case) is Sure.NO and (late := bounds.failure_late(case)) is not None:
        yield late, "root cannot be reached, and there is no failure screen"


def a_failure_tells_why(case: Case) -> Found:
    """R23: the failure screen names what keeps root from coming."""
    if reach(case) is not Sure.NO:
        return
    for time, order, failure in list(given_up(case))[-1:]:
        # Of many stacks the tree shows the most telling ones; what to do names the others.
        text = "\n".join((failure.reason, *_texts(failure.tree), *failure.advice))
        for words in bounds.reasons(case, order):
            if not any(each in text for each in words):
                yield time, f"the failure screen says nothing of {' or '.join(words)}"


def _texts(node: Line) -> Iterator[str]:
    yield f"{node['label']}: {node['state']} {node['reason']} {' '.join(node['held'])}"
    for child in node["children"]:
        yield from _texts(child)
