"""Judge a boot from what was seen of it: pure, texts in, verdict out."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from initpy.scenario.model import Expectation, Outcome
from initpy.scenario.saying import heard

REAL_INIT = "INITPY-LAB real init started"
_DONE = "INITPY-LAB done"
_HALTED = "reboot: System halted"  # the kernel's last line (kernel/reboot.c)
_PANIC = "Kernel panic - not syncing"
_FAILURE = "the root device has not turned up"
_SHELL = re.compile(r"^\(initramfs\) # ", re.MULTILINE)
_STAMP = r"^.*?\[ *(\d+\.\d+)\] "
_INIT_STAMP = re.compile(_STAMP + r"Run /\S+ as init process", re.MULTILINE)
_REAL_STAMP = re.compile(_STAMP + re.escape(REAL_INIT), re.MULTILINE)
# Processes of the initramfs; the kernel's own threads have other names.
_PROGRAM = re.compile(
    r"init|udev|\(udev|lvm|vgchange|pvscan|mdadm|mdmon|cryptsetup|dmsetup|mount|modprobe"
)
_FACT = re.compile(r"INITPY-LAB fact ([^=\s]+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything seen of one boot."""

    text: str  # the console
    channel: str = ""  # the lab's own serial port
    ended: str | None = None  # why the machine ended, in QEMU's words; None: it still runs
    undone: tuple[str, ...] = ()  # what people and faults were still to do
    written: tuple[str, ...] = ()  # disks whose content is not what it was at power-on
    second: str = ""  # the second console


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a scenario; it holds if there is no reason against it."""

    name: str
    outcome: Outcome
    reasons: tuple[str, ...]
    wall: float
    guest: float | None = None  # seconds from /init to the real init's first line
    facts: Mapping[str, str] = field(default_factory=dict)
    journal: tuple[dict[str, Any], ...] = ()
    logs: Path | None = None
    tail: str = ""
    stalled: bool = False  # the machine as a whole stood still or crashed: nothing was shown

    @property
    def holds(self) -> bool:
        """Whether every expectation was met."""
        return not self.reasons


def outcome_of(seen: Observation) -> Outcome:
    """How the boot ended, or what it has come to so far."""
    if _PANIC in seen.text:
        return Outcome.PANICKED
    if REAL_INIT in seen.text and (_DONE in seen.text or _DONE in seen.channel):
        return Outcome.BOOTED
    if _HALTED in seen.text:
        return Outcome.HALTED
    if seen.ended is not None:
        by_reason = {"guest-reset": Outcome.REBOOTED, "guest-shutdown": Outcome.POWEROFF}
        return by_reason.get(seen.ended, Outcome.NOTHING)
    if _SHELL.search(seen.text):
        return Outcome.SHELL
    return Outcome.FAILED if _FAILURE in seen.text else Outcome.NOTHING


def reached(expect: Expectation, seen: Observation) -> bool:
    """Whether a machine that still runs has come to what was expected, texts included."""
    outcome = outcome_of(seen)
    # The failure screen stays true when a shell opens below it.
    at_failure = expect.outcome is Outcome.FAILED and _FAILURE in seen.text
    right = outcome is expect.outcome or (at_failure and outcome is Outcome.SHELL)
    return right and not seen.undone and not _lacks(expect, seen)


def reasons_against(expect: Expectation, seen: Observation) -> tuple[str, ...]:
    """Every expectation that was not met, in words."""
    reasons: list[str] = []
    outcome = outcome_of(seen)
    at_failure = expect.outcome is Outcome.FAILED and _FAILURE in seen.text
    if outcome is not expect.outcome and not (at_failure and outcome is Outcome.SHELL):
        ended = f" (QEMU: {seen.ended})" if seen.ended else ""
        if outcome is Outcome.NOTHING and not ended:
            ended = " within the time: no real init, no failure screen, no end"
        reasons.append(f"outcome: {outcome.value}{ended}, expected {expect.outcome.value}")
    reasons += [f"not done: {each}" for each in seen.undone]
    if absent := _lacks(expect, seen):
        reasons.append(f"the console never said, in this order: {absent}")
    for pattern in expect.never:
        match = pattern.search(seen.text) or pattern.search(seen.second)
        if match:
            reasons.append(f"the console said {match[0]!r}, which it never must")
    written = [name for name in expect.unchanged if name in seen.written]
    reasons += [f"disk {name} was written to, which it never must" for name in written]
    facts = facts_of(seen)
    for key, wanted in expect.facts:
        value = facts.get(key)
        if value is None:
            reasons.append(f"fact {key}: not reported, expected {wanted.pattern!r}")
        elif not wanted.fullmatch(value):
            reasons.append(f"fact {key}: {value!r}, expected {wanted.pattern!r}")
    return tuple(reasons)


def leaks(secrets: tuple[str, ...], seen: Observation) -> tuple[str, ...]:
    """Where a passphrase or key has become readable (R14)."""
    places = {"console": seen.text + seen.second, "journal or the facts": seen.channel}
    return tuple(
        f"a secret ({secret[:3]}…) is in the {place}"
        for secret in secrets
        for place, text in places.items()
        if secret in text
    )


def _lacks(expect: Expectation, seen: Observation) -> str:
    """The first text that is expected of a console and that it has not said; "" for none."""
    return _unsaid(expect.console, seen.text) or _unsaid(expect.second, seen.second)


def _unsaid(expected: tuple[re.Pattern[str], ...], text: str) -> str:
    """The first expected text that does not follow the one before it; "" if all are there."""
    position = 0
    for pattern in expected:
        end = heard(pattern, text, position)
        if end is None:
            return pattern.pattern
        position = end
    return ""


def facts_of(seen: Observation) -> dict[str, str]:
    """What the real init reported; the last word counts."""
    plain = seen.channel.replace("\r", "")
    return {key: value.strip() for key, value in _FACT.findall(f"{seen.text}\n{plain}")}


def journal_of(seen: Observation) -> tuple[dict[str, Any], ...]:
    """The boot's journal as the real init passed it on; broken lines are left out."""
    records = []
    for line in seen.channel.splitlines():
        if line.startswith("{"):
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue
            records.append(record)
    return tuple(records)


def guest_seconds(text: str) -> float | None:
    """Guest time from the kernel's start of /init to the real init's first line."""
    begin, end = _INIT_STAMP.search(text), _REAL_STAMP.search(text)
    return float(end[1]) - float(begin[1]) if begin and end else None


def tail_of(text: str, lines: int = 40) -> str:
    """The last lines of the console; after a panic the lines before it, not the kernel's trace."""
    before, panic, after = text.partition(_PANIC)
    kept = before + panic + after.partition("\n")[0]
    return "\n".join(kept.splitlines()[-lines:])


def stuck_tasks(answer: str, lines: int = 16) -> str:
    """Of the kernel's answer to sysrq-t, where the programs of the boot stand (not its threads)."""
    kept = []
    for task in re.split(r"^.*\btask:", answer, flags=re.MULTILINE)[1:]:
        head, *trace = task.splitlines()
        if _PROGRAM.match(head):
            kept += [f"task {head}", *(line for line in trace if "+0x" in line)][:lines]
    return "\n".join(kept)
