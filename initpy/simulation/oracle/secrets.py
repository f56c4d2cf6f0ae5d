"""Invariants of secrets: readable nowhere, and wiped when they are of no more use (R14)."""

import json
from collections.abc import Iterator

from initpy.simulation.machine.record import Held
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.story import FOREVER

WRONG_PASSPHRASE = 2  # EXIT CODES in cryptsetup(8)
LEFT_SECONDS = 45.0  # until a command that never ends is left behind
GONE_SECONDS = 1.0  # after the volume has gone, and the command that had the secret has ended
# Lines of the journal in which a secret could turn up; devices have none.
READABLE = ("Run", "Report", "Record", "Ask", "ShowFailure", "JobEnded", "Answered", "Fetched")


def no_secret_is_readable(case: Case) -> Found:
    """R14: passphrases and keys are in no command line, report, record or journal."""
    secrets = case.expected.scenario.secrets
    if not secrets:
        return
    for entry in case.entries:
        for line in (*entry.actions, entry.event):
            if line["kind"] in READABLE:
                text = json.dumps(line, default=str)
                if any(secret in text for secret in secrets):
                    yield entry.time, f"a secret is in {line['kind']}"


def every_secret_is_wiped(case: Case) -> Found:
    """R14: when it was refused, when its volume has gone, and at the handover."""
    for held in case.secrets:
        for due, when in _dues(case, held):
            if due <= case.engine_ends(held.engine) and (held.wiped is None or held.wiped > due):
                yield due, f"the secret of {_whose(held)} is not wiped {when}"


def _whose(held: Held) -> str:
    return held.job or next((job for job, _ in held.runs), "a request")


def _dues(case: Case, held: Held) -> Iterator[tuple[float, str]]:
    """When a secret has to be wiped at the latest, and why then."""
    for time, order in case.story.handovers:
        if case.engine_at(order) == held.engine and held.time <= time:
            yield time, "at the handover"
    works = [work for work in case.story.works if work.engine == held.engine
             and (work.job, work.run) in held.runs]  # fmt: skip
    refused = [work.end for work in works if work.status == WRONG_PASSPHRASE]
    if refused:
        yield max(refused) + SLACK, "although it was refused"
    fits = any(work.worked for work in works)
    if fits and held.kind == "Fetched":
        yield max(work.end for work in works) + SLACK, "although the volume is open"
    if not fits and (gone := _gone(case, held)) is not None:
        ends = [gone + LEFT_SECONDS if work.end == FOREVER else work.end for work in works]
        yield max(gone, *ends, gone) + GONE_SECONDS, "although its volume has gone"


def _gone(case: Case, held: Held) -> float | None:
    """When the volume went for which the secret was given."""
    name = _whose(held).partition("@")[2]
    for time, _, device in case.story.devices.get(name, ()):
        if device is None and time > held.time:
            return time
    return None
