"""Judges a boot by its console and channel; pure functions, texts in, verdict out."""

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
# Names of processes in the initramfs; kernel threads have other names.
_PROGRAM = re.compile(
    r"init|udev|\(udev|lvm|vgchange|pvscan|mdadm|mdmon|cryptsetup|dmsetup|mount|modprobe"
)
_FACT = re.compile(r"INITPY-LAB fact ([^=\s]+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Observation:
    """The observations of one boot."""

    text: str  # the console
    channel: str = ""  # the lab's serial port
    ended: str | None = None  # why the machine ended, in QEMU's terms; None: it still runs
    undone: tuple[str, ...] = ()  # remaining acts of persons and faults
    written: tuple[str, ...] = ()  # disks whose content has changed since power-on
    second: str = ""  # the second console


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a scenario; it holds without reasons against it."""

    name: str
    outcome: Outcome
    reasons: tuple[str, ...]
    wall: float
    guest: float | None = None  # seconds from /init to the real init's first line
    facts: Mapping[str, str] = field(default_factory=dict)
    journal: tuple[dict[str, Any], ...] = ()
    logs: Path | None = None
    tail: str = ""
    stalled: bool = False  # the whole machine stalled or crashed: the boot proves nothing

    @property
    def holds(self) -> bool:
        """Return whether all expectations are met."""
        return not self.reasons


def outcome_of(seen: Observation) -> Outcome:
    """Return the outcome of the boot so far."""
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
    """Return whether a running machine has reached the expected state, texts included."""
    outcome = outcome_of(seen)
    # The outcome `failed` includes a shell below the failure screen.
    at_failure = expect.outcome is Outcome.FAILED and _FAILURE in seen.text
    right = outcome is expect.outcome or (at_failure and outcome is Outcome.SHELL)
    return right and not seen.undone and not _lacks(expect, seen)


def reasons_against(expect: Expectation, seen: Observation) -> tuple[str, ...]:
    """Return the failed expectations as texts."""
    reasons: list[str] = []
    outcome = outcome_of(seen)
    at_failure = expect.outcome is Outcome.FAILED and _FAILURE in seen.text
    if outcome is not expect.outcome and not (at_failure and outcome is Outcome.SHELL):
        ended = f" (QEMU: {seen.ended})" if seen.ended else ""
        if outcome is Outcome.NOTHING and not ended:
            ended = " within the time limit: no real init, no failure screen, no end"
        reasons.append(f"outcome: {outcome.value}{ended}, expected {expect.outcome.value}")
    reasons += [f"not done: {each}" for each in seen.undone]
    if absent := _lacks(expect, seen):
        reasons.append(f"the console never printed, in this order: {absent}")
    for pattern in expect.never:
        match = pattern.search(seen.text) or pattern.search(seen.second)
        if match:
            reasons.append(f"the console printed {match[0]!r}, which is forbidden")
    written = [name for name in expect.unchanged if name in seen.written]
    reasons += [f"disk {name} was written to, which is forbidden" for name in written]
    facts = facts_of(seen)
    for key, wanted in expect.facts:
        value = facts.get(key)
        if value is None:
            reasons.append(f"fact {key}: not reported, expected {wanted.pattern!r}")
        elif not wanted.fullmatch(value):
            reasons.append(f"fact {key}: {value!r}, expected {wanted.pattern!r}")
    return tuple(reasons)


def leaks(secrets: tuple[str, ...], seen: Observation) -> tuple[str, ...]:
    """Return the places where a passphrase or key is readable (R14)."""
    places = {"console": seen.text + seen.second, "journal or the facts": seen.channel}
    return tuple(
        f"a secret ({secret[:3]}…) is in the {place}"
        for secret in secrets
        for place, text in places.items()
        if secret in text
    )


def _lacks(expect: Expectation, seen: Observation) -> str:
    """Return the first expected text that a console has not printed; "" for none."""
    return _unsaid(expect.console, seen.text) or _unsaid(expect.second, seen.second)


def _unsaid(expected: tuple[re.Pattern[str], ...], text: str) -> str:
    """Return the first expected text that does not follow its predecessor; "" for none."""
    position = 0
    for pattern in expected:
        end = heard(pattern, text, position)
        if end is None:
            return pattern.pattern
        position = end
    return ""


def facts_of(seen: Observation) -> dict[str, str]:
    """Return the facts that the real init reported; the last value of a fact counts."""
    plain = seen.channel.replace("\r", "")
    return {key: value.strip() for key, value in _FACT.findall(f"{seen.text}\n{plain}")}


def journal_of(seen: Observation) -> tuple[dict[str, Any], ...]:
    """Return the boot's journal from the channel, without broken lines."""
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
    """Return the guest time from the kernel's start of /init to the real init's first line."""
    begin, end = _INIT_STAMP.search(text), _REAL_STAMP.search(text)
    return float(end[1]) - float(begin[1]) if begin and end else None


def tail_of(text: str, lines: int = 40) -> str:
    """Return the last lines of the console; after a panic, those before the kernel's trace."""
    before, panic, after = text.partition(_PANIC)
    kept = before + panic + after.partition("\n")[0]
    return "\n".join(kept.splitlines()[-lines:])


def stuck_tasks(answer: str, lines: int = 16) -> str:
    """Return the backtraces of the boot's programs from the output of SysRq t."""
    kept = []
    for task in re.split(r"^.*\btask:", answer, flags=re.MULTILINE)[1:]:
        head, *trace = task.splitlines()
        if _PROGRAM.match(head):
            kept += [f"task {head}", *(line for line in trace if "+0x" in line)][:lines]
    return "\n".join(kept)
