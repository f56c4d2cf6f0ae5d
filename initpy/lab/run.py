"""Run one scenario in a virtual machine: people, arrivals and faults as the file says."""

import json
import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.image import load_image_config
from initpy.image import cpio, uki
from initpy.image.tree import Entry, File
from initpy.lab import damage, esp
from initpy.lab.acceleration import accelerator
from initpy.lab.cache import cache_folder
from initpy.lab.disks import copy_disk, prepare_disks
from initpy.lab.errors import LabError, MachineStalled, Progress
from initpy.lab.images import image_under_test
from initpy.lab.kernels import Kernel, lab_kernel
from initpy.lab.keyboard import ESCAPE, raw_terminal, typed
from initpy.lab.machine import EMULATED, Drive, Machine, MachineSpec, machine_folder
from initpy.lab.network import network_of
from initpy.lab.sabotage import AGENT_PATH, sabotage
from initpy.scenario.director import Act, Director, Type
from initpy.scenario.model import Deed, Outcome, Scenario, Variant
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
# How long a machine that has come to the expected state is watched for what must never appear.
_SETTLING = 3.0
_PANIC_TAIL = 1.0
# What each processor does, which tasks are stuck, where every task is.
_SYSRQ = "lwt"
_SYSRQ_SILENCE = 3.0
# Where a boot's journal is in the machine, and the port of the lab's own.
JOURNAL, CHANNEL = "/run/initpy/journal.jsonl", "/dev/ttyS1"
_JOURNAL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What all boots of one call share."""

    kernel: Kernel
    image: Path
    accelerator: tuple[str, ...]
    # For the scenarios that need an image of their own.
    others: Mapping[Variant, Path] = field(default_factory=dict)

    @property
    def patience(self) -> float:
        """The factor on a scenario's `within`: emulation on a loaded host is slow."""
        given = os.environ.get("INITPY_LAB_PATIENCE")
        if not given:
            return 2.0 if self.accelerator == EMULATED else 1.0
        try:
            return float(given)
        except ValueError:
            raise InputError("INITPY_LAB_PATIENCE", given, "a number such as 3") from None


@dataclass(frozen=True, slots=True)
class Manner:
    """How a boot is watched."""

    show: Callable[[bytes], object] | None = None  # gets the console's output as it comes
    interactive: bool = False  # the terminal's keyboard is the machine's
    people: bool = True  # the people of the file type
    keep_logs: bool = False
    # More reasons against a boot, from its outcome and journal.
    also: Callable[[Scenario, Outcome, Sequence[Mapping[str, object]]], tuple[str, ...]] | None = (
        None
    )
    cancelled: threading.Event = field(default_factory=threading.Event)  # set: end the machine


def prepare(scenarios: list[Scenario], image: Path | None, progress: Progress) -> Bench:
    """Make what the scenarios need and the cache lacks: the image, the disks."""
    if any(each.uefi for each in scenarios):
        esp.needs()
    kernel = lab_kernel()
    chosen = accelerator(kernel, progress)
    built = image or image_under_test(kernel, progress)
    if not built.is_file():
        raise LabError(f"{built}: no such image")
    others = {
        each.variant: image_under_test(kernel, progress, each.variant)
        for each in scenarios
        if each.variant != Variant() and image is None
    }
    prepare_disks([scenario.recipe() for scenario in scenarios], kernel, progress)
    return Bench(kernel, built, chosen, others)


def run_scenario(scenario: Scenario, bench: Bench, manner: Manner) -> Verdict:
    """Boot it and judge it; the logs are kept if it does not hold.

    A machine that has stopped as a whole, its kernel included, or whose emulator has crashed says
    nothing about what it booted: it is given a second chance, with a warning.
    """
    verdict = _boot(scenario, bench, manner)
    if verdict.stalled:
        warnings.warn(
            f"{scenario.name}: the virtual machine stood still, its kernel with it, or crashed; it "
            f"is booted once more (logs: {verdict.logs})",
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
        watched = {name: folder / f"{name}.raw" for name in scenario.expect.unchanged}
        before = {name: damage.fingerprint(file) for name, file in watched.items()}
        director = Director(scenario, people=manner.people)
        with Machine(spec, folder) as machine:
            try:
                seen = _watch(machine, scenario, director, bench.patience, manner)
                late = outcome_of(seen) is Outcome.NOTHING and seen.ended is None
                # Only for the logs: the verdict is on what the machine did before.
                examined = late and not manner.cancelled.is_set()
                answer = _examine(machine) if examined else ""
                if outcome_of(seen) is Outcome.SHELL and not manner.interactive:
                    seen = replace(seen, channel=_shell_journal(machine))
                stalled = machine.crashed or (examined and not answer)
            finally:
                _write_logs(logs, machine)
        written = [name for name in watched if damage.fingerprint(watched[name]) != before[name]]
        seen = replace(seen, written=tuple(written))
    wall = time.monotonic() - began
    reasons = (*reasons_against(scenario.expect, seen), *leaks(scenario.secrets, seen))
    if manner.also is not None and not reasons:  # else it has gone another way in any case
        reasons += manner.also(scenario, outcome_of(seen), journal_of(seen))
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


def machine_spec(scenario: Scenario, bench: Bench, folder: Path) -> MachineSpec:
    """The machine of a scenario, with its own copies of the disks in the folder."""
    files: dict[str, bytes | Entry] = {
        # Readable by root only: there may be keys among them.
        path: File(content.encode(), 0o700 if content.startswith("#!") else 0o600)
        for path, content in scenario.files
    }
    files |= sabotage(scenario)
    # The last is for `_examine`; nothing else takes notice of it.
    consoles = "console=hvc0 console=ttyS0" if scenario.second else "console=ttyS0"
    words = [scenario.cmdline, consoles, "sysrq_always_enabled"]
    if AGENT_PATH in files:
        words.append(f"rdinit={AGENT_PATH}")
    drives = []
    served = {name for server in scenario.servers for name in server.serves}
    shared = {disk.path_of for disk in scenario.disks} - {""}
    for disk in scenario.disks:
        serial = disk.path_of or disk.name
        file = folder / f"{serial}.raw"
        if not disk.path_of:
            copy_disk(scenario.recipe(), disk.copy_of or disk.name, file)
        for each in scenario.damages:
            if each.disk == disk.name:
                damage.apply(each, file)
        if disk.image:
            files[disk.image] = File(file.read_bytes(), 0o600)
            continue
        present = disk.present and disk.name not in served
        drive = Drive(disk.name, file, present, disk.bus, serial, serial in shared)
        drives.append(drive)
    image = initrd = bench.others.get(scenario.variant, bench.image)
    if files:
        initrd = folder / "initrd"
        cpio.append(image, [cpio.segment(files)], initrd)
    cmdline = " ".join(word for word in words if word)
    disks = [drive.file for drive in drives]
    return MachineSpec(
        kernel=bench.kernel.image,
        initrd=initrd,
        cmdline=cmdline,
        firmware=_firmware(bench, initrd, cmdline, disks) if scenario.uefi else None,
        memory=scenario.memory,
        drives=tuple(drives),
        agent=AGENT_PATH in files,
        second=scenario.second,
        restarts=scenario.restarts,
        accelerator=bench.accelerator,
        network=network_of(scenario),
    )


def _firmware(bench: Bench, initrd: Path, cmdline: str, disks: list[Path]) -> tuple[Path, Path]:
    """Put a unified kernel image onto the first ESP; the firmware that starts it."""
    kernel = bench.kernel
    found = esp.find(disks)
    if found is None:
        raise LabError("no disk has an EFI system partition, from which the firmware could boot")
    stub = uki.find_stub("x86_64")
    # As an administrator gives it to all images.
    configured = disks[0].with_name("etc-initpy")
    configured.mkdir()
    (configured / "cmdline.toml").write_text(f"cmdline = {json.dumps(cmdline)}\n")
    cmdline = load_image_config(configured).cmdline or ""
    image = uki.Uki(stub, kernel.image, kernel.version, cmdline, uki.os_release())
    esp.furnish(*found, uki.compose(image, initrd.read_bytes()))
    variables = disks[0].with_name("variables")
    shutil.copyfile(esp.VARIABLES, variables)
    return esp.CODE, variables


def _watch(
    machine: Machine, scenario: Scenario, director: Director, patience: float, manner: Manner
) -> Observation:
    """Follow the boot until it ends, has come to what was expected, or time is up."""
    now = time.monotonic()
    deadline = float("inf") if manner.interactive else now + scenario.expect.within * patience
    settled: float | None = None
    with ExitStack() as stack:
        keyboard = stack.enter_context(raw_terminal()) if manner.interactive else None
        while now < deadline and not manner.cancelled.is_set():
            if keyboard is not None:
                keys = typed(keyboard, machine.descriptor, _TICK)
                if ESCAPE in keys:
                    return _observe(machine, director, "left at the keyboard")
                machine.send(keys)
            heard = machine.listen(0.0 if keyboard is not None else _TICK)
            now = time.monotonic()
            if heard is None:
                return _observe(machine, director, _ending(machine))
            if heard and manner.show is not None:
                manner.show(heard)
            for act in director.advance(machine.text, now):
                _perform(machine, act)
            seen = _observe(machine, director, None)
            if "Kernel panic - not syncing" in seen.text:
                deadline = min(deadline, now + _PANIC_TAIL)
            if settled is None and reached(scenario.expect, seen):
                settled = now
            # A real init powers the machine off, which shows that it can.
            if settled is not None and now > settled + _SETTLING and not manner.interactive:
                return seen
    return _observe(machine, director, None)


def _examine(machine: Machine) -> str:
    """What the kernel of a machine that hangs says about where it stands; "" for nothing at all."""
    before = len(machine.text)
    with suppress(LabError):
        machine.ask_kernel(_SYSRQ, _SYSRQ_SILENCE)
    return machine.text[before:]


def _shell_journal(machine: Machine) -> str:
    """The channel with the journal, which the shell of a boot that has failed is asked for.

    The verdict is on what was seen before; whether the journal keeps secrets is looked at (R14).
    """
    end = "INITPY-LAB end of the journal"
    machine.type(f"cat {JOURNAL} >{CHANNEL}; echo {end} >{CHANNEL}\n")
    limit = time.monotonic() + _JOURNAL_SECONDS
    while end not in machine.channel and time.monotonic() < limit:
        if machine.listen(_TICK) is None:
            break
    return machine.channel


def _perform(machine: Machine, act: Act) -> None:
    if isinstance(act, Type):
        (machine.type_second if act.second else machine.type)(act.text)
    elif act.deed is Deed.PLUG:
        machine.plug(act.argument)
    elif act.deed is Deed.UNPLUG:
        machine.unplug(act.argument)
    elif act.deed in (Deed.CARRIER_ON, Deed.CARRIER_OFF):
        machine.carrier(act.argument, act.deed is Deed.CARRIER_ON)
    elif act.deed in (Deed.SERVER_UP, Deed.SERVER_DOWN):
        machine.serve(act.argument, act.deed is Deed.SERVER_UP)
    elif act.deed is Deed.CTRL_ALT_DEL:
        machine.press("ctrl", "alt", "delete")
    else:
        machine.order(f"{act.deed.value} {act.argument}".strip())


def _observe(machine: Machine, director: Director, ended: str | None) -> Observation:
    return Observation(machine.text, machine.channel, ended, director.undone, second=machine.second)


def _ending(machine: Machine) -> str:
    """Why the machine ended; the monitor's last event may come a moment after the console's end."""
    for _ in range(20):
        for event in machine.events():
            if event.name == "SHUTDOWN":
                return event.reason
        time.sleep(0.1)
    return f"ended without saying why, {machine.end}"


def _write_logs(logs: Path, machine: Machine) -> None:
    (logs / "console.log").write_text(machine.text)
    if machine.spec.second:
        (logs / "second.log").write_text(machine.second)
    (logs / "channel.log").write_text(machine.channel)
    (logs / "command").write_text(machine.command + "\n")
