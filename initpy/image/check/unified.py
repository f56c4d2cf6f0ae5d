"""Reads the command line of a unified kernel image, with that of its addons (systemd-stub(7)).

An addon beside the image, or for all images of the EFI system partition, adds its words to the
image's own.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from initpy.image.check.machine import Written, written
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats import pe
from initpy.image.formats.archive import Archive
from initpy.image.kernel.kernels import HEAD, kernel_version
from initpy.image.stack.bootlines import INSTALLED, CommandLine
from initpy.image.stack.layers import Stack

UNIFIED = "the unified kernel image"
SECTION, LINUX, UNAME = ".cmdline", ".linux", ".uname"
ADDONS = "*.addon.efi"
COUNTER = re.compile(r"\+[0-9]+(?:-[0-9]+)?(?=\.efi$)")  # automatic boot assessment
LARGEST = 64 << 20  # bytes of an addon
CONFIGURED = (INSTALLED, "unified")  # what builds take a command line from
EXACT = 2  # seconds: vfat tells no shorter times


def is_unified(archive: Archive) -> bool:
    """Return whether an image is a unified kernel image."""
    return bool(archive.sections)


def command_line(archive: Archive) -> CommandLine | None:
    """Return the command line in an image and its addons; None if none of them has one."""
    own = archive.sections.get(SECTION)
    found = [*_addons(archive.path)]
    if own is None and not found:
        return None
    parts = [own or b"", *(text for _, text in found)]
    texts = [each.rstrip(b"\0\n").decode("utf-8", "replace") for each in parts]
    names = "".join(f", with {name}" for name, _ in found)
    return CommandLine(" ".join(filter(None, texts)), f"{UNIFIED}{names}")


def kernel(archive: Archive, release: str) -> Iterator[Row]:
    """Yield a row if the kernel in an image is of another release than the image's modules."""
    linux = archive.sections.get(LINUX, b"")
    said = archive.sections.get(UNAME, b"").rstrip(b"\0\n").decode("ascii", "replace")
    own = kernel_version(linux[:HEAD]) or said
    if own and own != release:
        reason = (
            f"{UNIFIED} has the kernel {own}, and modules for {release}: none of them would load; "
            "build the image again"
        )
        yield Row("the image", "its kernel", Verdict.MISSING, reason)


def overtaken(archive: Archive, stack: Stack, changed: Written) -> Iterator[Row]:
    """Yield a row if the command line was configured anew after the image had been built.

    An image that is newer than the configuration was given another one on purpose.
    """
    configured = next(
        (each for each in stack.command_lines if each.for_all and each.loader in CONFIGURED), None
    )
    own = archive.sections.get(SECTION)
    if own is None or configured is None:
        return
    mine = CommandLine(own.rstrip(b"\0\n").decode("utf-8", "replace"), UNIFIED)
    built, then = written(archive.path), changed(configured.origin)
    if built is None or then is None or then <= built + EXACT or mine.words == configured.words:
        return
    differing = sorted(key for key, _ in mine.words ^ configured.words)
    reason = (
        f"{configured.origin} was changed after the image had been built, and says otherwise of "
        f"{', '.join(dict.fromkeys(differing))}: build the image again, or the boot goes by the "
        "older words"
    )
    yield Row("the command line", "its age", Verdict.WARNING, reason)


def _addons(image: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path, command line) of the addons that apply to an image, in their order."""
    folders = [image.with_name(f"{name}.extra.d")
               for name in dict.fromkeys((image.name, COUNTER.sub("", image.name)))]  # fmt: skip
    if [each.lower() for each in image.parts[-3:-1]] == ["efi", "linux"]:
        folders.append(image.parents[2] / "loader/addons")
    for folder in folders:
        for path in sorted(folder.glob(ADDONS)):
            with suppress(OSError, pe.DamagedPeError):
                if path.stat().st_size > LARGEST:
                    continue
                data = memoryview(path.read_bytes())
                place = pe.sections(data).get(SECTION) if pe.is_pe(data) else None
                if place is not None:
                    yield str(path), bytes(data[place.offset : place.offset + place.size])
