"""Can this image boot this root? Proved layer by layer, nothing installed or changed.

From the root file system down to the bus every layer is looked at: its driver with all that it
depends on, the programs with their libraries, firmware, udev rules and job files.

Examples:
  initpy check --describe
      what the running system's root stands on, as JSON
  initpy check --describe --root UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001
      the same for a root that is not mounted; a folder where it is mounted will do too
"""

import argparse
import sys
from pathlib import Path

from initpy.image.stack import StackError, describe
from initpy.image.status import Status
from initpy.image.system import Recording, Running


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    parser.add_argument(
        "--root",
        metavar="SPEC",
        default="/",
        help="UUID=…, LABEL=…, a device, or the folder where it is mounted (default: /)",
    )
    parser.add_argument(
        "--describe", action="store_true", help="print what the root stands on, as JSON; no more"
    )
    parser.add_argument(
        "--record",
        metavar="FILE",
        type=Path,
        help="keep what was read of the system, for a bug report: names and numbers, no keys",
    )


def run(arguments: argparse.Namespace) -> int:
    """Describe; returns the exit status."""
    system = Recording(Running())
    try:
        stack = describe(arguments.root, system)
    except StackError as error:
        print(f"initpy: {error}", file=sys.stderr)
        return Status.UNKNOWN
    finally:
        if arguments.record is not None:
            arguments.record.write_text(system.to_json(), encoding="utf-8")
    print(stack.to_json(), end="")
    return Status.OK
