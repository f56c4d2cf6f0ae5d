"""The timeline of a boot, from the journal it left in /run/initpy/journal.jsonl.

It shows what took how long, and which clock was held by whom; times are seconds since the kernel
started. The pictures count from the start of /init.

examples:
  initpy timeline                                  of this system's boot
  initpy timeline --html boot.html journal.jsonl   for a bug report: one file, no secret in it
  initpy timeline --trace boot.json journal.jsonl  open it in https://ui.perfetto.dev
  initpy timeline --svg boot.svg ~/.cache/initpy/logs/SCENARIO-…/channel.log

A journal may be gzipped, be in the channel.log of a boot in the lab, or in a page of --html.

exit status: 0, or 2 for what is no journal.
"""

import argparse
from pathlib import Path

from initpy.cli import pictures
from initpy.cli.reading import name_of, read_journal
from initpy.report.timeline import render


def configure(parser: argparse.ArgumentParser) -> None:
    """The journal, and how it is to be drawn."""
    parser.add_argument(
        "journal",
        type=Path,
        nargs="?",
        default=Path("/run/initpy/journal.jsonl"),
        help="journal file (default: %(default)s, that of this system's boot)",
    )
    pictures.configure(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the journal; print its timeline, or draw it."""
    journal = read_journal(arguments.journal)
    if pictures.wanted(arguments):
        pictures.write(arguments, journal, name_of(arguments.journal))
    else:
        print(render(journal))
    return 0
