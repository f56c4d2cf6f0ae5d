"""Try again what has failed: unlocking, activating, mounting, checking.

  initpy retry             after a repair, or a change in the shell

The wait for root begins afresh too. What failed is named. Leaving the shell
with `exit` does the same. Works inside the initramfs only.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Ask the engine."""
    return ask("retry")
