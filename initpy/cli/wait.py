"""Wait longer for the root device.

  initpy wait 300          300 seconds from now
  initpy wait forever      as long as it takes

A reboot that panic= or rd.emergency= has announced is called off; when the time
is over without root, the failure screen comes again. Works inside the initramfs
only.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    parser.add_argument("time", metavar="SECONDS|forever", type=_time, help="how long from now")


def _time(text: str) -> str:
    if text != "forever" and not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, or forever")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Ask the engine."""
    return ask(f"wait {arguments.time}")
