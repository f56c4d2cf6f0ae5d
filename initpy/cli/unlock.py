"""Give the passphrase or the key of an encrypted volume.

  initpy unlock                      the only volume that is locked; asks for its
                                     passphrase, which is not shown
  initpy unlock crypt                by the name of its mapping, its node (/dev/vda2),
                                     UUID or label
  initpy unlock crypt --key-file F   with a key file, used as it is, up to 64 KiB

The passphrase may come through a pipe too. Says whether it was right; one that
was wrong costs nothing but the time. `initpy status` names what is locked. Works
inside the initramfs only.
"""

import argparse
import sys
import termios

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    parser.add_argument("volume", nargs="?", default="", help="which one, if several are locked")
    parser.add_argument("--key-file", metavar="FILE", help="the key is the content of this file")


def run(arguments: argparse.Namespace) -> int:
    """Read the secret and pass it to the engine through its socket, never as an argument (R14)."""
    try:
        secret = _key(arguments.key_file) if arguments.key_file else _passphrase(arguments.volume)
    except OSError as error:
        print(f"initpy: {error.filename or 'the terminal'}: {error.strerror}", file=sys.stderr)
        return 1
    if not secret:
        print("initpy: nothing was given; nothing is tried", file=sys.stderr)
        return 1
    try:
        # Deriving the key may take long, and what is before it too.
        return ask(f"unlock {len(secret)} {arguments.volume}", secret, patience=None)
    finally:
        secret[:] = bytes(len(secret))


def _key(path: str) -> bytearray:
    with open(path, "rb") as file:
        return bytearray(file.read())


def _passphrase(volume: str) -> bytearray:
    """A line from the terminal, not echoed, or from a pipe."""
    keyboard = sys.stdin.buffer
    if not keyboard.isatty():
        return bytearray(keyboard.readline().rstrip(b"\n"))
    descriptor = keyboard.fileno()
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~termios.ECHO
    try:
        # Silent before anybody is asked, and what was typed ahead is kept (R12).
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        print(f"Passphrase for {volume or 'the locked volume'}: ", end="", flush=True)
        return bytearray(keyboard.readline().rstrip(b"\n"))
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        print()
