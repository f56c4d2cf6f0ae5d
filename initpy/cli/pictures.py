"""The options that draw a real or simulated boot: --svg, --html, --trace."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError

WAYS = ("svg", "html", "trace")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--svg", metavar="FILE", type=Path, help="write an SVG picture")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="write an HTML page with picture and events"
    )
    parser.add_argument(
        "--trace", metavar="FILE", type=Path, help="write a trace for https://ui.perfetto.dev"
    )


def wanted(arguments: argparse.Namespace) -> bool:
    """Return whether the options ask for a picture."""
    return any(getattr(arguments, way) is not None for way in WAYS)


def write(
    arguments: argparse.Namespace,
    journal: Sequence[dict[str, Any]],
    title: str,
    subtitle: str = "",
    acts: Sequence[tuple[float, str]] = (),
) -> None:
    """Write the requested files. Raises InputError if a file cannot be written.

    `acts` are the times and texts of the user's actions and of faults, if known.
    """
    from initpy.report.page import page
    from initpy.report.svg import svg
    from initpy.report.trace import trace
    from initpy.report.tracks import picture

    draw: dict[str, Callable[[], str]] = {
        "svg": lambda: svg(picture(journal, acts), title, subtitle),
        "html": lambda: page(journal, title, subtitle, acts),
        "trace": lambda: trace(picture(journal, acts), title),
    }
    for way in WAYS:
        path: Path | None = getattr(arguments, way)
        if path is None:
            continue
        try:
            path.write_text(draw[way](), encoding="utf-8", errors="replace")
        except OSError as error:
            raise InputError(f"--{way}", str(path), f"a file to write ({error.strerror})") from None
