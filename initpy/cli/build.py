"""Build an initramfs image from the running system.

The image contains initpy, the Python interpreter with the modules that initpy
imports, kernel modules with their dependencies, udev and its rules, and the
programs that job files name, with their libraries. The build tests the image by
running the interpreter in a copy of it. It replaces an older image atomically:
after any failure the older image is unchanged.

Examples:
  initpy build
      a generic image for the running kernel: /boot/initpy-VERSION.img
  initpy build --kernel 6.1.0-56-amd64 --output /tmp/test.img
      for another installed kernel, to another path
  initpy build --host
      host-only: drivers, programs and job files for the layers of this machine's
      root; with --stack FILE for the machine described there
      (initpy check --describe)
  initpy build --crypttab /etc/crypttab --add /etc/keys/root.key
      with all lines of crypttab, and a key file; an image that contains a file
      readable only by root is itself readable only by root
  initpy build --driver mlx5_core --driver drivers/infiniband/ --program strace
      with more kernel modules (a name, or a folder of the kernel's tree) and a
      program for the shell
  initpy build --job my-storage.toml
      with a technology of your own (docs/jobs.md)
  initpy build --uki --cmdline 'root=LABEL=system quiet' --output /efi/EFI/Linux/initpy-{kernel}.efi
      a unified kernel image, which systemd-boot or the firmware starts
  initpy build --list
      list the content of the image without writing it

The image carries what makes arrays and volume groups this machine's own: the
host name, mdadm.conf, and what LVM's system ID comes from. --portable leaves it
out, for an image that boots several machines.

The settings in /etc/initpy/*.toml apply to every image (docs/image.md).
Parameters override them, and both override the recipe. A host-only image gets
the crypttab lines of its root's volumes, a generic one gets the lines with the
option `initramfs` or `x-initrd.attach`.

Builds are reproducible. File times in the image are SOURCE_DATE_EPOCH, or 1970.
While another run writes the same image, this one waits for it.

Exit status: 0 built; 1 something is missing or failed; 2 wrong input; 4 a tool
is not installed; 5 no room; 77 the kernel lacks a required module (yet); 130 or
143 interrupted. If the status is not 0, an older image is unchanged.
"""

import argparse
import contextlib
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from initpy.cli.content import configure_content as configure_content
from initpy.cli.content import requested as requested
from initpy.image.build.build import Assembled, assemble, build
from initpy.image.build.failures import EXPLAINED, explained, status_of
from initpy.image.build.summary import megabytes, summary_lines, warning_lines
from initpy.image.build.timing import Progress, silent
from initpy.image.content.kinds import shares
from initpy.image.formats.elf import require_reader
from initpy.image.tree import Entry, File, Folder, Link, Node


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    configure_content(parser)
    parser.add_argument(
        "--portable",
        action="store_true",
        help="leave out what makes the image this machine's: host name, arrays, LVM system ID",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--root",
        metavar="SPEC",
        help="root that the image is for: UUID=…, a device, or its mount point (default: /)",
    )
    how.add_argument("--dry-run", action="store_true", help="collect and check; write nothing")
    how.add_argument("--list", action="store_true", help="list the content; write nothing")
    configure_talk(how)


def configure_talk(how: argparse._ArgumentGroup) -> None:
    """Add --verbose and --quiet."""
    talk = how.add_mutually_exclusive_group()
    talk.add_argument(
        "-v", "--verbose", action="store_true", help="show step durations, all warnings"
    )
    talk.add_argument("-q", "--quiet", action="store_true", help="show only warnings and errors")


def run(arguments: argparse.Namespace) -> int:
    """Build; return the exit status."""
    require_reader()
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
        print(f"initpy: {explained(error)}", file=sys.stderr)
        if request.output.exists():
            print(f"initpy: {request.output} is unchanged", file=sys.stderr)
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


@contextlib.contextmanager
def ending_cleanly() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that a build removes its temporary files."""

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may install signal handlers
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def showing_progress(quiet: bool) -> Iterator[Progress]:
    """Show progress: a status line on a terminal, plain lines elsewhere, nothing if `quiet`."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _moving() as tell:
            yield tell
    else:
        yield lambda text: print(f"initpy: {text}", file=sys.stderr)


@contextlib.contextmanager
def _moving() -> Iterator[Callable[[str], None]]:
    from initpy.report.drawing import Console

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
