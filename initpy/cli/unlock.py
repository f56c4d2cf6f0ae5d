"""Pass the passphrase or key of an encrypted volume to the boot.

  initpy unlock                      the only locked volume; asks for its passphrase
                                     without echo
  initpy unlock crypt                a volume by mapping name, device (/dev/vda2),
                                     UUID or label
  initpy unlock crypt --key-file F   with the content of a key file, up to 64 KiB

The passphrase may also come from a pipe. The command reports whether it was
right; after a wrong one, try again. `initpy status` lists locked volumes.
Works inside the initramfs only.
"""

import argparse
import sys
import termios

from initpy.cli.asking import ask


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("volume", nargs="?", default="", help="required if several are locked")
    parser.add_argument("--key-file", metavar="FILE", help="use the content of this file as key")


def run(arguments: argparse.Namespace) -> int:
    """Read the secret and send it through the engine's socket, never as an argument (R14)."""
    try:
        secret = _key(arguments.key_file) if arguments.key_file else _passphrase(arguments.volume)
    except OSError as error:
        print(f"initpy: {error.filename or 'the terminal'}: {error.strerror}", file=sys.stderr)
        return 1
    if not secret:
        print("initpy: the passphrase or key is empty; nothing was tried", file=sys.stderr)
        return 1
    try:
        # Key derivation may take long, and earlier attempts too: the engine says how long it is.
        return ask(f"unlock {len(secret)} {arguments.volume}", secret)
    finally:
        secret[:] = bytes(len(secret))


def _key(path: str) -> bytearray:
    with open(path, "rb") as file:
        return bytearray(file.read())


def _passphrase(volume: str) -> bytearray:
    """Read a line from the terminal without echo, or from a pipe."""
    keyboard = sys.stdin.buffer
    if not keyboard.isatty():
        return bytearray(keyboard.readline().rstrip(b"\n"))
    descriptor = keyboard.fileno()
    before = termios.tcgetattr(descriptor)
    silent = termios.tcgetattr(descriptor)
    silent[3] &= ~termios.ECHO
    try:
        # Disable echo before the prompt; TCSADRAIN keeps what was typed ahead (R12).
        termios.tcsetattr(descriptor, termios.TCSADRAIN, silent)
        print(f"Passphrase for {volume or 'the locked volume'}: ", end="", flush=True)
        return bytearray(keyboard.readline().rstrip(b"\n"))
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        print()
