"""Show the events and decisions of this boot, one per line.

  initpy journal             all lines, with seconds since the start of /init
  initpy journal -f          also new lines, until Ctrl-C
  initpy journal --json      one JSON object a line
  initpy journal FILE        the journal of another boot

Secrets are left out. After the boot the journal is in
/run/initpy/journal.jsonl; `initpy timeline` draws it.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from initpy.config import redaction
from initpy.report.journal import line

PATH = "/run/initpy/journal.jsonl"
FOLLOW_SECONDS = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("file", nargs="?", default=PATH, help=f"default: {PATH}")
    parser.add_argument("-f", "--follow", action="store_true", help="wait for new lines")
    parser.add_argument("--json", action="store_true", help="print JSON objects")


def run(arguments: argparse.Namespace) -> int:
    """Print the lines."""
    started: float | None = None
    try:
        for text in _lines(arguments.file, bool(arguments.follow)):
            record = _record(text)
            if arguments.json:
                sys.stdout.write(f"{json.dumps(record)}\n")
            else:
                if started is None:
                    started = float(record.get("init_started", record.get("t", 0.0)))
                if shown := line(record, started):
                    print(shown)
            if arguments.follow:
                sys.stdout.flush()
    except BrokenPipeError:
        raise  # `main` handles it
    except OSError as error:
        print(f"initpy: {arguments.file}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        return {"kind": "not understood", "text": text.strip()}
    return dict(redaction.record(record))  # an older initpy may have written it


def _lines(path: str, follow: bool) -> Iterator[str]:
    with open(path, encoding="utf-8", errors="replace") as file:
        rest = ""
        while True:
            for text in file:
                rest += text
                if rest.endswith("\n"):
                    yield rest
                    rest = ""
            if not follow:
                return
            time.sleep(FOLLOW_SECONDS)
