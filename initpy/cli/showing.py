"""What the commands that look into images have in common: tables, sizes, progress."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from initpy.image.build.summary import megabytes

# Where the output is no terminal, lines are for programs and logs: they are not wrapped.
WIDE = 10_000


def console() -> Console:
    """Standard output; tables there are as wide as a terminal, or as they need to be."""
    return Console(width=None if sys.stdout.isatty() else WIDE, soft_wrap=not sys.stdout.isatty())


def size(number: int) -> str:
    """A size for people."""
    return f"{number} B" if number < 1000 else megabytes(number)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; a column whose name ends in > is for numbers."""
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    for name in columns:
        shown.add_column(name.rstrip(">"), justify="right" if name.endswith(">") else "left")
    for row in rows:
        shown.add_row(*(plain(cell) for cell in row))
    console().print(shown)


def printable(text: str) -> str:
    """Text that any terminal can show, and that cannot make it do anything else."""
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return shown.encode("utf-8", "replace").decode()


def plain(text: str) -> str:
    """The same, not taken for markup."""
    return printable(text).replace("[", r"\[")


def say(text: str, style: str = "") -> None:
    """Print a line as it is, whatever it has in it."""
    console().print(printable(text), style=style, markup=False, highlight=False)


@contextlib.contextmanager
def watched(first: str) -> Iterator[Callable[[str], None]]:
    """Tell on a terminal what takes its time; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(first) as status:
        yield lambda text: status.update(text)
