"""Show the content of an image of any generator.

The image may be an initramfs by initpy, dracut, initramfs-tools or another
generator, in any compression that the kernel supports, or a unified kernel
image. Compressed sizes by kind are estimates, as one stream holds all kinds.

Examples:
  initpy inspect /boot/initrd.img-6.1.0-56-amd64
      show segments, content by kind, the init, and problems
  initpy inspect --json /boot/initpy-6.1.0-56-amd64.img | jq -r .modules[]
      print everything as JSON, with lists of modules, programs and firmware
  initpy inspect --unpack /tmp/content /boot/initrd.img
      write the content into a new folder, and nothing outside it

`initpy ls` lists the files, `initpy diff` compares two images, `initpy why`
tells why a file is in an image.

Exit status: 0 done; 2 not an image, a damaged image, or wrong parameters.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from initpy.cli import talk
from initpy.cli.showing import console, plain, say, size, table, watched
from initpy.config.errors import InputError
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.formats.unpacking import unpack
from initpy.image.inspect.survey import Survey, survey


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="an initramfs or a UKI")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    talk.configure(parser, "show only warnings", "list modules, programs and firmware as well")
    parser.add_argument(
        "--unpack", metavar="DIR", type=Path, help="write the content into a new or empty folder"
    )


def run(arguments: argparse.Namespace) -> int:
    """Read the image and print its content; return the exit status."""
    with watched("reading the image") as progress:
        archive = read_archive(arguments.image)
        if arguments.unpack is not None:
            progress("unpacking")
            try:
                unpack(archive, arguments.unpack)
            except OSError as error:
                expected = "a writable folder, with room for the content"
                raise InputError(str(arguments.unpack), error.strerror, expected) from None
        found = survey(archive, progress)
    if arguments.json:
        print(json.dumps(as_json(archive, found), indent=2))
    else:
        if not arguments.quiet:
            show(archive, found)
        if arguments.verbose:
            _list(found)
        _warn(archive, found)
    return 0


def as_json(archive: Archive, found: Survey) -> dict[str, object]:
    """Return everything as plain values for JSON; sizes are bytes."""
    return {
        "image": str(archive.path),
        "size": archive.size,
        "entries": len(archive),
        "segments": [
            {
                "offset": each.offset,
                "size": each.size,
                "compression": each.compression,
                "unpacked": each.unpacked,
                "entries": len(each.members),
            }
            for each in archive.segments
        ],
        "sections": {name: len(data) for name, data in archive.sections.items()},
        **asdict(found),
        "warnings": archive.warnings,
    }


def show(archive: Archive, found: Survey) -> None:
    """Print the content as tables."""
    out = console()
    out.print(f"[bold]{plain(str(archive.path))}[/]: {size(archive.size)}, {len(archive)} entries")
    facts = [
        ("made by", found.generator or "an unknown generator"),
        ("kernel", ", ".join(found.kernels) or "no modules of any kernel"),
        ("starts", found.init or "nothing: there is no /init"),
        ("Python", found.python),
        ("secrets", f"{len(found.secrets)} files that are not world-readable"),
    ]
    for name, value in facts:
        if value and not value.startswith("0 files"):
            say(f"  {name:<8} {value}")
    for name in (".cmdline", ".osrel"):
        if name in archive.sections:
            text = archive.sections[name].rstrip(b"\0").decode(errors="replace").strip()
            first = text.partition("\n")[0]
            say(f"  {name:<8} {first}")
    if archive.sections:
        table(
            "sections of the unified kernel image",
            ("section", "size>"),
            [(name, size(len(data))) for name, data in archive.sections.items()],
        )
    table(
        "segments",
        ("", "at byte>", "size>", "compression", "unpacked>", "entries>", "begins with"),
        [
            (
                str(number),
                str(each.offset),
                size(each.size),
                each.compression,
                size(each.unpacked),
                str(len(each.members)),
                next((member.name for member in each.members if member.name != "."), ""),
            )
            for number, each in enumerate(archive.segments)
        ],
    )
    table(
        "content",
        ("kind", "files>", "size>", "compressed, about>"),
        [(each.name, str(each.files), size(each.size), size(each.packed)) for each in found.kinds],
    )
    out.print(
        f"{len(found.modules)} kernel modules, {len(found.programs)} programs, "
        f"{len(found.python_modules)} Python modules, {len(found.firmware)} firmware files",
        highlight=False,
    )


def _list(found: Survey) -> None:
    """Print the names of what is in the image, by kind."""
    for title, names in (
        ("kernel modules", found.modules),
        ("programs", found.programs),
        ("Python modules", found.python_modules),
        ("firmware", found.firmware),
    ):
        if names:
            say(f"{title}:", "bold")
        for each in names:
            say(f"  {each}")


def _warn(archive: Archive, found: Survey) -> None:
    for line in archive.warnings:
        say(f"warning: {line}", "yellow")
    if found.dangling:
        names = ", ".join(found.dangling[:5]) + (" …" if len(found.dangling) > 5 else "")
        text = f"{len(found.dangling)} links without a target: {names}"
        say(text, "yellow")
