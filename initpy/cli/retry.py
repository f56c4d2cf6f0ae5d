"""Try failed jobs again: unlocking, activating, mounting, checking.

  initpy retry             after a repair, or a change in the shell

The command also restarts the wait for root, and lists what had failed. `exit`
from the shell does the same. Works inside the initramfs only.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """Add no parameters."""


def run(arguments: argparse.Namespace) -> int:
    """Send the request to the engine; return the exit status."""
    return ask("retry")
