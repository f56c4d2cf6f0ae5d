"""Runs a scenario in a virtual machine, with the user's input, arrivals and faults of the file."""

import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from initpy.lab import damage
from initpy.lab.cache import cache_folder
from initpy.lab.errors import LabError, MachineStalled
from initpy.lab.hooked import as_carried
from initpy.lab.keyboard import ESCAPE, raw_terminal, typed
from initpy.lab.kinds import start
from initpy.lab.machine import Machine, MachineSpec, machine_folder
from initpy.lab.off import off_facts
from initpy.lab.prepare import Bench
from initpy.lab.specification import machine_spec
from initpy.lab.starvation import Starvation
from initpy.scenario.acts import Deed
from initpy.scenario.director import Act, Director, Type
from initpy.scenario.model import MachineKind, Outcome, Scenario
from initpy.scenario.verdict import (
    Observation,
    Verdict,
    facts_of,
    guest_seconds,
    journal_of,
    leaks,
    outcome_of,
    reached,
    reasons_against,
    stuck_tasks,
    tail_of,
)

_TICK = 0.2
# Seconds to watch a machine in the expected state for output that must never appear.
_SETTLING = 3.0
_POWER_OFF = 60.0  # of silence, while an installed system powers off
_MOST_SETTLING = 5  # times that, if it says something again and again
_ENDS = {"reboot": "guest-reset", "poweroff": "guest-shutdown", "halt": "guest-shutdown"}
_PANIC_TAIL = 1.0
# SysRq: backtraces of the processors, blocked tasks, all tasks.
_SYSRQ = "lwt"
_SYSRQ_SILENCE = 3.0
# The journal in the machine, and the lab's serial port.
JOURNAL, CHANNEL = "/run/initpy/journal.jsonl", "/dev/ttyS1"
_JOURNAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Manner:
    """The options of a boot."""

    show: Callable[[bytes], object] | None = None  # receives the console's output
    interactive: bool = False  # connect the terminal to the console
    people: bool = True  # type the file's input
    keep_logs: bool = False
    # Returns more reasons to fail a boot, given its outcome and journal.
    also: Callable[[Scenario, Outcome, Sequence[Mapping[str, object]]], tuple[str, ...]] | None = (
        None
    )
    cancelled: threading.Event = field(default_factory=threading.Event)  # set: end the machine


def run_scenario(scenario: Scenario, bench: Bench, manner: Manner) -> Verdict:
    """Boot a scenario and judge it; keep the logs if an expectation fails.

    If the whole machine stalled, its kernel included, or the emulator crashed, the boot proves
    nothing: repeat it once, with a warning.
    """
    verdict = _boot(scenario, bench, manner)
    if verdict.stalled:
        warnings.warn(
            f"{scenario.name}: the virtual machine stalled with its kernel, or crashed; booting "
            f"again (logs: {verdict.logs})",
            MachineStalled,
            stacklevel=2,
        )
        verdict = _boot(scenario, bench, manner)
    return verdict


def _boot(scenario: Scenario, bench: Bench, manner: Manner) -> Verdict:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    logs = cache_folder("logs", f"{scenario.name}-{stamp}-{os.getpid()}")
    began = time.monotonic()
    with machine_folder() as folder:
        spec = machine_spec(scenario, bench, folder)
        for turn in range(1, scenario.boots + 1):
            last = turn == scenario.boots
            done = _once(scenario, spec, bench, manner, logs if last else logs / f"boot-{turn}")
            reasons = (*reasons_against(scenario.expect, done.seen), *done.reasons)
            if reasons and not last:
                reasons = (f"boot {turn} of {scenario.boots}", *reasons)
            if reasons:
                break
    seen, answer, stalled = done.seen, done.answer, done.stalled
    wall = time.monotonic() - began
    reasons = (*reasons, *leaks(scenario.secrets, seen))
    if manner.also is not None and not reasons:  # a failed boot differs in any case
        known = scenario
        if scenario.path in bench.hooked:
            known = as_carried(scenario, bench.hooked[scenario.path])
        reasons += manner.also(known, outcome_of(seen), journal_of(seen))
    (logs / "verdict").write_text("".join(f"{each}\n" for each in reasons or ("holds",)))
    if not reasons and not manner.keep_logs:
        shutil.rmtree(logs, ignore_errors=True)
    return Verdict(
        name=scenario.name,
        outcome=outcome_of(seen),
        reasons=reasons,
        wall=wall,
        guest=guest_seconds(seen.text),
        facts=facts_of(seen),
        journal=journal_of(seen),
        logs=logs if logs.exists() else None,
        tail=f"{tail_of(seen.text)}\n{stuck_tasks(answer)}".strip(),
        stalled=stalled,
    )


@dataclass(frozen=True, slots=True)
class _Once:
    """One boot of a scenario."""

    seen: Observation
    answer: str = ""  # of a hung machine's kernel
    stalled: bool = False
    reasons: tuple[str, ...] = ()  # besides the expectations of the file


def _once(scenario: Scenario, spec: MachineSpec, bench: Bench, manner: Manner, logs: Path) -> _Once:
    """Start the machine, follow it to its end, and look at its disks if it has powered off."""
    logs.mkdir(exist_ok=True)
    director = Director(scenario, people=manner.people)
    files = {drive.name: drive.file for drive in spec.drives}
    watched = {name: files[name] for name in scenario.expect.unchanged}
    before = {name: damage.fingerprint(file) for name, file in watched.items()}
    with machine_folder() as sockets, start(spec, sockets) as machine:
        try:
            seen = _watch(machine, scenario, director, bench.patience, manner)
            late = outcome_of(seen) is Outcome.NOTHING and seen.ended is None
            # For the logs only: the verdict is about what the machine did before.
            examined = late and not manner.cancelled.is_set()
            answer = _examine(machine) if examined else ""
            if outcome_of(seen) is Outcome.SHELL and not manner.interactive:
                seen = replace(seen, channel=_shell_journal(machine))
            stalled = machine.console.crashed or (examined and not answer)
        finally:
            _write_logs(logs, machine)
    written = [name for name in watched if damage.fingerprint(watched[name]) != before[name]]
    seen = replace(seen, written=tuple(written))
    reasons: tuple[str, ...] = ()
    if (scenario.system or scenario.shutdown) and outcome_of(seen) is Outcome.BOOTED:
        verb = scenario.shutdown or "poweroff"
        if seen.ended is None:
            reasons = (f"the machine neither ended nor said anything for {_POWER_OFF:.0f} s",)
        elif seen.ended != _ENDS[verb]:
            reasons = (f"the machine ended with {seen.ended}, not as {verb} should",)
        else:
            seen = replace(seen, channel=seen.channel + off_facts(scenario.layers, files))
    return _Once(seen, answer, stalled, reasons)


def _watch(
    machine: Machine, scenario: Scenario, director: Director, patience: float, manner: Manner
) -> Observation:
    """Follow the boot until it ends, reaches the expected state, or runs out of time."""
    now = time.monotonic()
    starvation = Starvation(machine.console.process, now)
    # Limits count the time in which the machine could run.
    clock = now
    deadline = float("inf") if manner.interactive else clock + scenario.expect.within * patience
    settled: float | None = None
    settling = _settling(machine, scenario)
    ending = bool(scenario.system or scenario.shutdown)
    with ExitStack() as stack:
        keyboard = stack.enter_context(raw_terminal()) if manner.interactive else None
        while clock < deadline and not manner.cancelled.is_set():
            if keyboard is not None:
                keys = typed(keyboard, machine.console.descriptor, _TICK)
                if ESCAPE in keys:
                    return _observe(machine, director, "left at the keyboard")
                machine.console.send(keys)
            heard = machine.console.listen(0.0 if keyboard is not None else _TICK)
            now = time.monotonic()
            clock = now - starvation.seconds(now)
            if heard is None:
                return _observe(machine, director, machine.ending)
            if heard and manner.show is not None:
                manner.show(heard)
            for act in director.advance(machine.console.text, now):
                _perform(machine, act)
            seen = _observe(machine, director, None)
            if "Kernel panic - not syncing" in seen.text:
                deadline = min(deadline, clock + _PANIC_TAIL)
            if settled is None and reached(scenario.expect, seen):
                settled = clock
                deadline = max(deadline, clock + settling * _MOST_SETTLING)
            if settled is not None and ending and heard:
                settled = clock  # what it prints is progress towards its end
            if settled is not None and clock > settled + settling and not manner.interactive:
                return seen
    return _observe(machine, director, None)


def _settling(machine: Machine, scenario: Scenario) -> float:
    """Return how long to watch a machine in the expected state.

    In that time the real init powers off, which proves that it can; an installed system takes its
    time for it. User Mode Linux skips it, as its power-off takes more than a second, unless the
    disks are examined afterwards.
    """
    if scenario.system or scenario.shutdown:
        return _POWER_OFF
    booted = scenario.expect.outcome is Outcome.BOOTED and not scenario.expect.unchanged
    return 0.0 if booted and machine.spec.kind is MachineKind.UML else _SETTLING


def _examine(machine: Machine) -> str:
    """Return the SysRq output of a hung machine; "" if its kernel does not answer."""
    before = len(machine.console.text)
    with suppress(LabError):
        machine.ask_kernel(_SYSRQ, _SYSRQ_SILENCE)
    return machine.console.text[before:]


def _shell_journal(machine: Machine) -> str:
    """Type a command that prints the journal, into the shell of a failed boot; return the channel.

    The verdict is about what happened before; the journal is checked for secrets (R14).
    """
    end = "INITPY-LAB end of the journal"
    machine.console.type(f"cat {JOURNAL} >{CHANNEL}; echo {end} >{CHANNEL}\n")
    limit = time.monotonic() + _JOURNAL_SECONDS
    while end not in machine.channel and time.monotonic() < limit:
        if machine.console.listen(_TICK) is None:
            break
    return machine.channel


def _perform(machine: Machine, act: Act) -> None:
    if isinstance(act, Type):
        (machine.type_second if act.second else machine.console.type)(act.text)
    elif act.deed is Deed.PLUG:
        machine.plug(act.argument)
    elif act.deed is Deed.UNPLUG:
        machine.unplug(act.argument)
    elif act.deed in (Deed.CARRIER_ON, Deed.CARRIER_OFF):
        machine.carrier(act.argument, act.deed is Deed.CARRIER_ON)
    elif act.deed in (Deed.SERVER_UP, Deed.SERVER_DOWN):
        machine.serve(act.argument, act.deed is Deed.SERVER_UP)
    elif act.deed is Deed.CTRL_ALT_DEL:
        machine.ctrl_alt_del()
    else:
        machine.order(f"{act.deed.value} {act.argument}".strip())


def _observe(machine: Machine, director: Director, ended: str | None) -> Observation:
    return Observation(
        machine.console.text, machine.channel, ended, director.undone, second=machine.second
    )


def _write_logs(logs: Path, machine: Machine) -> None:
    (logs / "console.log").write_text(machine.console.text)
    if machine.spec.second:
        (logs / "second.log").write_text(machine.second)
    if machine.spec.network.disks is not None:
        (logs / "servers.log").write_text(machine.servers)
    (logs / "channel.log").write_text(machine.channel)
    (logs / "command").write_text(machine.command + "\n")
