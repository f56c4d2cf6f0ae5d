"""List the files of an image of any generator, as the kernel will unpack them.

The list is the result of all segments: if several have an entry for a path, it
shows the one that the kernel keeps. `--segment` lists a single segment.

Examples:
  initpy ls /boot/initrd.img-6.1.0-56-amd64
      list all paths
  initpy ls -l image.img '*/virtio*' /etc
      show modes, owners and sizes of paths that match a pattern or are in a folder
  initpy ls --segment 0 -l image.img
      list the first segment, often early microcode
  initpy ls --content /etc/crypttab image.img
      print a file; follow links inside the image

A pattern without / matches names, a pattern with / matches whole paths. Options
come first.

Exit status: 0 done; 1 nothing matches; 2 not an image, a damaged image, or
wrong parameters.
"""

import argparse
import fnmatch
import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initpy.cli import talk
from initpy.cli.showing import printable, watched
from initpy.config.errors import InputError
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.tree import Entry, File, Folder, Link, Node


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the list. `segment` is None for entries that the kernel itself creates."""

    path: str
    entry: Entry
    uid: int = 0
    gid: int = 0
    mtime: int = 0
    segment: int | None = None


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="an initramfs or a UKI")
    parser.add_argument(
        "patterns", metavar="PATTERN", nargs="*", help="names, folders or patterns with * ? [...]"
    )
    talk.configure(parser, "print no warnings", "show mode, owner, size, link", ("-l", "--long"))
    parser.add_argument("--segment", metavar="N", type=int, help="list segment N, from 0")
    parser.add_argument("--content", metavar="PATH", help="print this file of the image")
    parser.add_argument("--json", action="store_true", help="print what -l shows as JSON")


def run(arguments: argparse.Namespace) -> int:
    """List the entries, or print a file; return the exit status."""
    with watched("reading the image"):
        archive = read_archive(arguments.image)
    if arguments.content is not None:
        try:
            data = archive.read(arguments.content)
        except FileNotFoundError:
            raise InputError("--content", arguments.content, "a file of the image") from None
        sys.stdout.buffer.write(data)
        return 0
    chosen = [line for line in _lines(archive, arguments) if _wanted(line, arguments.patterns)]
    if arguments.json:
        print(json.dumps([_as_json(line) for line in chosen], indent=1))
    else:
        for line in chosen:
            text = _long(line) if arguments.verbose else line.path
            print(printable(text))
    silent = arguments.quiet or arguments.segment is not None
    for warning in () if silent else archive.warnings:
        print(f"initpy: warning: {printable(warning)}", file=sys.stderr)
    if arguments.patterns and not chosen:
        print(f"initpy: nothing in {arguments.image} matches", file=sys.stderr)
        return 1
    return 0


def _lines(archive: Archive, arguments: argparse.Namespace) -> Iterator[Line]:
    if arguments.segment is None:
        for path, entry in archive.items():
            origin = archive.origins.get(path)
            if origin is None:
                yield Line(path, entry)
            else:
                member = origin.member
                owner = member.uid, member.gid, member.mtime
                yield Line(path, entry, *owner, origin.segment)
        return
    if not 0 <= arguments.segment < len(archive.segments):
        expected = f"0 to {len(archive.segments) - 1}, the segments of the image"
        raise InputError("--segment", arguments.segment, expected)
    for member in archive.segments[arguments.segment].members:
        path = "/" if member.name == "." else f"/{member.name}"
        owner = member.uid, member.gid, member.mtime
        yield Line(path, member.entry, *owner, arguments.segment)


def _wanted(line: Line, patterns: list[str]) -> bool:
    return not patterns or any(_matches(line.path, pattern) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatch.fnmatchcase(path.rpartition("/")[2], pattern)
    whole = "/" + pattern.strip("/") if not pattern.startswith("*") else pattern
    return fnmatch.fnmatchcase(path, whole) or path.startswith(f"{whole.rstrip('/')}/")


def _long(line: Line) -> str:
    mode, amount, behind = _described(line.entry)
    return f"{mode} {line.uid:>4} {line.gid:>4} {amount:>10} {line.path}{behind}"


def _described(entry: Entry) -> tuple[str, str, str]:
    """Return mode, size or device number, and the target of a link."""
    match entry:
        case File(mode=mode):
            return stat.filemode(stat.S_IFREG | mode), str(entry.size()), ""
        case Folder(mode=mode):
            return stat.filemode(stat.S_IFDIR | mode), "-", ""
        case Link(target=target):
            return stat.filemode(stat.S_IFLNK | 0o777), "-", f" -> {target}"
        case Node(mode=mode, major=major, minor=minor):
            return stat.filemode(mode), f"{major},{minor}", ""


def _as_json(line: Line) -> dict[str, object]:
    entry = line.entry
    found: dict[str, object] = {
        "path": line.path,
        "mode": _described(entry)[0],
        "uid": line.uid,
        "gid": line.gid,
        "mtime": line.mtime,
        "segment": line.segment,
    }
    match entry:
        case File():
            found["size"] = entry.size()
        case Link(target=target):
            found["target"] = target
        case Node(major=major, minor=minor):
            found["device"] = [major, minor]
    return found
