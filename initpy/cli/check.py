"""Can this image boot this root? Proved layer by layer; nothing is installed or changed.

From the root file system down to the bus, everything that the boot takes is looked at: drivers with
all that they depend on, as the image's own indexes have them; programs with their libraries; udev
rules and job files; firmware; the image's Python, which is run from a copy. A file system or driver
that initpy has never heard of is proved the same way. Images of other makers are judged as far as
that goes, and the rows say what is not known.

Examples:
  initpy check /boot/initpy-6.1.0-56-amd64.img
      does it boot the root that is mounted at / now?
  initpy check IMAGE --root UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001
      a root that is not mounted; a folder where one is mounted (--root /mnt) will do too
  initpy check --describe > stack.json
      what the root stands on, as JSON; no image is looked at
  initpy check IMAGE --stack stack.json
      does it boot that machine?
  initpy check IMAGE --json
      the rows for a program

Describing dm and LUKS layers takes root's rights. Exit status: 0 it boots; 77 it cannot boot this
root, the table says for want of what; 2 wrong usage or input; 3 it could not be found out.
"""

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.check.proof import Proof, Verdict
from initpy.image.stack.describe import StackError, describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.system import Recording, Running
from initpy.image.status import Status

COLOURS = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.MISSING: "bold red",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    parser.add_argument("image", metavar="IMAGE", type=Path, nargs="?", help="initramfs or UKI")
    what = parser.add_argument_group("which root")
    what.add_argument(
        "--root",
        metavar="SPEC",
        default="/",
        help="UUID=…, LABEL=…, a device, or the folder where it is mounted (default: /)",
    )
    what.add_argument(
        "--stack", metavar="FILE", type=Path, help="the output of --describe, of any machine"
    )
    what.add_argument(
        "--kernel", metavar="VERSION", help="which kernel the image is for (default: it tells)"
    )
    what.add_argument(
        "--modules-dir",
        metavar="DIR",
        type=Path,
        help="where that kernel's modules are (default: /lib/modules/VERSION)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--describe", action="store_true", help="print what the root stands on")
    how.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        help="keep what was read of the system, for a bug report: names and numbers, no keys",
    )
    how.add_argument("--json", action="store_true", help="rows as JSON")
    how.add_argument(
        "--no-run", action="store_true", help="do not start the image's interpreter to try it"
    )


def run(arguments: argparse.Namespace) -> int:
    """Describe, prove, print; returns the exit status."""
    if arguments.image is None and not arguments.describe:
        raise InputError("IMAGE", None, "the image to check, or --describe")
    try:
        stack = _stack(arguments)
    except StackError as error:
        print(f"initpy: {error}", file=sys.stderr)
        return Status.UNKNOWN
    if arguments.describe:
        print(stack.to_json(), end="")
        return Status.OK
    # Not for those who only describe: reading images takes libraries.
    from initpy.image.check.check import kernel_of, prove
    from initpy.image.formats.archive import read_archive

    with _progress(f"reading {arguments.image}"):
        archive = read_archive(arguments.image)
        kernel = arguments.kernel or kernel_of(archive, stack)
        proof = prove(
            archive, stack, kernel, modules=arguments.modules_dir, run=not arguments.no_run
        )
    if arguments.json:
        print(json.dumps(as_json(proof), indent=1))
    else:
        print_table(proof)
    return proof.status


def _stack(arguments: argparse.Namespace) -> Stack:
    if arguments.stack is not None:
        try:
            text = arguments.stack.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            expected = "the output of `initpy check --describe`"
            raise InputError(str(arguments.stack), str(error), expected) from None
        return Stack.from_json(text, str(arguments.stack))
    system = Recording(Running())
    try:
        return describe(arguments.root, system)
    finally:
        if arguments.record is not None:
            arguments.record.write_text(system.to_json(), encoding="utf-8")


def as_json(proof: Proof) -> dict[str, object]:
    """The proof for programs."""
    return {
        **asdict(proof),
        "bootable": proof.bootable,
        "certain": proof.certain,
        "status": int(proof.status),
    }


def print_table(proof: Proof) -> None:
    """The rows, a layer's name once, and the closing line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("layer", "need", "", "reason", box=None, pad_edge=False)
    before = ""
    for row in proof.rows:
        layer = "" if row.layer == before else row.layer
        before = row.layer
        verdict = Text(row.verdict.value, style=COLOURS[row.verdict])
        table.add_row(Text(layer), Text(row.need), verdict, Text(row.reason))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    style = "green" if proof.status is Status.OK else "bold red"
    console.print(Text(f"\n{proof.summary()}", style=style), soft_wrap=True)


def _progress(text: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(text)
