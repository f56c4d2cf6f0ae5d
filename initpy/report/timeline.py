"""A boot's journal as a timeline in text: what happened when, what took how long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BAR_WIDTH = 30


@dataclass(frozen=True, slots=True)
class Span:
    """Something that began and ended (seconds since the kernel started)."""

    label: str
    begin: float
    end: float
    outcome: str


def spans(lines: Iterable[Mapping[str, Any]]) -> list[Span]:
    """The runs of jobs, the prompts and the engine's lives, in order of their beginning."""
    found: list[Span] = []
    running: dict[str, tuple[float, str]] = {}
    prompts: dict[str, float] = {}
    last = 0.0
    for line in lines:
        time, kind = float(line["t"]), line["kind"]
        last = time
        if kind == "EngineStarted":
            began = float(line.get("init_started", time))
            found.append(Span("start of /init and the engine", began, time, ""))
        elif kind == "Moved":
            job, after = line["job"], line["after"]
            if after == "running":
                running[job] = time, line["reason"]
            elif after not in ("awaiting",) and job in running:
                began, does = running.pop(job)
                found.append(Span(does or job, began, time, _outcome(after, line["reason"])))
        elif kind == "Ask":
            prompts[line["job"]] = time
        elif kind in ("Answered", "Withdraw") and line["job"] in prompts:
            label = f"prompt for {line['job'].partition('@')[2]}"
            found.append(Span(label, prompts.pop(line["job"]), time, kind.lower()))
        elif kind == "HandedOver":
            found.append(Span(f"handing over to {line['init']}", time, time, ""))
    found += [Span(does, began, last, "unfinished") for began, does in running.values()]
    return sorted(found, key=lambda each: (each.begin, each.end))


def _outcome(after: str, reason: str) -> str:
    return "" if after == "done" else f"{after}: {reason}"


def render(lines: Iterable[Mapping[str, Any]]) -> str:
    """The timeline as text, a line a span with a bar; then the slowest spans."""
    found = spans(lines)
    if not found:
        return "the journal is empty"
    first, last = found[0].begin, max(each.end for each in found)
    scale = BAR_WIDTH / max(last - first, 0.001)
    rows = ["   from     took  " + "-" * BAR_WIDTH + "  what"]
    for each in found:
        offset = int((each.begin - first) * scale)
        width = max(1, round((each.end - each.begin) * scale))
        bar = (" " * offset + "#" * width)[:BAR_WIDTH].ljust(BAR_WIDTH)
        outcome = f"  [{each.outcome}]" if each.outcome else ""
        took = each.end - each.begin
        rows.append(f"{each.begin:7.2f}s {took:7.2f}s  {bar}  {each.label}{outcome}")
    rows.append(f"{last:7.2f}s          in all {last - first:.2f} s since /init started")
    return "\n".join(rows)
