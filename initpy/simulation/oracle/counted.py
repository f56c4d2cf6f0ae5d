"""Invariants of boots that the boot loader counts: none ends beside a user (R25).

That such a boot ends at all if nobody is there is one of `screen`.
"""

from collections.abc import Iterator

from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.parameters import COUNTED_SECONDS, GRACE
from initpy.simulation.oracle.story import FOREVER, Span

RESTART_REQUIRED = 2  # in the exit status of fsck(8)
WRONG_PASSPHRASE = 2  # exit status of cryptsetup(8)
# What a user does, by the event that tells the core of it.
ACTS = ("Answered", "ShellEnded", "KeyPressed", "RetryAsked", "WaitAsked", "KeyGiven")
# After these the boot starts afresh: what was tried counts no more.
AFRESH = ("ShellEnded", "KeyPressed", "RetryAsked")


def a_counted_boot_never_ends_beside_a_user(case: Case) -> Found:
    """No prompt is up, no shell open, no user was refused and none has just done something."""
    wishes = case.expected.wishes
    if not wishes.counted or wishes.end_after is None:
        return
    usual = wishes.end_after == COUNTED_SECONDS
    least = COUNTED_SECONDS if usual else min(wishes.end_after, GRACE)
    for time, order in case.story.ends:
        engine = case.engine_at(order)
        if any(each.checks and (each.status or 0) & RESTART_REQUIRED for each in case.story.works):
            continue
        for each in case.story.prompts:
            if each.engine == engine and each.start <= time < each.end:
                yield time, f"the machine ends while a user is asked: {each.text}"
        for span in shells(case, engine):
            if span.start <= time < span.end:
                yield time, "the machine ends while a shell is open"
        for volume in refused(case, engine, time):
            yield time, f"the machine ends because a passphrase was wrong, for {volume}"
        last = max((at for at, _ in acts(case, engine) if at <= time), default=-FOREVER)
        if time - last < least - SLACK:
            yield time, f"the machine ends {time - last:.1f} s after a user was there"


def acts(case: Case, engine: int) -> Iterator[tuple[float, str]]:
    """When a user has done something, and what."""
    for each in case.entries:
        if each.engine == engine and each.event["kind"] in ACTS:
            yield each.time, each.event["kind"]


def shells(case: Case, engine: int) -> Iterator[Span]:
    """When a shell was open in the time of an engine."""
    opened: float | None = None
    for each in case.entries:
        if each.engine != engine:
            continue
        if each.event["kind"] == "ShellEnded" and opened is not None:
            yield Span(opened, each.time)
            opened = None
        if opened is None and any(action["kind"] == "OpenShell" for action in each.actions):
            opened = each.time
    if opened is not None:
        yield Span(opened, FOREVER)


def refused(case: Case, engine: int, time: float) -> Iterator[str]:
    """Volumes that a user has tried to open in vain since the boot has started afresh."""
    since = max((at for at, kind in acts(case, engine) if kind in AFRESH and at <= time),
                default=-FOREVER)  # fmt: skip
    asked = {each.job for each in case.story.prompts
             if each.engine == engine and each.answered and since <= each.end <= time}  # fmt: skip
    for job in sorted(asked):
        tried = [each for each in case.story.works
                 if each.job == job and each.engine == engine
                 and since <= each.end <= time]  # fmt: skip
        last = tried[-1] if tried else None
        name = job.partition("@")[2]
        if last is None or last.status != WRONG_PASSPHRASE:
            continue
        before, now = (case.story.latest(name, at) for at in (last.order, len(case.entries)))
        key = "ID_FS_TYPE"  # without it the disk has gone, and with it the volume
        if now and (not before or now.properties.get(key) == before.properties.get(key)):
            yield name
