"""Boot scenario files in a simulator: the same core as in the initramfs, in virtual time.

The files are those of `initpy boot` (tests/scenarios/*.toml). Disks, tools, udev, users and faults
are models of the real ones; the command touches no device and no other file. A boot of minutes
takes milliseconds.

examples:
  initpy simulate tests/scenarios/lvm-on-luks-on-raid1.toml
  initpy simulate --seed 7 FILE          random latencies and arrival order, determined by the seed
  initpy simulate --crash-after 12 FILE  kill the engine right after the 12th event
  initpy simulate --console FILE         show the console, for example the failure screen
  initpy simulate --json FILE            print verdict, facts and journal
  initpy simulate --watch FILE           step by step, with the tree of what root needs
  initpy simulate --html boot.html FILE  for a bug report: picture and events in one file
  initpy simulate --judge found/FILE     judge a world that `initpy explore` found
  initpy simulate tests/scenarios/*.toml one line per file

The command lists expectations that need a real kernel (memory, bytes written to a disk) as not
simulated, and checks all others.

exit status: 0 if every expectation of every file held (with --judge: if no invariant is violated),
1 if not, 2 for wrong input.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from initpy.cli import pictures, talk
from initpy.config.errors import InputError
from initpy.config.redaction import record
from initpy.core.boot import Boot
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.record import Simulated, Step
from initpy.simulation.machine.run import simulate
from initpy.simulation.world.random_faults import fate_of


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="a scenario file")
    parser.add_argument("--seed", type=int, metavar="N", help="random latencies and arrival order")
    parser.add_argument(
        "--crash-after", type=int, metavar="N", help="kill the engine after the N-th event"
    )
    talk.configure(
        parser,
        "print only what does not hold",
        "show the console instead of the timeline",
        ("--console",),
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--judge",
        action="store_true",
        help="check the invariants of `initpy explore` instead of the file's expectations",
    )
    parser.add_argument(
        "--watch",
        action="store_true",
        help="stop at each event; without a terminal, print all",
    )
    pictures.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Simulate the files and print the verdicts; return the exit status."""
    _check(arguments)
    scenarios = [load_scenario(path) for path in arguments.files]
    if arguments.watch:
        return _watch(scenarios[0], arguments)
    boots = [boot(scenario, arguments) for scenario in scenarios]
    if pictures.wanted(arguments):
        _draw(boots[0], arguments)
    if arguments.json:
        _print_json(boots)
    elif arguments.quiet:
        _print_failures(boots)
    elif arguments.verbose:
        for each in boots:
            print(each.console, end="")
    elif len(boots) == 1:
        _print_timeline(boots[0], arguments.crash_after)
    else:
        _print_table(boots)
    return 1 if any(each.reasons for each in boots) else 0


def _check(arguments: argparse.Namespace) -> None:
    """Raise InputError for invalid numbers, and for options that exclude each other."""
    if arguments.seed is not None and arguments.seed < 0:
        raise InputError("--seed", arguments.seed, "0 or more")
    if arguments.crash_after is not None and arguments.crash_after < 1:
        raise InputError(
            "--crash-after", arguments.crash_after, "the number of an event, 1 or more"
        )
    drawn = [f"--{way}" for way in pictures.WAYS if getattr(arguments, way) is not None]
    if len(arguments.files) > 1 and (arguments.watch or drawn):
        raise InputError("FILE", f"{len(arguments.files)} files", "one, to be watched or drawn")
    ways = {"watch": "watch", "json": "json", "console": "verbose", "quiet": "quiet"}
    shows = [f"--{way}" for way, name in ways.items() if getattr(arguments, name)]
    if len(shows) > 1 or (arguments.watch and drawn):
        raise InputError(shows[0], " ".join((*shows[1:], *drawn)), f"{shows[0]} without these")


def _print_failures(boots: list[Simulated]) -> None:
    for each in boots:
        if each.reasons:
            print("\n".join((_verdict(each), *(f"  {reason}" for reason in each.reasons))))


def _watch(scenario: Scenario, arguments: argparse.Namespace) -> int:
    import sys

    from initpy.cli.watching import Quit, Watcher, keyboard

    try:
        with keyboard() as keys:
            found = boot(scenario, arguments, Watcher(scenario.name, sys.stdout, keys))
    except Quit:
        return 0
    print("\n".join((_verdict(found), *(f"  {each}" for each in found.reasons))))
    return 1 if found.reasons else 0


def boot(
    scenario: Scenario,
    arguments: argparse.Namespace,
    watch: Callable[[Step, Boot], None] | None = None,
) -> Simulated:
    """Simulate a scenario with the file's seed and faults; options override them."""
    fate = fate_of(scenario)
    booted = simulate(
        scenario,
        seed=fate.seed if arguments.seed is None else arguments.seed,
        crash_after=fate.crash_after if arguments.crash_after is None else arguments.crash_after,
        random_faults=fate.random_faults,
        watch=watch,
    )
    if arguments.judge:
        from initpy.simulation.oracle.judge import judge

        violations = judge(booted, fate.random_faults)
        booted.reasons = tuple(f"violation: {violation}" for violation in violations)
    return booted


def as_plain(boot: Simulated) -> dict[str, Any]:
    """Return the result as plain values for JSON."""
    return {
        "name": boot.scenario.name,
        "title": boot.scenario.title,
        "outcome": boot.outcome.value,
        "holds": not boot.reasons,
        "reasons": list(boot.reasons),
        "unsupported": list(boot.unsupported),
        "seconds": round(boot.ended, 3),
        "facts": boot.facts,
        "acts": [{"t": round(time, 6), "what": what} for time, what in boot.acts],
        "journal": [dict(record(each)) for each in boot.journal()],
    }


def _draw(boot: Simulated, arguments: argparse.Namespace) -> None:
    """Write the pictures, with the verdict, the user's actions and the faults."""
    from initpy.simulation.journal.chronicle import together

    title = f"{boot.scenario.name}: {boot.scenario.title}"
    verdict = f"FAILS, {'; '.join(boot.reasons)}" if boot.reasons else "as expected"
    subtitle = f"simulated: {boot.outcome.value}, {verdict};"
    pictures.write(arguments, boot.journal(), title, subtitle, tuple(together(boot.acts)))


def _print_json(boots: list[Simulated]) -> None:
    import json

    found = [as_plain(each) for each in boots]
    print(json.dumps(found[0] if len(found) == 1 else found, indent=1))


def _print_timeline(boot: Simulated, crash_after: int | None) -> None:
    from initpy.report.drawing import Console
    from initpy.report.tracks import picture
    from initpy.simulation.journal.chronicle import chronicle
    from initpy.simulation.journal.terminal import print_chronicle, print_tracks

    console = Console(highlight=False)
    journal = boot.journal()
    console.print(f"{boot.scenario.name}: {boot.scenario.title}", style="bold", markup=False)
    print_chronicle(console, chronicle(journal, boot.acts))
    console.print()
    print_tracks(console, picture(journal))
    console.print()
    console.print(_verdict(boot), style="red" if boot.reasons else "green", markup=False)
    if crash_after is not None and crash_after > len(boot.steps):
        console.print(f"  no crash: there were {len(boot.steps)} events, not {crash_after}")
    for reason in boot.reasons:
        console.print(f"  {reason}", markup=False)
    for what in boot.unsupported:
        console.print(f"  not simulated: {what}", style="dim", markup=False)


def _verdict(boot: Simulated) -> str:
    word = "FAILS" if boot.reasons else "holds"
    return f"{word}: {boot.scenario.name}: {boot.outcome.value} after {boot.ended:.2f} s"


def _print_table(boots: list[Simulated]) -> None:
    from initpy.report.drawing import Console, Table

    table = Table(box=None, pad_edge=False)
    for title in ("scenario", "outcome", "seconds", "verdict"):
        table.add_column(title, justify="right" if title == "seconds" else "left")
    for each in boots:
        verdict = "; ".join(each.reasons) or "holds"
        if each.unsupported:
            verdict += f" (not simulated: {', '.join(each.unsupported)})"
        style = "red" if each.reasons else ""
        row = (each.scenario.name, each.outcome.value, f"{each.ended:.2f}", verdict)
        table.add_row(*row, style=style)
    console = Console(highlight=False)
    console.print(table, markup=False)
    good = sum(not each.reasons for each in boots)
    console.print(f"{good} of {len(boots)} scenarios hold")
