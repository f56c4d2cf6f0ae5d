"""Show what the boot waits for, and why, as a tree.

Root is at the top. Below are the devices that may lead to it, the jobs on each,
and every wait: since when, its deadline, and the holds on it. Devices without a
driver come last.

  initpy status            text, 76 columns wide
  initpy status --json     JSON; times in seconds since the kernel's start

Works only inside the initramfs, in its rescue shell: it asks the running engine.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Ask the engine and print its answer; return the exit status."""
    return ask("status json" if arguments.json else "status")
