"""Prints tables, sizes and progress for the commands that inspect images."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from initpy.image.build.summary import megabytes
from initpy.report.drawing import SIMPLE_HEAD, Console, Table

# Without a terminal, the output goes to a program or log: do not wrap lines.
WIDE = 10_000


def console() -> Console:
    """Return a console for standard output, as wide as the terminal, else without a limit."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=not sys.stdout.isatty())


def size(number: int) -> str:
    """Format a size in bytes, kB or MB."""
    return f"{number} B" if number < 1000 else megabytes(number)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; a column is right-aligned if its name ends in >."""
    shown = Table(title=title, title_justify="left", box=SIMPLE_HEAD, title_style="bold")
    for name in columns:
        shown.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left")
    for row in rows:
        shown.add_row(*(plain(cell) for cell in row))
    console().print(shown)


def printable(text: str) -> str:
    """Replace characters that a terminal cannot show, or that would control it."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return shown.encode("utf-8", "replace").decode()


def plain(text: str) -> str:
    """Return the printable text with rich's markup escaped."""
    return printable(text).replace("[", r"\[")


def say(text: str, style: str = "") -> None:
    """Print a line without interpreting markup."""
    console().print(printable(text), style=style, markup=False, highlight=False)


@contextlib.contextmanager
def watched(first: str) -> Iterator[Callable[[str], None]]:
    """Show a status line on a terminal, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(first) as status:
        yield lambda text: status.update(text)
