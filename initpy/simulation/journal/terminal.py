"""The chronicle and the tracks of a boot in the terminal, in colour where there is any."""

from collections.abc import Sequence

from initpy.report.drawing import Console, Table, Text
from initpy.report.tracks import Kind, Picture, Track
from initpy.simulation.journal.chronicle import Line

STYLES = {
    "machine": "cyan",
    "person": "magenta",
    "device": "blue",
    "runs": "",
    "fails": "red",
    "wrong": "red",
    "asks": "bold magenta",
    "says": "bold",
    "clock": "yellow",
    "failure": "bold red",
    "done": "bold green",
}
# A letter for each kind of span, so that it reads without colour too.
MARKS = {
    Kind.ENGINE: ("=", "cyan"),
    Kind.WAITS: (".", "dim"),
    Kind.RUNS: ("#", "green"),
    Kind.EFFECT: ("-", "dim green"),
    Kind.FAILED: ("!", "red"),
    Kind.PROMPT: ("?", "magenta"),
    Kind.SHELL: ("$", "magenta"),
    Kind.COUNTS: (">", "yellow"),
    Kind.HELD: ("|", "dim yellow"),
}
LEGEND = "# runs  - effect to show  . waits  ! failed  ? the user is asked  > clock counts  | held"
LEAST_BAR, MOST_BAR = 20, 60


def print_chronicle(console: Console, lines: Sequence[Line]) -> None:
    """A line each: time, who, what."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for line in lines:
        style = STYLES.get(line.who, "")
        table.add_row(f"{line.time:.2f} s", Text(line.who, style), Text(line.text, style))
    console.print(table)


def print_tracks(console: Console, picture: Picture) -> None:
    """Who waited for what, and which clock was held meanwhile: a bar for each."""
    tracks = [each for each in picture.tracks if each.spans]
    if not tracks or picture.duration <= 0:
        return
    names = max(len(each.name) for each in tracks)
    bar = max(LEAST_BAR, min(MOST_BAR, console.width - min(names, 40) - 6))
    table = Table(box=None, padding=(0, 1), pad_edge=False, title=LEGEND, title_style="dim",
                  title_justify="left")  # fmt: skip
    table.add_column("", overflow="ellipsis", no_wrap=True, max_width=40)
    end = f"{picture.duration:.2f} s"
    table.add_column(f"0 s{end:>{bar - 3}}", no_wrap=True, style="")
    for track in tracks:
        table.add_row(Text(track.name), _bar(track, picture.duration, bar))
    console.print(table)


def _bar(track: Track, duration: float, width: int) -> Text:
    cells = [(" ", "")] * width
    for span in track.spans:
        begin = min(int(span.begin / duration * width), width - 1)
        end = max(begin + 1, min(width, round(span.end / duration * width)))
        for place in range(begin, end):
            cells[place] = MARKS.get(span.kind, ("#", ""))
    text = Text()
    for mark, style in cells:
        text.append(mark, style)
    return text
