"""Compare two images: what changed, and what it means for a boot.

The images may be of any generator, in any compression, for different kernels.
The comparison ignores the kernel's release in paths. It shows changed lines of
text files, except of files that only root can read.

Examples:
  initpy diff /boot/initpy-6.1.0-56-amd64.img.old /boot/initpy-6.1.0-56-amd64.img
      show the changes of the last build
  initpy diff --all generic.img host.img
      show all paths and lines
  initpy diff --json a.img b.img | jq '.meanings[] | select(.weight == "breaks")'
      list what a root that worked with a.img may lack in b.img

Exit status: 0 same content; 1 different; 2 not an image, a damaged image, or
wrong parameters.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from initpy.cli import talk
from initpy.cli.showing import console, plain, say, size, table, watched
from initpy.image.formats.archive import read_archive
from initpy.image.inspect.difference import Difference, How, compare
from initpy.image.inspect.meaning import Meaning, Sides, meanings
from initpy.image.inspect.survey import survey
from initpy.image.kernel.roles import Weight

# Without --all, more paths, modules or lines than these are only counted.
PATHS, NAMES, LINES = 30, 60, 40
STYLES = {Weight.BREAKS: "red", Weight.WARNS: "yellow", Weight.NOTE: ""}
# Kinds whose names are listed separately.
BY_NAME = ("kernel modules",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("first", metavar="A", type=Path, help="an initramfs or a UKI")
    parser.add_argument("second", metavar="B", type=Path, help="the image to compare with it")
    talk.configure(
        parser, "show only the meaning for a boot", "show all paths and lines", ("--all",)
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Compare the images and print the result; return the exit status."""
    with watched("reading the images") as progress:
        first, second = read_archive(arguments.first), read_archive(arguments.second)
        sides = Sides(first, second, survey(first, progress), survey(second, progress))
        difference = compare(first, second, progress)
        means = meanings(sides, difference, progress)
    if arguments.json:
        print(json.dumps(as_json(sides, difference, means), indent=1))
    else:
        if not arguments.quiet:
            _show_sizes(sides, same=not difference and not means)
        _show_meaning(means)
        if not arguments.quiet:
            _show_details(difference, everything=arguments.verbose)
    return 1 if difference or means else 0


def as_json(sides: Sides, difference: Difference, means: tuple[Meaning, ...]) -> dict[str, object]:
    """Return everything as plain values for JSON; sizes are bytes."""
    return {
        "first": {"image": str(sides.first.path), "size": sides.first.size},
        "second": {"image": str(sides.second.path), "size": sides.second.size},
        "meanings": [meaning._asdict() for meaning in means],
        **asdict(difference),
        "kinds": [{"kind": kind, "before": old, "after": new} for kind, old, new in _kinds(sides)],
    }


def _show_sizes(sides: Sides, *, same: bool) -> None:
    out = console()
    for name, archive, found in (
        ("A", sides.first, sides.before), ("B", sides.second, sides.after),
    ):  # fmt: skip
        maker = found.generator or "an unknown generator"
        kernels = ", ".join(found.kernels) or "no kernel"
        what = f"{archive.path}: {size(archive.size)}, by {maker}, for {kernels}"
        out.print(f"[bold]{name}[/] {plain(what)}", highlight=False)
    if same:
        out.print("the content is the same")
        return
    rows = [(kind, size(old), size(new), _signed(new - old)) for kind, old, new in _kinds(sides)]
    table("content before compression", ("kind", "A>", "B>", "change>"), rows)


def _show_meaning(means: tuple[Meaning, ...]) -> None:
    if means:
        console().print("[bold]meaning for a boot[/]")
    for weight, text in means:
        say(f"  {weight.value:<6} {text}", STYLES[weight])


def _show_details(difference: Difference, *, everything: bool) -> None:
    out = console()
    for title, names in (("gone", difference.modules_gone), ("new", difference.modules_new)):
        if names:
            text = ", ".join(_cut(names, NAMES, everything))
            out.print(
                f"[bold]{len(names)} kernel modules {title}[/]: {plain(text)}", highlight=False
            )
    for how in How:
        paths = [each for each in difference.of(how) if each.kind not in BY_NAME]
        if paths:
            out.print(f"[bold]{len(paths)} other paths {how.value}[/]")
        lines = [f"{each.path}: {each.what}" for each in paths]
        for line in _cut(lines, PATHS, everything):
            say(f"  {line}")
    for changed in difference.texts:
        out.print(f"[bold]{plain(changed.path)}[/]")
        for line in _cut(changed.lines, LINES, everything):
            style = {"+": "green", "-": "red"}.get(line[:1], "")
            say(f"  {line}", style)


def _kinds(sides: Sides) -> Iterator[tuple[str, int, int]]:
    before = {kind.name: kind.size for kind in sides.before.kinds}
    after = {kind.name: kind.size for kind in sides.after.kinds}
    largest = {name: max(before.get(name, 0), after.get(name, 0)) for name in before | after}
    for name in sorted(largest, key=lambda name: -largest[name]):
        yield name, before.get(name, 0), after.get(name, 0)


def _signed(amount: int) -> str:
    return f"{'-' if amount < 0 else '+'}{size(abs(amount))}" if amount else ""


def _cut(lines: tuple[str, ...] | list[str], most: int, everything: bool) -> Iterator[str]:
    shown = len(lines) if everything else most
    yield from lines[:shown]
    if len(lines) > shown:
        yield f"… and {len(lines) - shown} more (--all)"
