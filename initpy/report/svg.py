"""Draw a boot as one self-contained SVG, light or dark like the reader's screen."""

import math
from collections.abc import Iterable

from initpy.report.markup import clean, element
from initpy.report.tracks import Kind, Moment, Picture, Span, Track

WIDTH, LABELS, RIGHT = 1200, 250, 24
PLOT = WIDTH - LABELS - RIGHT
HEAD, ROW, GROUP, AXIS, FOOT = 66, 22, 24, 22, 34
BAR = 14
DOT, MOST_LINES = 4, 4  # a moment's mark; most lines of a track of moments
# width of a letter in the bars' font: average, and widest
LETTER = 6.1
TICKS = 10
COLOURS = {
    Kind.ENGINE: "#7d8597",
    Kind.WAITS: "#d9dde5",
    Kind.RUNS: "#3b82c4",
    Kind.EFFECT: "#9cc4e4",
    Kind.FAILED: "#d1495b",
    Kind.PROMPT: "#e0a100",
    Kind.SHELL: "#a1786a",
    Kind.COUNTS: "#c3c9d4",
    Kind.HELD: "#a184cf",
    Kind.DEVICE: "#4a9d6f",
    Kind.SAYS: "#8b93a5",
    Kind.OVER: "#d1495b",
    Kind.DONE: "#2f9e62",
}
LEGEND = {
    Kind.RUNS: "runs",
    Kind.EFFECT: "its effect is to show",
    Kind.WAITS: "waits its turn",
    Kind.FAILED: "failed",
    Kind.PROMPT: "the user is asked",
    Kind.COUNTS: "a clock counts",
    Kind.HELD: "is held",
    Kind.DEVICE: "a device shows",
}
STYLE = """
 text { fill: #1d2430; }
 .back { fill: #ffffff; } .grid { stroke: #e4e7ed; } .band { fill: #f4f6f9; }
 .dim, .dim text { fill: #667085; } .title { font-size: 17px; font-weight: 600; }
 .group { font-weight: 600; fill: #667085; } .bar text { font-size: 11px; }
 .inside { fill: #10151d; } .cause { fill: none; stroke: #8b93a5; stroke-dasharray: 3 3; }
 .dark { fill: #ffffff; } .bar:hover rect, .bar:hover circle { stroke: #1d2430; stroke-width: 2; }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6e9ef; } .back { fill: #14181f; } .grid { stroke: #2a303b; }
  .band { fill: #1a1f28; } .dim, .dim text, .group { fill: #98a2b3; } .inside { fill: #10151d; }
  .waits rect { fill: #3a4250; } .waits .inside { fill: #e6e9ef; }
  .bar:hover rect, .bar:hover circle { stroke: #ffffff; }
 }
"""


def svg(picture: Picture, title: str, subtitle: str = "") -> str:
    """Return the picture; text of the journal is escaped."""
    scale = PLOT / max(picture.duration, 0.001)
    rows = list(_rows(picture.tracks, scale))
    height = HEAD + AXIS + sum(GROUP if isinstance(each, str) else ROW for each in rows) + FOOT
    parts = [_opening(height, scale, title), element("style", STYLE)]
    parts += [f'<rect class="back" width="{WIDTH}" height="{height}"/>']
    parts += _head(title, subtitle, picture)
    bottom = height - FOOT
    parts += _grid(picture.duration, scale, HEAD + AXIS, bottom)
    y, middles = float(HEAD + AXIS), dict[str, float]()
    body = []
    for number, row in enumerate(rows):
        if isinstance(row, str):
            y += GROUP
            body.append(_text(row, 12, y - 7, "group"))
            continue
        middles.setdefault(row.name, y + ROW / 2)
        if number % 2:
            parts.append(f'<rect class="band" y="{y:.0f}" width="{WIDTH}" height="{ROW}"/>')
        body += _track(row, y, scale)
        y += ROW
    for cause in picture.causes:
        if cause.source in middles and cause.target in middles:
            body.append(
                _cause(
                    LABELS + cause.left * scale,
                    middles[cause.source],
                    LABELS + cause.reached * scale,
                    middles[cause.target],
                )
            )
    return "\n".join((*parts, *body, *_legend(height), "</svg>"))


def _rows(tracks: Iterable[Track], scale: float) -> Iterable[str | Track]:
    """Yield headings and tracks, from top to bottom."""
    group = None
    for track in tracks:
        if track.group != group:
            group = track.group
            yield group
        yield from [track] if track.spans else _lines(track, scale)


def _lines(track: Track, scale: float) -> list[Track]:
    """Split a track of moments into lines, so that their texts do not overlap."""
    lines: list[Track] = []
    ends: list[float] = []  # where the text of each line ends
    for moment in sorted(track.moments, key=lambda each: each.time):
        left, right = _extent(moment, scale)
        free = next((number for number, end in enumerate(ends) if end <= left), len(ends))
        if free == len(ends) and free < MOST_LINES:
            lines.append(Track(track.group, "" if lines else track.name))
            ends.append(0.0)
        free = min(free, MOST_LINES - 1)
        lines[free].moments.append(moment)
        ends[free] = max(ends[free], right)
    return lines


def _extent(moment: Moment, scale: float) -> tuple[float, float]:
    """Return where a moment's mark and text begin and end; text goes left near the right edge."""
    x, length = LABELS + moment.time * scale, len(moment.text) * LETTER + 2 * DOT
    if x + length + DOT > WIDTH and x - length > LABELS:
        return x - length - DOT, x + DOT
    return x - DOT, min(x + length + DOT, WIDTH)


def _opening(height: float, scale: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" '
        f'data-left="{LABELS}" data-scale="{scale:.4f}" font-family="system-ui, sans-serif" '
        f'font-size="12" role="img">\n{element("title", title)}'
    )


def _text(text: str, x: float, y: float, style: str = "") -> str:
    given = f' class="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{given}>{clean(text)}</text>'


def _short(text: str, pixels: float) -> str:
    room = int(pixels / LETTER)
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def _head(title: str, subtitle: str, picture: Picture) -> list[str]:
    line = " ".join(filter(None, (subtitle, f"{picture.duration:.2f} s from the start of /init")))
    return [
        _text(_short(title, 0.7 * WIDTH), 12, 24, "title"),
        _text(_short(line, WIDTH), 12, 42, "dim"),
        _text(_short(picture.command_line, WIDTH), 12, 58, "dim"),
    ]


def step(duration: float, most: int = TICKS) -> float:
    """Return a round distance of ticks (1, 2, 5 times a power of ten) for at most so many."""
    raw = max(duration, 0.001) / most
    power = 10.0 ** math.floor(math.log10(raw))
    return next(each * power for each in (1, 2, 5, 10) if each * power >= raw * 0.999)


def _grid(duration: float, scale: float, top: float, bottom: float) -> list[str]:
    lines, distance = [], step(duration)
    digits = max(0, -math.floor(math.log10(distance)))
    for number in range(int(duration / distance) + 1):
        x = LABELS + number * distance * scale
        lines.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 4}" y2="{bottom}"/>')
        lines.append(_text(f"{number * distance:.{digits}f} s", x - 8, top - 8, "dim"))
    return lines


def _track(track: Track, y: float, scale: float) -> list[str]:
    parts = [_text(_short(track.name, LABELS - 30), 24, y + ROW / 2 + 4)]
    begins = [each.begin for each in track.spans]
    starts = sorted(begins + [each.time for each in track.moments])
    for each in sorted(track.spans, key=lambda span: span.begin):
        room = next((start for start in starts if start > each.begin), None)
        parts.append(_span(track, each, y, scale, room))
    for moment in track.moments:
        later = [each for each in starts if each > moment.time]
        later += [each for each in begins if each == moment.time]
        parts.append(_moment(track, moment, y, scale, min(later, default=None)))
    return parts


def _group(track: Track, kind: Kind, time: float, told: str, content: str) -> str:
    """Return a part of the picture with a tooltip."""
    return (
        f'<g class="bar {kind}" data-track="{clean(track.name)}" data-t="{time:.6f}">'
        f"{element('title', told)}{content}</g>"
    )


def _span(track: Track, span: Span, y: float, scale: float, room: float | None) -> str:
    x, width = LABELS + span.begin * scale, max(2.0, (span.end - span.begin) * scale)
    content = (
        f'<rect x="{x:.1f}" y="{y + (ROW - BAR) / 2:.1f}" width="{width:.1f}" height="{BAR}" '
        f'rx="3" fill="{COLOURS[span.kind]}"/>'
    )
    needed = len(span.text) * LETTER + 8
    free = LABELS + (PLOT / scale if room is None else room) * scale - x - width
    plain = span.kind not in (Kind.WAITS, Kind.EFFECT)
    if needed <= width:
        style = "dark" if span.kind in (Kind.RUNS, Kind.FAILED) else "inside"
        content += _text(span.text, x + 4, y + ROW / 2 + 4, style)
    elif plain and (free > width or width < 60) and free > 60:
        content += _text(_short(span.text, free - 8), x + width + 4, y + ROW / 2 + 4, "dim")
    elif width > 60:
        style = "dark" if span.kind in (Kind.RUNS, Kind.FAILED) else "inside"
        content += _text(_short(span.text, width - 8), x + 4, y + ROW / 2 + 4, style)
    times = f"{span.begin:.3f} s to {span.end:.3f} s, {span.end - span.begin:.3f} s"
    details = [f"{key}: {value}" for key, value in span.details]
    told = "\n".join((f"{track.name}: {span.kind}", span.text, times, *details))
    return _group(track, span.kind, span.begin, told, content)


def _moment(track: Track, moment: Moment, y: float, scale: float, room: float | None) -> str:
    x, middle = LABELS + moment.time * scale, y + ROW / 2
    colour = COLOURS[moment.kind]
    content = f'<circle cx="{x:.1f}" cy="{middle:.1f}" r="{DOT}" fill="{colour}"/>'
    free = LABELS + (PLOT / scale if room is None else room) * scale - x
    begin, _ = _extent(moment, scale)
    if not track.spans and begin < x - DOT:
        content += (f'<text x="{x - 2 * DOT:.1f}" y="{middle + 4:.1f}" class="dim" '
                    f'text-anchor="end">{clean(moment.text)}</text>')  # fmt: skip
    elif free > min(50, len(moment.text) * LETTER + 16):
        content += _text(_short(moment.text, free - 16), x + 8, y + ROW / 2 + 4, "dim")
    told = f"{moment.time:.3f} s: {moment.text}"
    return _group(track, moment.kind, moment.time, told, content)


def _cause(x: float, y: float, to_x: float, to_y: float) -> str:
    """Return a curve from the end of a cause to the begin of its effect."""
    end = to_y - BAR / 2 if to_y > y else to_y + BAR / 2
    bend = max(8.0, (to_x - x) / 2)
    path = f"M{x:.1f} {y:.1f} C{x + bend:.1f} {y:.1f} {to_x:.1f} {y:.1f} {to_x:.1f} {end:.1f}"
    return f'<path class="cause" d="{path}"/>'


def _legend(height: float) -> list[str]:
    parts, x = [], 12.0
    for kind, words in LEGEND.items():
        parts.append(
            f'<g class="{kind}"><rect x="{x:.0f}" y="{height - 20:.0f}" width="14" height="10" '
            f'rx="2" fill="{COLOURS[kind]}"/></g>'
        )
        parts.append(_text(words, x + 19, height - 11, "dim"))
        x += 34 + len(words) * 6.6
    return parts
