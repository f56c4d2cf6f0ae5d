"""The options -v and -q, which every command that prints more than an answer has."""

import argparse


def configure(
    parser: argparse.ArgumentParser, quiet: str, verbose: str = "", names: tuple[str, ...] = ()
) -> None:
    """Add -q and, if `verbose` tells what it does, -v; `names` are more names of -v.

    The results are `quiet` and `verbose` of the arguments.
    """
    talk = parser.add_mutually_exclusive_group()
    if verbose:
        talk.add_argument(
            *names, "-v", "--verbose", dest="verbose", action="store_true", help=verbose
        )
    talk.add_argument("-q", "--quiet", action="store_true", help=quiet)
