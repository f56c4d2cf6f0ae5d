"""The `initpy` command: one module per subcommand, imported only when it is called."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from initpy.config.errors import InputError

# name -> what it does; the module of the same name in this package has
# `configure(parser)` and `run(arguments) -> int`.
SUBCOMMANDS = {
    "build": "build an initramfs image from the running system",
    "install": "build an image, prove that it boots this root, put it in place",
    "check": "prove that an image can boot this root",
    "inspect": "show what an image consists of, whoever made it",
    "ls": "list the files of an image",
    "diff": "compare two images: what changed, and what it means",
    "why": "say what a file is in an image for",
    "boot": "boot a scenario file in QEMU on real disks",
    "simulate": "boot a scenario file in virtual time",
    "explore": "search random simulated worlds for a boot that breaks a promise",
    "timeline": "draw the timeline of a boot from its journal",
    "graph": "draw what stands on what, from a scenario file or a journal",
    "replay": "compare the decisions of a recorded boot with those of the core now",
    "status": "inside the initramfs: what the boot waits for, and why",
    "unlock": "inside the initramfs: give the passphrase or key of a volume",
    "retry": "inside the initramfs: try again what has failed",
    "wait": "inside the initramfs: wait longer for the root device",
    "journal": "inside the initramfs or after: what has happened",
}


# As a shell has it of a program that SIGPIPE ended.
READER_GONE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; the exit status is the subcommand's, 2 for wrong usage or input."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="initpy",
        description="An event-driven init for the initramfs.",
        epilog="`initpy COMMAND --help` explains each command.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    modules = {}
    for name, summary in SUBCOMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            try:
                modules[name] = importlib.import_module(f"initpy.cli.{name}")
            except ModuleNotFoundError as error:
                if error.name is None or error.name.startswith("initpy"):
                    raise
                hint = "pip install 'initpy[desk]' (or `make setup` in a checkout) brings it"
                print(f"initpy: `initpy {name}` needs the module {error.name}; {hint}",
                      file=sys.stderr)  # fmt: skip
                return 1
            sub.description = modules[name].__doc__
            sub.formatter_class = argparse.RawDescriptionHelpFormatter
            modules[name].configure(sub)
    arguments = parser.parse_args(words)
    try:
        status = int(modules[arguments.command].run(arguments))
        sys.stdout.flush()
    except InputError as error:
        print(f"initpy: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `| head` has read enough. What is still buffered must not be complained of at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return status
