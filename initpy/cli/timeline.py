"""The timeline of a boot, from the journal it left in /run/initpy/journal.jsonl.

Times are seconds since the kernel started.
"""

import argparse
import json
from pathlib import Path

from initpy.config.errors import InputError
from initpy.report.timeline import render, wrong


def configure(parser: argparse.ArgumentParser) -> None:
    """One argument: the journal."""
    parser.add_argument(
        "journal",
        type=Path,
        nargs="?",
        default=Path("/run/initpy/journal.jsonl"),
        help="journal file (default: %(default)s, that of this system's boot)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the journal and print its timeline."""
    print(render(read_journal(arguments.journal)))
    return 0


def read_journal(path: Path) -> list[dict[str, object]]:
    """The lines of a journal. Raises InputError naming the line that is not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable journal") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), error.reason, "a journal, which is UTF-8 text") from None
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if expected := wrong(value):
            raise InputError(f"{path}:{number}", line[:60], expected)
        lines.append(value)
    return lines
