"""Wait longer for the root device.

  initpy wait 300          300 seconds from now
  initpy wait forever      without a limit

The command cancels a reboot announced because of panic= or rd.emergency=. If
root does not appear in time, the failure screen comes again. Works inside the
initramfs only.
"""

import argparse

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("time", metavar="SECONDS|forever", type=_time, help="time from now")


def _time(text: str) -> str:
    if text != "forever" and not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of seconds, or forever")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Send the request to the engine; return the exit status."""
    return ask(f"wait {arguments.time}")
