"""What the boot waits for, and why, as a tree.

Root stands at the top; below it the devices that may lead to it, what is done
with each, and every wait: since when, how long it will last, and what holds its
clock. Devices without a driver come last.

  initpy status            for people, 76 columns wide
  initpy status --json     for programs; times in seconds since the kernel started

Works inside the initramfs only (in its rescue shell): it asks the running
engine. Times are seconds.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Ask the engine and print its answer."""
    return ask("status json" if arguments.json else "status")
