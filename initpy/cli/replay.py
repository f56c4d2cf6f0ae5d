"""Replay the events of a recorded boot through the core, and compare its decisions.

The core is pure: the same events at the same times lead to the same decisions. So a developer can
find out from a user's journal why the machine acted as it did. And the replay of recorded boots
shows whether a change of the core changes decisions.

examples:
  initpy replay /run/initpy/journal.jsonl
  initpy replay ~/.cache/initpy/logs/SCENARIO-…/channel.log
  initpy replay --json journal.jsonl.gz

A journal of several engines (after a crash) is replayed engine by engine. The user's input is in no
journal, and the replay does not need it. The job files are those of this checkout; a note says if
they differ from those of the boot.

exit status: 0 if all decisions are the same, 1 if one differs (it is shown), 2 if the file is no
journal, or lacks necessary records.
"""

import argparse
import json
import textwrap
from pathlib import Path

from initpy.cli import talk
from initpy.cli.reading import read_journal
from initpy.config.jobs import json_text
from initpy.config.project import PROJECT
from initpy.report.journal import line
from initpy.simulation.journal.recorded import Record
from initpy.simulation.journal.replay import Difference, Replayed, as_json, in_words, replay

WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("journal", metavar="JOURNAL", type=Path, help="a journal or channel.log")
    talk.configure(parser, "print nothing; the exit status tells")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Replay the journal and print the first difference; return the exit status."""
    result = replay(read_journal(arguments.journal), job_texts())
    if arguments.json:
        print(json.dumps(as_json(result), indent=1))
    elif not arguments.quiet:
        print(render(result))
    return 0 if result.difference is None else 1


def job_texts(folder: Path = PROJECT / "jobs") -> dict[str, str]:
    """Return the job files of this checkout as in an image: name -> JSON text."""
    paths = (*folder.glob("extra/*.toml"), *folder.glob("*.toml"))
    return {f"{path.stem}.json": json_text(path) for path in sorted(paths)}


def render(result: Replayed) -> str:
    """Return the result as text."""
    lines = [f"note: {each}" for each in result.notes]
    plural = f"{result.engines} engines, " if result.engines > 1 else ""
    counted = f"{plural}{result.events} events, {result.decisions} decisions"
    if result.difference is None:
        return "\n".join((*lines, f"the same decisions: {counted}"))
    return "\n".join((*lines, *_difference(result.difference)))


def _difference(found: Difference) -> list[str]:
    started = float(found.turn.event["t"])
    event = line(found.turn.event, started) or f"{0.0:9.3f}  {found.turn.event['kind']}"
    first = found.first
    lines = [
        f"different: engine {found.engine}, event {found.number}, at {started:.6f} s"
        " (times below count from it)",
        *(f"   {line(each.event, started) or ''}"[:WIDTH] for each in found.before),
        f"-> {event}"[:WIDTH],
    ]
    if first:
        lines.append(f"     the first {first} decisions are the same")
    for name, each in (("expected", found.turn.decided), ("got", found.got)):
        lines.append(f"     {name}: {_one(each[first]) if first < len(each) else 'nothing more'}")
    if first < min(len(found.turn.decided), len(found.got)):
        old, new = found.turn.decided[first], found.got[first]
        if old["kind"] == new["kind"]:
            keys = [key for key in old if key != "t" and new.get(key) != old[key]]
            lines.append(f"     they differ in: {', '.join(keys)}")
    return lines


def _one(record: Record) -> str:
    text = "; ".join((str(record["kind"]), *in_words(record)))
    return textwrap.shorten(text, 4 * WIDTH, placeholder=" …")
