"""Draw the timeline of a boot from its journal, /run/initpy/journal.jsonl.

It shows the duration of each step, and each deadline with its holds. Times are seconds since the
kernel's start; in pictures, since the start of /init.

examples:
  initpy timeline                                  this system's boot
  initpy timeline --html boot.html journal.jsonl   for a bug report: one file, no secret in it
  initpy timeline --trace boot.json journal.jsonl  open it in https://ui.perfetto.dev
  initpy timeline --svg boot.svg ~/.cache/initpy/logs/SCENARIO-…/channel.log

The file may be a journal, a gzipped journal, the channel.log of a boot in the lab, or a page
written by --html.

exit status: 0, or 2 if the file is no journal.
"""

import argparse
from pathlib import Path

from initpy.cli import pictures
from initpy.cli.reading import name_of, read_journal
from initpy.report.timeline import render


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument(
        "journal",
        type=Path,
        nargs="?",
        default=Path("/run/initpy/journal.jsonl"),
        help="journal file (default: %(default)s, that of this system's boot)",
    )
    pictures.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the journal; print its timeline, or draw it; return the exit status."""
    journal = read_journal(arguments.journal)
    if pictures.wanted(arguments):
        pictures.write(arguments, journal, name_of(arguments.journal))
    else:
        print(render(journal))
    return 0
