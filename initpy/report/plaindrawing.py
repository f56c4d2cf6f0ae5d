"""The part of rich that initpy's commands use, as plain text: without colours, frames and wrapping.

Arguments have rich's names; those that are only about looks are accepted and have no effect.
"""

import contextlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator

SIMPLE = SIMPLE_HEAD = None
HINT = "initpy: plain output, as rich is not installed; for colours: apt install python3-rich"
# `[bold red]` and `[/]`, unless escaped.
_MARKUP = re.compile(r"(?<!\\)\[/?[a-z #0-9]*\]")
_told: list[str] = []


def _unmarked(text: str) -> str:
    return _MARKUP.sub("", text).replace(r"\[", "[")


class Text:
    """A text; its styles have no effect."""

    def __init__(self, text: str = "", style: str = "") -> None:
        self._parts = [text]

    def append(self, text: str, style: str = "") -> None:
        self._parts.append(text)

    def stylize(self, style: str, start: int = 0, end: int | None = None) -> None:
        """Accept a style."""

    def __str__(self) -> str:
        return "".join(self._parts)


class Table:
    """Rows of cells, in columns of equal width."""

    def __init__(self, *headers: str, title: str = "", show_header: bool = True,
                 **_: object) -> None:  # fmt: skip
        self._title = title
        self._headers = list(headers) if show_header else []
        self._shown = show_header
        self._right: set[int] = set()
        self._columns = len(headers)
        self._rows: list[tuple[str, ...]] = []

    def add_column(self, header: str = "", justify: str = "left", **_: object) -> None:
        if justify == "right":
            self._right.add(self._columns)
        self._columns += 1
        if self._shown:
            self._headers.append(header)

    def add_row(self, *cells: object, **_: object) -> None:
        self._rows.append(tuple(_shown(cell) for cell in cells))

    def lines(self) -> Iterator[str]:
        """Yield the lines of the table."""
        if self._title:
            yield self._title
        head = [tuple(self._headers)] if any(self._headers) else []
        rows = [*head, *self._rows]
        count = max(map(len, rows), default=0)
        widths = [max(len(row[n]) for row in rows if n < len(row)) for n in range(count)]
        for row in rows:
            cells = [
                cell.rjust(widths[n]) if n in self._right else cell.ljust(widths[n])
                for n, cell in enumerate(row)
            ]
            yield "  ".join(cells).rstrip()


class Tree:
    """A label with branches below."""

    def __init__(self, label: object) -> None:
        self._label = _shown(label)
        self._branches: list[Tree] = []

    def add(self, label: object) -> "Tree":
        self._branches.append(Tree(label))
        return self._branches[-1]

    def lines(self) -> Iterator[str]:
        """Yield the lines of the tree."""
        yield self._label
        for branch in self._branches:
            for number, line in enumerate(branch.lines()):
                yield f"{'  ' if number else '- '}{line}"


class _Status:
    """A line on standard error for each new state of a long task."""

    def __init__(self, update: Callable[[str], None]) -> None:
        self.update = update


class Console:
    """Prints to standard output, or with `stderr` to standard error."""

    def __init__(self, *, stderr: bool = False, width: int | None = None, **_: object) -> None:
        self._file = sys.stderr if stderr else sys.stdout
        self.width = width or shutil.get_terminal_size().columns
        self.is_terminal = self._file.isatty()
        if sys.stderr.isatty() and not _told:
            _told.append(HINT)
            sys.stderr.write(f"{HINT}\n")

    def print(self, *objects: object, markup: bool = True, **_: object) -> None:
        for each in objects:
            if isinstance(each, Table | Tree):
                for line in each.lines():
                    self._say(line)
        others = [each for each in objects if not isinstance(each, Table | Tree)]
        if others or not objects:
            words = (str(e) if isinstance(e, Text) or not markup else _shown(e) for e in others)
            self._say(" ".join(words))

    @contextlib.contextmanager
    def status(self, first: str) -> Iterator[_Status]:
        """Print each state on a line of its own."""
        self._say(f"initpy: {first}")
        yield _Status(lambda text: self._say(f"initpy: {text}"))

    def _say(self, line: str) -> None:
        self._file.write(f"{line}\n")


def _shown(cell: object) -> str:
    return _unmarked(cell) if isinstance(cell, str) else str(cell)
