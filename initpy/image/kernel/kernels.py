"""Finds installed kernels: their modules, and the file that a boot loader starts.

Modules are below /usr/lib/modules or /lib/modules (the same with merged /usr). The kernel is in
/boot, or beside its modules, as kernel-install(8) expects.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import escape
from itertools import chain
from pathlib import Path

FOLDERS = (Path("/usr/lib/modules"), Path("/lib/modules"))
BOOT = Path("/boot")
# Where entries of type #1 have their kernel, as `TOKEN/VERSION/linux`.
LOADER_FOLDERS = (BOOT, Path("/efi"), Path("/boot/efi"))
# What distributions and architectures call a kernel's file: `vmlinux` on POWER, `Image` on arm64,
# `image` on IBM Z (openSUSE), `kernel` on Gentoo.
FILES = ("vmlinuz", "vmlinux", "bzImage", "Image", "image", "kernel")

# Documentation/arch/x86/boot.rst: the header's magic, and the offset of the version string, which
# is at most 64 kB further.
BOOT_MAGIC = (0x202, b"HdrS")
VERSION_POINTER = 0x20E
VERSION_BASE = 0x200
HEAD = VERSION_BASE + (1 << 16) + 256


def modules_folder(release: str, folders: Iterable[Path] = FOLDERS) -> Path:
    """Return the folder of a kernel's modules, whether it exists or not."""
    places = [folder / release for folder in folders]
    return next((place for place in places if place.is_dir()), places[-1])


def kernel_places(release: str, modules: Path, boot: Path = BOOT) -> Iterator[Path]:
    """Yield the paths of the kernel whose modules are in `modules`, the likeliest first."""
    above = modules.parent.parent.parent  # the root of a kernel package unpacked anywhere
    above = above.parent if above.name == "usr" else above
    folders = tuple(dict.fromkeys((above / "boot", boot)))
    for name in FILES:
        yield modules / name
    for folder in folders:
        yield from (folder / f"{name}-{release}" for name in FILES)
    for folder in folders:
        yield from (folder / f"{name}-{release}.efi" for name in FILES)  # Gentoo's installkernel
        yield from folder.glob(f"kernel-genkernel-*-{escape(release)}")
    for folder in dict.fromkeys((*folders, *(LOADER_FOLDERS if boot == BOOT else ()))):
        yield from folder.glob(f"*/{escape(release)}/linux")
    for folder in folders:  # named after a flavour: `vmlinuz-linux`, `vmlinuz-lts`
        yield from (each for each in _kernels_in(folder) if release_of(each) == release)


def kernel_file(release: str, modules: Path, boot: Path = BOOT) -> Path | None:
    """Return the path of the kernel; None if it is in none of the possible places."""
    with suppress(OSError):  # a folder that may not be read
        places = kernel_places(release, modules, boot)
        return next((place for place in places if place.is_file()), None)
    return None


def kernel_version(head: bytes) -> str:
    """Return the release in an x86 kernel's first bytes; "" for other kernels."""
    at, magic = BOOT_MAGIC
    if head[at : at + len(magic)] != magic:
        return ""
    (pointer,) = struct.unpack_from("<H", head, VERSION_POINTER)
    text = head[pointer + VERSION_BASE :][:256].partition(b"\0")[0] if pointer else b""
    return text.decode("ascii", "replace").partition(" ")[0]


def release_of(path: Path) -> str:
    """Return the release that a kernel's header says; "" if it cannot be read."""
    try:
        if not path.is_file():  # to open a pipe would wait
            return ""
        with path.open("rb") as file:
            return kernel_version(file.read(HEAD))
    except OSError:
        return ""


def installed_kernels(folders: Iterable[Path] = FOLDERS, boot: Path = BOOT) -> list[str]:
    """Return the releases that have both a folder of modules and a kernel, oldest first.

    A folder of modules without a kernel may be a leftover of external modules. A kernel whose
    modules.dep was never made counts: the build says what to run.
    """
    found = {
        path.name
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path.is_dir() and kernel_file(path.name, path, boot) is not None
    }
    return sorted(found, key=_in_order)


def buildable_kernels(folders: Iterable[Path] = FOLDERS, boot: Path = BOOT) -> list[str]:
    """Return the releases that an image can be made for, oldest first.

    Beside the installed ones these are the kernels whose modules alone are here: those of a
    container, or of a folder of packages that CI has unpacked.
    """
    places = tuple(folders)
    with_modules = {
        path.parent.name
        for folder in places
        if folder.is_dir()
        for path in folder.glob("*/modules.dep")
    }
    return sorted(with_modules.union(installed_kernels(places, boot)), key=_in_order)


def is_installed(release: str, modules: Path, boot: Path = BOOT) -> bool:
    """Return whether there is anything of a kernel: its modules, or its file."""
    return modules.is_dir() or kernel_file(release, modules, boot) is not None


def _in_order(version: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 6.10 after 6.9."""
    return [(int(number or 0), text) for number, text in re.findall(r"(\d*)(\D*)", version)]


def _kernels_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that may be kernels, by name."""
    return chain.from_iterable(sorted(folder.glob(f"{name}-*")) for name in FILES)
