"""Search random simulated worlds for a boot that violates an invariant.

A seed determines each world: its storage, arrival times, the user's input, the faults. The same
core that runs in the initramfs boots in it, in virtual time. An oracle that shares no code with
the core judges the boot. The search shrinks a world that violates an invariant and writes it as a
scenario file, which `initpy simulate FILE` replays exactly.

examples:
  initpy explore                            1,000 worlds on all processors
  initpy explore --worlds 200000 --keep found
  initpy explore --time 60 --seed 500000    other worlds, for one minute
  initpy explore --replay 4711 --keep .     one world in detail, and its file
  initpy explore --dask tcp://host:8786     on a Dask cluster (pip install 'initpy[dask]')

Ctrl-C ends the search; the command then shows and writes the violations found so far.

exit status:
  0  no violation    1  violations found    2  wrong usage or input
  130  interrupted without a violation
"""

import argparse
import gc
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from initpy.cli import talk
from initpy.config.errors import InputError

if TYPE_CHECKING:
    from initpy.simulation.explore.search import Tally


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    add = parser.add_argument
    add(
        "--worlds",
        type=int,
        metavar="N",
        help="number of worlds (default 1000, or no limit with --time)",
    )
    add("--seed", type=int, default=0, metavar="S", help="seed of the first world (default 0)")
    add("--jobs", type=int, metavar="N", help="processes (default: one per processor)")
    add("--time", type=float, metavar="SECONDS", help="stop after this time")
    add("--dask", metavar="ADDRESS", help="run on the cluster of this Dask scheduler")
    add("--keep", type=Path, metavar="DIR", help="folder for scenario files (default: found)")
    add("--most", type=int, default=10, metavar="N", help="maximum number of files (default 10)")
    add("--replay", type=int, metavar="S", help="only the world of this seed, in detail")
    talk.configure(parser, "print only violations and their files")
    add("--json", action="store_true", help="print the figures as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Explore; return the exit status (see the module's docstring)."""
    _check(arguments)
    if arguments.replay is not None:
        return _replay(arguments)
    from initpy.simulation.explore.coverage import show
    from initpy.simulation.explore.search import explore

    processes = arguments.jobs or os.cpu_count() or 1
    worlds = arguments.worlds or (1000 if arguments.time is None else MANY)
    numbers = range(arguments.seed, arguments.seed + worlds)
    started = time.monotonic()
    with (
        _executor(arguments.dask, processes) as (executor, at_once),
        _progress(
            arguments.worlds or (1000 if arguments.time is None else None),
            shown=not arguments.quiet,
        ) as seen,
    ):
        tally = explore(executor, numbers, at_once=at_once, seconds=arguments.time, seen=seen)
    seconds = time.monotonic() - started
    files = _keep(tally, arguments.keep or KEEP, arguments.most) if tally.violations else []
    if arguments.json:
        figures = {**tally.plain(), "seconds": round(seconds, 3), "files": list(map(str, files))}
        print(json.dumps(figures, indent=1))
    else:
        if tally.violations or not arguments.quiet:
            show(tally, seconds)
        for path in files:
            print(f"written: {path}")
    if tally.violations:
        return 1
    return 130 if tally.interrupted else 0


# The number of worlds if only the time is limited.
MANY = 1_000_000_000
KEEP = Path("found")


def _check(arguments: argparse.Namespace) -> None:
    """Raise InputError now for parameters that would fail, or have no effect, after hours."""
    for name, least in (("worlds", 1), ("jobs", 1), ("most", 1), ("seed", 0), ("replay", 0)):
        value = getattr(arguments, name)
        if value is not None and value < least:
            raise InputError(f"--{name}", value, f"{least} or more")
    if arguments.time is not None and arguments.time <= 0:
        raise InputError("--time", arguments.time, "more than 0 seconds")
    if arguments.keep is not None:
        try:
            arguments.keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            expected = f"a writable folder ({error.strerror})"
            raise InputError("--keep", str(arguments.keep), expected) from None


@contextmanager
def _executor(address: str | None, processes: int) -> Iterator[tuple[Executor, int]]:
    """Provide an executor, local or on a cluster, and the number of chunks to have in flight."""
    if address is None:
        if processes == 1:
            yield Here(), 1
            return
        with ProcessPoolExecutor(processes, initializer=_begin_worker) as pool:
            yield pool, 2 * processes
        return
    from distributed import Client  # ModuleNotFoundError is explained by `main`

    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError("--dask", address, f"the address of a Dask scheduler ({error})") from None
    with client, client.get_executor() as executor:
        yield executor, 2 * max(1, sum(client.nthreads().values()))


def _begin_worker() -> None:
    # Ctrl-C reaches every process of the terminal; only the collecting process handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Existing objects never become garbage: exclude them from collections.
    gc.freeze()


class Here(Executor):
    """Runs tasks in this process, so that a profiler sees them."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@contextmanager
def _progress(worlds: int | None, *, shown: bool) -> Iterator[Callable[["Tally"], None]]:
    """Show a progress bar on a terminal, else nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from initpy.report.drawing import Console

    console = Console(stderr=True)
    columns = (
        TextColumn("exploring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[found]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("", total=worlds, found="")
        found = 0

        def seen(part: "Tally") -> None:
            nonlocal found
            found += len(part.violations)
            bar.update(task, advance=part.worlds, found=f"{found} violations" if found else "")

        yield seen


def _keep(tally: "Tally", folder: Path, most: int) -> list[Path]:
    """Shrink one world for each violated invariant; return the files written."""
    from initpy.report.drawing import Console
    from initpy.simulation.explore.found import keep

    names: set[str] = set()
    chosen = []
    for number, violation in tally.violations:
        if violation.invariant not in names:
            names.add(violation.invariant)
            chosen.append((number, violation.invariant))
    folder.mkdir(parents=True, exist_ok=True)
    console, files = Console(stderr=True, highlight=False), []
    for number, invariant in chosen[:most]:
        with console.status(f"shrinking world {number}: {invariant}"):
            files.append(keep(number, invariant, folder))
    return files


def _replay(arguments: argparse.Namespace) -> int:
    """Run one world; print its scenario, console and verdict; return the exit status."""
    from initpy.scenario.write import scenario_text, write_scenario
    from initpy.simulation.explore.found import scenario_of
    from initpy.simulation.explore.generate import draw
    from initpy.simulation.explore.search import judge_trial, run_trial

    trial = draw(arguments.replay)
    violations = judge_trial(trial)
    scenario = scenario_of(trial)
    if arguments.keep is not None:
        write_scenario(scenario, arguments.keep / scenario.path.name)
    if arguments.json:
        found = [each._asdict() for each in violations]
        print(json.dumps({"seed": arguments.replay, "violations": found}, indent=1))
        return 1 if violations else 0
    print(scenario_text(scenario))
    if not any(each.invariant == "no-exception" for each in violations):
        simulated = run_trial(trial)
        print(simulated.console)
        print(f"outcome: {simulated.outcome.value} after {simulated.ended:.1f} s")
    for each in violations:
        print(f"violation: {each}")
    return 1 if violations else 0
