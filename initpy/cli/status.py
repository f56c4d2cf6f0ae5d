"""What the boot waits for, and why, as a tree.

Works inside the initramfs only (in its rescue shell): it asks the running
engine. Times are seconds.
"""

import argparse
import socket
import sys

SOCKET = "/run/initpy/control"


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> int:
    """Ask the engine and print its answer."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(SOCKET)
            connection.sendall(b"status\n")
            with connection.makefile("r", encoding="utf-8") as answer:
                sys.stdout.write(answer.read())
    except OSError as error:
        print(
            f"initpy: no engine answers on {SOCKET}: {error.strerror or error}; "
            "`initpy status` works inside the initramfs",
            file=sys.stderr,
        )
        return 1
    return 0
