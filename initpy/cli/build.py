"""Build an initramfs image from the running system.

The image holds initpy, the interpreter with the modules it imports, kernel
modules with all they depend on, udev and its rules, and the programs that the
job files name, each with its libraries. The result is checked by running the
interpreter inside it, and takes the place of an older image in one step: if
anything goes wrong, the older one stays.

Examples:
  initpy build
      a generic image for the running kernel: /boot/initpy-VERSION.img
  initpy build --kernel 6.1.0-56-amd64 --output /tmp/test.img
      for another installed kernel, somewhere else
  initpy build --crypttab /etc/crypttab --add /etc/keys/root.key:/etc/keys/root.key
      with the names and options of encrypted volumes, and a key file; an image
      with a file that only root may read is itself readable by root alone
  initpy build --driver mlx5_core --driver drivers/infiniband/ --program strace
      with more kernel modules (a name, or a folder of the kernel's tree) and a
      program for looking around in the shell
  initpy build --job my-storage.toml
      with a technology of your own: see the job files that come with initpy
  initpy build --list
      what would be in the image, nothing written

The same content gives the same bytes. Times in the image are SOURCE_DATE_EPOCH,
or 1970. While another run writes the same image, this one waits for it.

Exit status: 0 built; 1 something is missing or failed; 2 wrong input; 4 a tool
is not installed; 5 no room; 77 the kernel lacks a module that the image must
have (yet); 130 or 143 interrupted. An older image is left as it was unless 0.
"""

import argparse
import contextlib
import os
import platform
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.build import (
    Assembled,
    BuildRequest,
    Progress,
    assemble,
    build,
    silent,
    with_recipe,
)
from initpy.image.compress import METHODS, NONE
from initpy.image.failures import EXPLAINED, status_of
from initpy.image.firmware import ROOT
from initpy.image.microcode import Microcode
from initpy.image.recipe import load_recipe, project_folder
from initpy.image.summary import megabytes, shares, summary_lines, warning_lines
from initpy.image.tree import Entry, File, Folder, Link, Node


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    configure_content(parser)
    how = parser.add_argument_group("how")
    how.add_argument("--dry-run", action="store_true", help="collect and check; write nothing")
    how.add_argument("--list", action="store_true", help="print what would be in the image")
    configure_talk(how)


def configure_talk(how: argparse._ArgumentGroup) -> None:
    """How much is said."""
    talk = how.add_mutually_exclusive_group()
    talk.add_argument("--verbose", action="store_true", help="times of the steps, all warnings")
    talk.add_argument("--quiet", action="store_true", help="warnings and errors only")


def configure_content(parser: argparse.ArgumentParser) -> None:
    """The parameters that say what is built: those of every command that builds."""
    what = parser.add_argument_group("what to build")
    what.add_argument(
        "--kernel",
        metavar="VERSION",
        default=platform.release(),
        help="the kernel the image is for (default: the running one, %(default)s)",
    )
    what.add_argument(
        "--modules-dir",
        metavar="DIR",
        type=Path,
        help="where that kernel's modules are (default: /lib/modules/VERSION)",
    )
    what.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="the image (default: /boot/initpy-VERSION.img)",
    )
    what.add_argument(
        "--recipe",
        metavar="FILE",
        type=Path,
        help="which drivers and programs to take (default: the generic recipe)",
    )
    what.add_argument(
        "--compression",
        choices=(*METHODS, NONE),
        help="how to compress (default: as the recipe says, or zstd)",
    )
    what.add_argument("--level", metavar="N", type=int, help="how hard to compress")
    what.add_argument(
        "--microcode",
        metavar="auto|none|DIR",
        default="auto",
        help="microcode to begin the image with: what this machine has in /lib/firmware, "
        "none, or from another such folder (default: %(default)s)",
    )
    more = parser.add_argument_group("what to add (each may be given several times)")
    more.add_argument(
        "--job",
        metavar="FILE|DIR",
        type=Path,
        action="append",
        default=[],
        help="more job files; one of the same file name replaces a built-in one",
    )
    more.add_argument(
        "--add",
        metavar="FILE:PATH",
        action="append",
        default=[],
        help="a file or folder of this machine, and its absolute path in the image",
    )
    more.add_argument(
        "--crypttab",
        metavar="FILE",
        type=Path,
        help="becomes /etc/crypttab: names, sources and options of encrypted volumes",
    )
    more.add_argument(
        "--driver",
        metavar="NAME",
        action="append",
        default=[],
        help="a kernel module, or a folder such as drivers/net/wireless/",
    )
    more.add_argument(
        "--program",
        metavar="NAME",
        action="append",
        default=[],
        help="a program by name or path, with its libraries",
    )


def run(arguments: argparse.Namespace) -> int:
    """Build; returns the exit status."""
    request = requested(arguments)
    quiet = bool(arguments.quiet or arguments.list)
    try:
        with ending_cleanly(), showing_progress(quiet) as progress:
            if arguments.dry_run or arguments.list:
                assembled = assemble(request, progress)
            else:
                report = build(request, progress)
                assembled = report.assembled
    except EXPLAINED as error:
        print(f"initpy: {error}", file=sys.stderr)
        if request.output.exists():
            print(f"initpy: {request.output} is left as it was", file=sys.stderr)
        return status_of(error)
    if arguments.list:
        print(*_listing(assembled), sep="\n")
        return 0
    if arguments.dry_run:
        size = sum(share.size for share in shares(assembled.tree))
        print(f"complete: {len(assembled.tree)} entries, {megabytes(size)} before compression")
    elif not arguments.quiet:
        print(*summary_lines(report, verbose=arguments.verbose), sep="\n")
    for line in warning_lines(assembled, verbose=arguments.verbose):
        print(f"initpy: warning: {line}", file=sys.stderr)
    return 0


def requested(arguments: argparse.Namespace) -> BuildRequest:
    """What the parameters ask for; InputError for one that cannot be used."""
    kernel = str(arguments.kernel)
    files = [_placed(text) for text in arguments.add]
    if arguments.crypttab is not None:
        if not arguments.crypttab.is_file():
            raise InputError("--crypttab", str(arguments.crypttab), "a file")
        files.append((arguments.crypttab, "/etc/crypttab"))
    recipe = load_recipe(arguments.recipe or project_folder("build") / "generic.toml")
    request = with_recipe(
        BuildRequest(
            kernel=kernel,
            modules=arguments.modules_dir or Path("/lib/modules", kernel),
            output=arguments.output or Path(f"/boot/initpy-{kernel}.img"),
            jobs=(project_folder("jobs"), *arguments.job),
            programs=tuple(arguments.program),
            drivers=tuple(arguments.driver),
            files=tuple(files),
            mtime=_source_date(),
            microcode=_microcode(arguments.microcode),
        ),
        recipe,
    )
    if arguments.compression is not None:
        request = replace(request, compression=arguments.compression, level=None)
    if arguments.level is not None:
        request = replace(request, level=arguments.level)
    return request


def _placed(text: str) -> tuple[Path, str]:
    source, _, path = text.partition(":")
    if not source or not path.startswith("/"):
        raise InputError("--add", text, "FILE:PATH, where PATH is absolute in the image")
    if not Path(source).exists():
        raise InputError("--add", text, f"an existing file or folder, which {source} is not")
    return Path(source), path


def _microcode(text: str) -> Microcode | None:
    if text == "none":
        return None
    if text == "auto":
        return Microcode(ROOT)
    if not Path(text).is_dir():
        raise InputError("--microcode", text, "auto, none, or a folder like /lib/firmware")
    return Microcode(Path(text))


def _source_date() -> int:
    """The time all files get (reproducible-builds.org/specs/source-date-epoch)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isascii() or not text.isdigit() or int(text) > 0xFFFF_FFFF:
        raise InputError("SOURCE_DATE_EPOCH", text, "seconds since 1970, a whole number")
    return int(text)


@contextlib.contextmanager
def ending_cleanly() -> Iterator[None]:
    """A build that is told to end takes its unfinished file along."""

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def showing_progress(quiet: bool) -> Iterator[Progress]:
    """Tell what is being done: a line that moves on a terminal, plain lines elsewhere."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _moving() as tell:
            yield tell
    else:
        yield lambda text: print(f"initpy: {text}", file=sys.stderr)


@contextlib.contextmanager
def _moving() -> Iterator[Callable[[str], None]]:
    from rich.console import Console

    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(text)


def _listing(assembled: Assembled) -> Iterator[str]:
    for path, entry in assembled.tree.items():
        yield f"{_mode(entry)} {_size(entry):>9} {path}{_behind(entry)}"


def _mode(entry: Entry) -> str:
    match entry:
        case File(mode=mode):
            return stat.filemode(stat.S_IFREG | mode)
        case Folder(mode=mode):
            return stat.filemode(stat.S_IFDIR | mode)
        case Link():
            return stat.filemode(stat.S_IFLNK | 0o777)
        case Node(mode=mode):
            return stat.filemode(mode)


def _size(entry: Entry) -> str:
    match entry:
        case File():
            return str(entry.size())
        case Node(major=major, minor=minor):
            return f"{major},{minor}"
        case _:
            return "-"


def _behind(entry: Entry) -> str:
    match entry:
        case Link(target=target):
            return f" -> {target}"
        case File(source=Path() as source):
            return f" < {source}"
        case _:
            return ""
