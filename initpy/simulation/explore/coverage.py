"""What an exploration has seen, as tables."""

from initpy.report.drawing import SIMPLE, Console, Table
from initpy.simulation.explore.search import Tally, never_seen


def show(tally: Tally, seconds: float) -> None:
    """Print what was seen: transitions, outcomes, violations."""
    console = Console(highlight=False, soft_wrap=True)
    rate = tally.worlds / seconds if seconds else 0.0
    console.print(_transitions(tally))
    console.print(_jobs(tally))
    missing = ", ".join(f"{before} -> {after}" for before, after in never_seen(tally.moves))
    console.print(f"transitions of the table that no job has made: {missing or 'none'}")
    ends = ", ".join(f"{count} {name}" for name, count in tally.outcomes.most_common())
    console.print(f"outcomes: {ends}")
    kinds = ", ".join(f"{count} {name}" for name, count in tally.kinds.most_common())
    console.print(f"worlds with: {kinds}")
    for words, count in tally.unsupported.most_common():
        console.print(f"not simulated in {count} worlds: {words}")
    console.print(
        f"{tally.worlds} worlds in {seconds:.1f} s ({rate:.0f} a second), "
        f"{tally.events} events, {tally.virtual / 3600:.0f} hours of boots"
    )
    broken: dict[str, list[int]] = {}
    for number, violation in tally.violations:
        broken.setdefault(violation.invariant, []).append(number)
    for invariant, numbers in sorted(broken.items()):
        first = next(each for _, each in tally.violations if each.invariant == invariant)
        some = ", ".join(map(str, numbers[:8])) + (", …" if len(numbers) > 8 else "")
        console.print(f"[bold red]{len(numbers)} times[/] {first.invariant}: worlds {some}")
        console.print(f"    {first.words}", markup=False, emoji=False)
    if tally.interrupted:
        console.print("interrupted: not all worlds were explored")
    if not broken:
        console.print("no violation")


def _transitions(tally: Tally) -> Table:
    """How often each transition was made, and by how many kinds of job."""
    table = Table(title="transitions of jobs", title_justify="left", box=SIMPLE)
    for name in ("before", "after"):
        table.add_column(name)
    for name in ("times", "jobs"):
        table.add_column(name, justify="right")
    times: dict[tuple[str, str], int] = {}
    jobs: dict[tuple[str, str], set[str]] = {}
    for (job, before, after), count in tally.moves.items():
        times[before, after] = times.get((before, after), 0) + count
        jobs.setdefault((before, after), set()).add(job)
    for pair, count in sorted(times.items()):
        table.add_row(*pair, str(count), str(len(jobs[pair])))
    return table


def _jobs(tally: Tally) -> Table:
    """Which states each job has been seen to enter."""
    states = {
        "waiting": "wait", "ready": "ready", "running": "run", "awaiting": "await",
        "done": "done", "failed": "fail", "skipped": "skip", "withdrawn": "gone",
    }  # fmt: skip
    table = Table(title="how often jobs have entered each state", title_justify="left", box=SIMPLE)
    table.add_column("job", no_wrap=True)
    for word in states.values():
        table.add_column(word, justify="right", no_wrap=True)
    entered: dict[str, dict[str, int]] = {}
    for (job, _, after), count in tally.moves.items():
        counts = entered.setdefault(job, {})
        counts[after] = counts.get(after, 0) + count
    for job, counts in sorted(entered.items()):
        table.add_row(job, *(str(counts.get(state, "·")) for state in states))
    return table
