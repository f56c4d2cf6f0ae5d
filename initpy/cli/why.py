"""Tell why a file is in an image: the source that wants it, or the files that need it.

An image by initpy records which job file, which group of the recipe, which
parameter of the build or which layer below the root wants a program, a module or
a file. For images of other generators, and for consequences of a wish, the
command examines the image: which program links with a library, which module
depends on a module, which link points to a file, which rule calls a program.

Examples:
  initpy why image.img /usr/lib/x86_64-linux-gnu/libargon2.so.1
      cryptsetup's library links with it; luks.toml wants cryptsetup
  initpy why image.img libcrc32c
      a module, program or file by name
  initpy why --json /boot/initrd.img dm_mod
      print all reasons as JSON

Exit status: 0 there is a reason; 1 no reason found; 2 not an image, a damaged
image, no such file, or wrong parameters.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from initpy.cli import talk
from initpy.cli.showing import console, plain, size, watched
from initpy.image.formats.archive import read_archive
from initpy.image.inspect.reasons import Answer, Why, describe
from initpy.image.tree import File

# More reasons than this are only counted.
SHOWN = 8


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="an initramfs or a UKI")
    parser.add_argument("file", metavar="FILE", help="a path in the image, or a name")
    talk.configure(parser, "print nothing; the exit status tells", "show all reasons")
    parser.add_argument("--json", action="store_true", help="print all reasons as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the answer; return the exit status."""
    with watched("reading the image") as progress:
        answer = Why(read_archive(arguments.image), progress).answer(arguments.file)
    if arguments.json:
        print(json.dumps(as_json(answer), indent=1))
    elif not arguments.quiet:
        show(answer, everything=arguments.verbose)
    return 0 if answer.reasons or answer.inside else 1


def as_json(answer: Answer) -> dict[str, object]:
    """Return the answer as plain values for JSON."""
    return {
        "path": answer.path,
        "kind": describe(answer.entry),
        "reasons": [asdict(reason) for reason in answer.reasons],
        "chain": [asdict(reason) for reason in answer.chain],
        "inside": answer.inside,
    }


def show(answer: Answer, *, everything: bool = False) -> None:
    """Print the answer as a tree: the shortest chain, then the other reasons."""
    from initpy.report.drawing import Tree

    amount = f", {size(answer.entry.size())}" if isinstance(answer.entry, File) else ""
    top = Tree(f"[bold]{plain(answer.path)}[/]: {plain(describe(answer.entry))}{amount}")
    first = answer.chain[0] if answer.chain else None
    others = [reason for reason in answer.reasons if reason != first]
    if first is not None:
        branch = top.add(plain(first.text()))
        for reason in answer.chain[1:]:
            branch = branch.add(plain(reason.text()))
    shown = len(others) if everything else SHOWN
    for reason in others[:shown]:
        top.add(plain(reason.text()))
    if len(others) > shown:
        top.add(f"and {len(others) - shown} more (-v)")
    if answer.inside:
        top.add(f"contains {answer.inside} entries; name one of them")
    if not answer.reasons and not answer.inside:
        top.add("nothing in the image refers to it")
    console().print(top, highlight=False)
