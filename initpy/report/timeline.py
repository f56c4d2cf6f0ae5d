"""Print a boot's journal as a timeline: what happened when, what took how long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from initpy.report.tracks import CLOCKS, Kind, picture

BAR_WIDTH = 20
WIDTH = 76
LIMIT = 1e9  # seconds; a larger number is no time of a boot
# texts that a line of this kind must have
TEXTS = {
    "Moved": ("job", "after", "reason"),
    "Ask": ("job",),
    "Answered": ("job",),
    "Withdraw": ("job",),
    "HandedOver": ("init",),
}


@dataclass(frozen=True, slots=True)
class Span:
    """A period, in seconds since the kernel started."""

    label: str
    begin: float
    end: float
    outcome: str


def wrong(line: object) -> str:
    """Return what a line of a journal should have been; "" if it is right."""
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str):
        return "a JSON object with 't' and 'kind'"
    if not _is_time(line.get("t")):
        return "a number of seconds as 't'"
    if not _is_time(line.get("init_started", 0.0)):
        return "a number of seconds as 'init_started'"
    for key in TEXTS.get(line["kind"], ()):
        if not isinstance(line.get(key), str):
            return f"{line['kind']} to have a text as {key!r}"
    return ""


def _is_time(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and -LIMIT < cast(float, value) < LIMIT


def spans(lines: Iterable[Mapping[str, Any]]) -> list[Span]:
    """Return runs of jobs, prompts and lives of the engine, in the order of their beginning.

    The lines must be right, see `wrong`.
    """
    found: list[Span] = []
    running: dict[str, tuple[float, str]] = {}
    prompts: dict[str, float] = {}
    last, started = 0.0, False

    def close(outcome: str) -> None:
        """End the periods that are open."""
        found.extend(Span(does, began, last, outcome) for began, does in running.values())
        found.extend(Span(_prompt(job), began, last, outcome) for job, began in prompts.items())
        running.clear()
        prompts.clear()

    for line in lines:
        time, kind = float(line["t"]), line["kind"]
        if kind == "EngineStarted" and started:
            close("the engine ended")
            found.append(Span("the engine is started again", last, time, ""))
        elif kind == "EngineStarted":
            began = float(line.get("init_started", time))
            found.append(Span("start of /init and the engine", began, time, ""))
            started = True
        elif kind == "Moved":
            job, after = line["job"], line["after"]
            if after == "running":
                running[job] = time, line["reason"] or job
            elif after != "awaiting" and job in running:
                began, does = running.pop(job)
                found.append(Span(does, began, time, _outcome(after, line["reason"])))
        elif kind == "Ask":
            prompts[line["job"]] = time
        elif kind in ("Answered", "Withdraw") and line["job"] in prompts:
            began = prompts.pop(line["job"])
            found.append(Span(_prompt(line["job"]), began, time, kind.lower()))
        elif kind == "HandedOver":
            found.append(Span(f"handing over to {line['init']}", time, time, ""))
        last = time
    close("unfinished")
    return sorted(found, key=lambda each: (each.begin, each.end))


def _prompt(job: str) -> str:
    return f"prompt for {job.partition('@')[2] or job}"


def _outcome(after: str, reason: str) -> str:
    return "" if after == "done" else f"{after}: {reason}"


def render(lines: Iterable[Mapping[str, Any]]) -> str:
    """Return the timeline in 76 columns: a line with a bar per span, then the deadlines."""
    journal = list(lines)
    found = spans(journal)
    if not found:
        return "the journal is empty"
    first, last = found[0].begin, max(each.end for each in found)
    scale = BAR_WIDTH / max(last - first, 0.001)
    rows = ["   from     took  " + "-" * BAR_WIDTH + "  what"]
    for each in found:
        offset = min(int((each.begin - first) * scale), BAR_WIDTH - 1)
        width = max(1, round((each.end - each.begin) * scale))
        bar = (" " * offset + "#" * width)[:BAR_WIDTH].ljust(BAR_WIDTH)
        outcome = f"  [{each.outcome}]" if each.outcome else ""
        took = max(0.0, each.end - each.begin)
        rows += _wrapped(f"{each.begin:7.2f}s {took:7.2f}s  {bar}  ", f"{each.label}{outcome}")
    rows.append(f"{last:7.2f}s          in all {last - first:.2f} s since /init started")
    return "\n".join((*rows, *_clocks(journal)))


def _wrapped(head: str, text: str) -> list[str]:
    """Return the text behind the head, wrapped below its own beginning; words stay whole."""
    import textwrap

    words = textwrap.wrap(
        " ".join(text.split()), WIDTH - len(head), break_long_words=False, break_on_hyphens=False
    ) or [""]
    return [(head + words[0]).rstrip(), *(" " * len(head) + each for each in words[1:])]


def _clocks(journal: list[Mapping[str, Any]]) -> list[str]:
    """Return when each deadline counted, and its holders."""
    first = next((float(each["t"]) for each in journal), 0.0)
    started = float(journal[0].get("init_started", first)) if journal else 0.0
    rows: list[str] = []
    for track in picture(journal).tracks:
        if track.group != CLOCKS:
            continue
        rows.append(f"clock of {track.name}")
        for span in track.spans:
            head = f"{started + span.begin:7.2f}s {span.end - span.begin:7.2f}s  "
            rows += _wrapped(head, span.text if span.kind is Kind.HELD else f"counts, {span.text}")
        for moment in track.moments:
            rows.append(f"{started + moment.time:7.2f}s           {moment.text}")
    return rows
