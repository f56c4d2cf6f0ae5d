"""Finds installed kernels: their modules, and the file that a boot loader starts.

Modules are below /usr/lib/modules or /lib/modules (the same with merged /usr). The kernel is in
/boot, or beside its modules, as kernel-install(8) expects.
"""

import re
from collections.abc import Iterable
from pathlib import Path

FOLDERS = (Path("/usr/lib/modules"), Path("/lib/modules"))
BOOT = Path("/boot")
# What distributions and architectures call a kernel's file: `vmlinux` on POWER, `Image` on arm64,
# `image` on IBM Z (openSUSE), `kernel` on Gentoo.
FILES = ("vmlinuz", "vmlinux", "bzImage", "Image", "image", "kernel")


def modules_folder(release: str, folders: Iterable[Path] = FOLDERS) -> Path:
    """Return the folder of a kernel's modules, whether it exists or not."""
    places = [folder / release for folder in folders]
    return next((place for place in places if place.is_dir()), places[-1])


def kernel_places(release: str, modules: Path, boot: Path = BOOT) -> tuple[Path, ...]:
    """Return the possible paths of the kernel whose modules are in `modules`."""
    above = modules.parent.parent.parent  # the root of a kernel package unpacked anywhere
    above = above.parent if above.name == "usr" else above
    inside = (modules / name for name in FILES)
    beside = (folder / f"{name}-{release}" for folder in (above / "boot", boot) for name in FILES)
    return tuple(dict.fromkeys((*inside, *beside)))


def kernel_file(release: str, modules: Path, boot: Path = BOOT) -> Path | None:
    """Return the path of the kernel; None if it is in none of the possible places."""
    places = kernel_places(release, modules, boot)
    return next((place for place in places if place.is_file()), None)


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


def is_installed(release: str, modules: Path, boot: Path = BOOT) -> bool:
    """Return whether there is anything of a kernel: its modules, or its file."""
    return modules.is_dir() or kernel_file(release, modules, boot) is not None


def _in_order(version: str) -> list[tuple[int, str]]:
    """Return a sort key that puts 6.10 after 6.9."""
    return [(int(number or 0), text) for number, text in re.findall(r"(\d*)(\D*)", version)]
