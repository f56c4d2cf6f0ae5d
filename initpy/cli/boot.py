"""Boot scenario files in virtual machines, on real disks with the real tools.

A scenario file (tests/scenarios/*.toml) describes the disks of a machine and
their content, the kernel command line, the user's input and its times, late or
missing devices, and the expected result. mdadm, cryptsetup, LVM and mke2fs
create the disks in a separate machine, and the lab caches them; each boot uses
its own copies.

examples:
  initpy boot tests/scenarios/plain-ext4-label.toml
  initpy boot --show tests/scenarios/lvm-on-luks-on-raid1.toml
  initpy boot --interactive tests/scenarios/lvm-on-luks-on-raid1.toml
  initpy boot --jobs 2 --keep-logs tests/scenarios/*.toml
  initpy boot --machine qemu tests/scenarios/raid1-member-missing.toml
  initpy boot --agree tests/scenarios/raid1-member-late.toml
  initpy boot --image /boot/initpy-6.1.0-56-amd64.img FILE

With --agree the command also simulates each file (`initpy simulate`). The boot
fails if both do not reach the same result by the same decisions, in the same
order where the order matters.

The default machine is User Mode Linux, a kernel that runs as a process: a boot
takes a few seconds without KVM. It has no PCI, firmware, USB, NVMe, SCSI adapters
or network cards. A scenario that needs these boots in QEMU, which takes about
five times as long.

The command builds the image from this checkout unless --image names one. It
keeps the logs of a boot that fails its expectations, and prints their folder.

environment:
  INITPY_LAB_ACCEL=tcg|kvm   do not test whether KVM works
  INITPY_LAB_PATIENCE=N      factor for each scenario's time limit (emulation: 2)
  INITPY_LAB_PROCESSORS=N    processors of a machine in QEMU (2); User Mode Linux has one
  INITPY_LAB_KERNEL=VERSION  use this unpacked kernel instead of the newest one

exit status: 0 if every expectation of every scenario held, 1 if not, 2 for wrong
input, 3 if the lab itself failed.
"""

import argparse
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from initpy.cli import talk
from initpy.image.process import ToolError
from initpy.lab.errors import LabError
from initpy.lab.prepare import Benches, prepare
from initpy.lab.run import Manner, run_scenario
from initpy.report.facts import SYSTEM, facts_table
from initpy.scenario.model import MachineKind, Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.verdict import Verdict


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a scenario file")
    parser.add_argument(
        "--machine",
        choices=list(MachineKind),
        default=MachineKind.AUTO,
        help="boot in User Mode Linux (uml) or QEMU; auto (default): the file's machine, else User "
        "Mode Linux unless the scenario needs hardware that it lacks",
    )
    parser.add_argument("--image", type=Path, help="boot this image instead of building one")
    talk.configure(
        parser, "print only what does not hold", "show the console during the boot", ("--show",)
    )
    parser.add_argument(
        "--interactive",
        action="store_true",
        help="connect your terminal to the console; Ctrl-] disconnects",
    )
    parser.add_argument(
        "--auto", action="store_true", help="with --interactive: type the file's input as well"
    )
    parser.add_argument("--keep-logs", action="store_true", help="also keep logs of good boots")
    parser.add_argument("--timeline", action="store_true", help="show the timeline of each boot")
    parser.add_argument(
        "--agree", action="store_true", help="fail if the simulator decides differently"
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="machines to run in parallel (default 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Boot the scenarios and report which expectations hold."""
    scenarios = [load_scenario(path) for path in arguments.files]
    if (arguments.interactive or arguments.verbose) and len(scenarios) > 1:
        print("initpy: --show and --interactive need a single file", file=sys.stderr)
        return 2
    if arguments.interactive and not sys.stdin.isatty():
        print("initpy: --interactive needs a terminal; try --show", file=sys.stderr)
        return 2
    try:
        wanted = MachineKind(arguments.machine)
        say = _say_nothing if arguments.quiet else _say
        benches = prepare(scenarios, arguments.image, say, wanted)
        verdicts = _boot_all(scenarios, benches, arguments)
    except (LabError, ToolError) as error:
        print(f"initpy: {error}", file=sys.stderr)
        return 3
    failed = [verdict for verdict in verdicts if not verdict.holds]
    if len(verdicts) > 1 and not (arguments.quiet and not failed):
        _say(f"{len(verdicts) - len(failed)} of {len(verdicts)} scenarios hold")
    return 1 if failed else 0


def _say(line: str) -> None:
    print(f"lab: {line}", flush=True)


def _say_nothing(line: str) -> None:
    del line


def _boot_all(
    scenarios: Sequence[Scenario], benches: Benches, arguments: argparse.Namespace
) -> list[Verdict]:
    shown = arguments.verbose or arguments.interactive
    manner = Manner(
        show=_show if shown else None,
        interactive=arguments.interactive,
        people=arguments.auto or not arguments.interactive,
        keep_logs=arguments.keep_logs,
        also=_simulated_otherwise if arguments.agree else None,
    )

    def boot(scenario: Scenario) -> Verdict:
        try:
            bench = benches.of(scenario)
            if not arguments.quiet:
                _say(f"booting {scenario.name} in {bench.kind.in_words}: {scenario.title}")
            verdict = run_scenario(scenario, bench, manner)
        except LabError as error:  # continue with the other scenarios
            verdict = Verdict(scenario.name, Outcome.NOTHING, (str(error),), 0.0)
        if not manner.cancelled.is_set() and not (arguments.quiet and verdict.holds):
            _report(verdict, timeline=arguments.timeline, tail=not shown)
        return verdict

    # End on SIGTERM as on Ctrl-C: stop all machines and remove their folders.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThreadPoolExecutor(max_workers=max(1, arguments.jobs)) as pool:
        try:
            return list(pool.map(boot, scenarios))
        finally:
            manner.cancelled.set()
            pool.shutdown(cancel_futures=True)


def _simulated_otherwise(
    scenario: Scenario, outcome: Outcome, journal: Sequence[Mapping[str, object]]
) -> tuple[str, ...]:
    from initpy.simulation.journal.agree import compare

    return tuple(f"simulated otherwise: {each}" for each in compare(scenario, outcome, journal))


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _report(verdict: Verdict, *, timeline: bool, tail: bool) -> None:
    guest = f", /init to the real init {verdict.guest:.2f} s" if verdict.guest is not None else ""
    lines = [
        f"{'holds' if verdict.holds else 'FAILS'}: {verdict.name}: {verdict.outcome.value}"
        f" after {verdict.wall:.0f} s{guest}"
    ]
    lines += [f"  {reason}" for reason in verdict.reasons]
    if verdict.logs:
        lines.append(f"  logs: {verdict.logs}")
    if not verdict.holds and tail:
        lines += [f"  | {line}" for line in verdict.tail.splitlines()]
    if SYSTEM in verdict.facts:
        lines += [f"  {line}" for line in facts_table(verdict.facts)]
    elif not tail:
        lines += _handed_over(verdict)
    _say("\n".join(lines))
    if timeline:
        from initpy.report.timeline import render

        print(render(verdict.journal), end="\n", flush=True)


def _handed_over(verdict: Verdict) -> list[str]:
    """Return the facts that the real init reported, for display."""
    facts = verdict.facts
    lines = [
        f"  {key} = {facts[key]}"
        for key in ("root.source", "root.fstype", "root.options", "leftover")
        if facts.get(key)
    ]
    nodes = {key.split(".")[1] for key in facts if key.startswith("md.") and key.count(".") == 2}
    for node in sorted(nodes):
        level, state = facts.get(f"md.{node}.level"), facts.get(f"md.{node}.state")
        members = facts.get(f"md.{node}.members")
        lines.append(f"  {node} = {level} of {members}, {state}")
    for key, uuid in facts.items():
        if key.startswith("dm.") and key.endswith(".uuid"):
            # libdm's convention: the subsystem's name precedes the first UUID.
            kind = re.split(r"-(?=[0-9a-f]{32})|-(?=[A-Za-z0-9]{64})", uuid)[0]
            lines.append(f"  {key[len('dm.') : -len('.uuid')]} = {kind}")
    return ["  the real init found:", *lines] if lines else []
