"""The `initpy` command: one module for each subcommand, imported only on use."""

import argparse
import contextlib
import errno
import importlib
import re
import sys
from collections.abc import Iterable, Sequence

from initpy import __version__
from initpy.cli import streams
from initpy.config.errors import InputError

# Name -> summary. The module of the same name has `configure(parser)` and `run(arguments) -> int`.
SUBCOMMANDS = {
    "build": "build an initramfs image from the running system",
    "install": "build an image, prove that it boots this root, put it in place",
    "check": "prove that an image can boot this root",
    "inspect": "show the content of an image of any generator",
    "ls": "list the files of an image",
    "diff": "compare two images: what changed, and what it means for a boot",
    "why": "tell why a file is in an image",
    "boot": "boot a scenario file in a virtual machine, on real disks",
    "simulate": "boot a scenario file in virtual time",
    "explore": "search random simulated worlds for a boot that violates an invariant",
    "timeline": "draw the timeline of a boot from its journal",
    "graph": "draw the device stack of a scenario file or a journal",
    "replay": "replay a recorded boot and compare the core's decisions",
    "status": "in the initramfs: show what the boot waits for, and why",
    "unlock": "in the initramfs: pass the passphrase or key of a volume",
    "retry": "in the initramfs: try failed jobs again",
    "wait": "in the initramfs: wait longer for the root device",
    "journal": "in the initramfs or later: show the events of a boot",
}


# The status that a shell reports for a program killed by SIGPIPE.
READER_GONE = 141
NO_ROOM = 5  # as of `initpy build`
LEADING = ("-q", "--quiet", "-v", "--verbose")


def _lacking(command: str, error: ModuleNotFoundError) -> int:
    """Name the Debian package of a module that is not installed; return the exit status."""
    module = (error.name or "").partition(".")[0]
    if module in ("", "initpy"):
        raise error
    from initpy.image.missing import module_package  # rare

    hint = f"apt install {module_package(module)} (in a checkout: make setup)"
    print(f"initpy: `initpy {command}` needs the module {module}: {hint}", file=sys.stderr)
    return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; return its exit status, or 2 for wrong usage or input."""
    words = list(sys.argv[1:] if argv is None else argv)
    streams.prepare()
    if words[:1] == ["help"]:
        words = [*words[1:2], "--help"]
    chosen = next((word for word in words if not word.startswith("-")), "")
    if words and words[0] in LEADING:  # before the command as well as after it
        words = [*words[words.index(chosen) :], *words[: words.index(chosen)]] if chosen else words
    try:
        status = _run(words, chosen)
        sys.stdout.flush()
    except InputError as error:
        print(f"initpy: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        return _lacking(chosen, error)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        streams.discard()  # a reader such as `head` has ended
        return READER_GONE
    except OSError as error:
        # Standard output on a full disk, a folder that vanished: the reason, not where it was met
        where = f"{error.filename}: " if error.filename else ""
        print(f"initpy: {where}{error.strerror or error}", file=sys.stderr)
        with contextlib.suppress(OSError):
            streams.discard()
        return NO_ROOM if error.errno == errno.ENOSPC else 1
    return status


def _meant(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word that WORD looks like, `--opt=value` included; or "" ."""
    from difflib import get_close_matches  # only for a mistake

    close = get_close_matches(word.partition("=")[0], list(known), n=1)
    return f" (do you mean {close[0]}?)" if close else ""


def _run(words: Sequence[str], chosen: str) -> int:
    """Parse the words, of which CHOSEN is the subcommand, and run it."""
    parser = argparse.ArgumentParser(
        prog="initpy",
        description="An event-driven init for the initramfs.",
        epilog="`initpy COMMAND --help` explains each command.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"initpy {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    modules = {}
    mistaken = parser
    if chosen and chosen not in SUBCOMMANDS:
        parser.error(f"unknown command {chosen!r}{_meant(chosen, SUBCOMMANDS)}")
    for name, summary in SUBCOMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=summary)
        if name == chosen:
            modules[name] = importlib.import_module(f"initpy.cli.{name}")
            sub.description = modules[name].__doc__
            sub.formatter_class = argparse.RawDescriptionHelpFormatter
            modules[name].configure(sub)
            mistaken = sub
    # With its usage, not with that of the command alone: it names the options that there are
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        known = re.findall(r"(?<!\S)--[a-z-]+", mistaken.format_help())
        mistaken.error(f"unknown argument {unknown[0]!r}{_meant(unknown[0], known)}")
    if arguments.command is None:
        parser.print_help()
        return 0
    return int(modules[arguments.command].run(arguments))
