"""Judges which kernel and which image a boot loader's entry puts together.

An update may have reached only one of both: /boot was not mounted, or the kernel is copied to the
EFI system partition by another tool than the image.
"""

from collections.abc import Iterator
from pathlib import Path

from initpy.image.check.machine import Machine, nothing
from initpy.image.check.parameters import TITLE
from initpy.image.check.proof import Row, Verdict
from initpy.image.check.unified import is_unified
from initpy.image.formats.archive import Archive
from initpy.image.kernel.moduletree import FOLDERS, ModuleTree
from initpy.image.stack.bootlines import ENTRIES, CommandLine
from initpy.image.stack.layers import Stack

# Boot loaders that start an image only if the entry names it.
LISTING = ("GRUB", ENTRIES, "syslinux", "Limine", "zipl")
IMAGE = "the image"
TABLES = ("modules.dep.bin", "modules.dep")


def place_rows(stack: Stack, archive: Archive) -> Iterator[Row]:
    """Yield the row of an image below a mount point that has its file system not mounted."""
    folders = archive.path.absolute().parents
    for point in (each for each in stack.unmounted if Path(each) in folders):
        reason = (
            f"cannot know whether a boot loader finds it: {point} is not mounted, and fstab mounts "
            f"a file system there. Run `mount {point}`, and install the image again"
        )
        yield Row(IMAGE, "its place", Verdict.UNKNOWN, reason)


def modules_rows(image: ModuleTree, machine: Machine) -> Iterator[Row]:
    """Yield the row of a kernel whose modules the described system has no longer.

    `machine` returns its files. After the start the real system loads modules from its own folder:
    of file systems in fstab, of network cards.
    """
    if machine is nothing or not image.modules:
        return
    paths = (f"{folder}/{image.release}/{name}" for folder in FOLDERS for name in TABLES)
    if all(machine(path) is None for path in paths):
        reason = (
            f"{FOLDERS[0]}/{image.release} is not on the root: the real system could load no "
            "driver. Is this an image of a kernel that has been replaced?"
        )
        yield Row(IMAGE, "the real system's modules", Verdict.WARNING, reason)


def rows(
    line: CommandLine | None, archive: Archive, kernel: str, *, required: bool
) -> Iterator[Row]:
    """Yield the row of an entry that starts the image with another kernel, or without the image.

    Not `required`: the boot loader may get its kernel later, so that another one is a remark.
    """
    if line is None or is_unified(archive):
        return
    other = line.other_kernel(kernel)
    if other and line.pairs(str(archive.path)):
        reason = (
            f"{line.origin} starts {other} with this image, which is for {kernel}: none of its "
            "modules would load. Is /boot mounted, and the kernel up to date there?"
        )
        verdict = Verdict.MISSING if required else Verdict.WARNING
        yield Row(TITLE, "its kernel", verdict, reason)
    elif line.imageless:
        reason = f"{line.imageless} names no image: it needs `initramfs FILE followkernel`"
        yield Row(TITLE, "its image", Verdict.WARNING, reason)
    elif not line.images and line.loader in LISTING and line.is_for(kernel):
        reason = f"{line.origin} starts the kernel without any image; it needs an `initrd` line"
        yield Row(TITLE, "its image", Verdict.WARNING, reason)
