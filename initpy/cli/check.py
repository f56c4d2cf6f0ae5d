"""Prove layer by layer that an image can boot a root; install and change nothing.

From the root file system down to the bus, the command checks everything that the boot needs:
drivers with their dependencies, as the image's indexes list them; programs with their libraries;
udev rules and job files; firmware; the image's Python, which it runs from a copy. It checks file
systems and drivers unknown to initpy in the same way. For images of other generators, some rows
say `unknown`.

Examples:
  initpy check /boot/initpy-6.1.0-56-amd64.img
      check it against the root that is mounted at /
  initpy check IMAGE --root UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001
      check it against another root; a mount point works too: --root /mnt
  initpy check --describe > stack.json
      describe the layers below the root as JSON; check no image
  initpy check IMAGE --stack stack.json
      check it against the machine described there
  initpy check IMAGE --json
      print the rows as JSON

Describing device-mapper and LUKS layers requires root. Exit status: 0 the image boots; 77 it cannot
boot this root, and the table shows what is missing; 2 wrong usage or input; 3 the check could not
determine it.
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
from initpy.image.stack.ownroot import as_booted, elsewhere
from initpy.image.stack.system import Recording, Running
from initpy.image.status import Status

COLOURS = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.UNKNOWN: "magenta",
    Verdict.MISSING: "bold red",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("image", metavar="IMAGE", type=Path, nargs="?", help="initramfs or UKI")
    what = parser.add_argument_group("which root")
    what.add_argument(
        "--root",
        metavar="SPEC",
        default="/",
        help="UUID=…, LABEL=…, a device, or its mount point (default: /)",
    )
    what.add_argument(
        "--stack", metavar="FILE", type=Path, help="the output of --describe, from any machine"
    )
    what.add_argument(
        "--cmdline",
        metavar="TEXT",
        help="the kernel command line of the boot (default: that of the boot loader's entry, of "
        "/etc/kernel/cmdline, or of the running system)",
    )
    what.add_argument(
        "-k",
        "--kernel",
        metavar="VERSION",
        help="kernel of the image (default: as the image shows)",
    )
    what.add_argument(
        "--modules-dir",
        metavar="DIR",
        type=Path,
        help="folder of that kernel's modules (default: /lib/modules/VERSION)",
    )
    how = parser.add_argument_group("how")
    how.add_argument("--describe", action="store_true", help="print the layers below the root")
    how.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        help="write all facts read from the system, for a bug report: names and numbers, no keys",
    )
    how.add_argument("--json", action="store_true", help="print JSON")
    talk = how.add_mutually_exclusive_group()
    talk.add_argument("-q", "--quiet", action="store_true", help="show only what is not ok")
    talk.add_argument("-v", "--verbose", action="store_true", help="show all rows (the default)")
    how.add_argument("--no-run", action="store_true", help="do not run the image's interpreter")


def run(arguments: argparse.Namespace) -> int:
    """Describe, prove and print; return the exit status."""
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
    # Imported late: --describe does not need these libraries.
    from initpy.image.check.check import kernel_of, prove
    from initpy.image.check.machine import in_folder, nothing, written_in
    from initpy.image.check.proof import Verdict
    from initpy.image.formats.archive import read_archive
    from initpy.image.kernel.external import screen

    base = _mounted_at(arguments)
    with _progress(f"reading {arguments.image}"):
        archive = read_archive(arguments.image)
        kernel = arguments.kernel or kernel_of(archive, stack)
        proof = prove(
            archive,
            stack,
            kernel,
            modules=arguments.modules_dir,
            run=not arguments.no_run,
            cmdline=arguments.cmdline,
            machine=nothing if base is None else in_folder(base),
            changed=nothing if base is None else written_in(base),
        )
    if arguments.json:
        print(json.dumps(as_json(proof), indent=1))
    else:
        print_table(proof, quiet=arguments.quiet)
        lacking = [each.module for each in proof.of(Verdict.MISSING) if each.module]
        for line in screen(lacking, kernel):
            print(line)
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
        return as_booted(describe(arguments.root, system), elsewhere())
    finally:
        if arguments.record is not None:
            arguments.record.write_text(system.to_json(), encoding="utf-8")


def _mounted_at(arguments: argparse.Namespace) -> str | None:
    """Return the folder where the described system is mounted, "" for this one; None if nowhere."""
    folder = arguments.root
    if arguments.stack is not None or not folder.startswith("/") or not Path(folder).is_dir():
        return None
    return str(folder.rstrip("/"))


def as_json(proof: Proof) -> dict[str, object]:
    """Return the proof as plain values for JSON."""
    return {
        **asdict(proof),
        "bootable": proof.bootable,
        "certain": proof.certain,
        "status": int(proof.status),
    }


def print_table(proof: Proof, *, quiet: bool = False) -> None:
    """Print the rows, each layer's name once, and the closing line; if `quiet`, no ok rows."""
    from initpy.report.drawing import Console, Table, Text

    table = Table("layer", "need", "", "reason", box=None, pad_edge=False)
    before = ""
    for row in proof.rows:
        if quiet and row.verdict is Verdict.OK:
            continue
        layer = "" if row.layer == before else row.layer
        before = row.layer
        verdict = Text(row.verdict.value, style=COLOURS[row.verdict])
        table.add_row(Text(layer), Text(row.need), verdict, Text(row.reason))
    console = Console(width=None if sys.stdout.isatty() else 160)
    if table.row_count:
        console.print(table)
    style = "green" if proof.status is Status.OK else "bold red"
    console.print(Text(f"\n{proof.summary()}", style=style), soft_wrap=True)


def _progress(text: str) -> AbstractContextManager[object]:
    if not sys.stderr.isatty():
        return nullcontext()
    from initpy.report.drawing import Console

    return Console(stderr=True).status(text)
