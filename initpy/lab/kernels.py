"""Find Debian's generic kernel, and unpack its package into the cache without installing it.

Installing would drag in initramfs-tools and run its hooks; the lab needs only the kernel and its
modules.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from initpy.image.process import run
from initpy.lab.cache import cache_folder, locked
from initpy.lab.errors import LabError, Progress

META_PACKAGE = "linux-image-amd64"
_PACKAGE_FILE = re.compile(r"linux-image-(\d[^_]*-amd64)_[^_]+_amd64\.deb")


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: its version, the bootable file and the folder of its modules."""

    version: str
    image: Path
    modules: Path


def _natural(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def unpacked_kernels() -> list[Kernel]:
    """The kernels in the cache, oldest version first."""
    found = []
    for folder in cache_folder("kernels").iterdir():
        image = folder / "boot" / f"vmlinuz-{folder.name}"
        modules = folder / "lib" / "modules" / folder.name
        if image.is_file() and (modules / "modules.dep").is_file():
            found.append(Kernel(folder.name, image, modules))
    return sorted(found, key=lambda kernel: _natural(kernel.version))


def lab_kernel() -> Kernel:
    """The kernel to boot: the newest one unpacked, or INITPY_LAB_KERNEL's."""
    wanted = os.environ.get("INITPY_LAB_KERNEL")
    kernels = [k for k in unpacked_kernels() if wanted in (None, k.version)]
    if not kernels:
        what = f"kernel {wanted}" if wanted else "no kernel"
        raise LabError(f"{what} in {cache_folder('kernels')}\n  try: make setup")
    return kernels[-1]


def _package_name() -> str:
    """The package which Debian's generic meta package stands for at present."""
    listing = run(["apt-cache", "depends", META_PACKAGE], hint="apt-get update")
    for line in listing.decode().splitlines():
        match = re.fullmatch(r"\s*Depends: (linux-image-\d\S+)", line)
        if match and "cloud" not in match[1]:
            return match[1].removesuffix("-unsigned")
    raise LabError(f"{META_PACKAGE} depends on no kernel package\n  try: apt-get update")


def _downloaded() -> Path | None:
    files = [p for p in cache_folder().iterdir() if _PACKAGE_FILE.fullmatch(p.name)]
    return max(files, key=lambda path: _natural(path.name)) if files else None


def _download(progress: Progress) -> Path:
    name = _package_name()
    progress(f"downloading {name} (about 70 MB; unpacked, never installed)")
    # apt-get download writes into the working directory and takes no other.
    where = cache_folder()
    change = 'cd "$1" && exec apt-get -o Acquire::Retries=3 download "$2"'
    run(["sh", "-c", change, "sh", str(where), name], hint="check the network; apt-get update")
    package = _downloaded()
    if package is None:
        raise LabError(f"apt-get download {name} left no package in {where}")
    return package


def prepare_kernel(progress: Progress) -> Kernel:
    """Unpack the kernel if the cache has none, downloading the package if need be."""
    with locked("kernels"):
        present = unpacked_kernels()
        if present:
            return present[-1]
        package = _downloaded() or _download(progress)
        match = _PACKAGE_FILE.fullmatch(package.name)
        assert match is not None  # both sources name the file by this pattern
        version = match[1]
        progress(f"unpacking kernel {version}")
        target = cache_folder("kernels") / version
        unpacking = target.with_name(f".{version}.new")
        shutil.rmtree(unpacking, ignore_errors=True)
        run(["dpkg-deb", "-x", str(package), str(unpacking)])
        # Debian 13's package has usr/lib; kmod's tools look for lib/modules in a tree.
        if not (unpacking / "lib").exists():
            (unpacking / "lib").symlink_to("usr/lib")
        run(["depmod", "-b", str(unpacking), version], hint="apt-get install kmod")
        shutil.rmtree(target, ignore_errors=True)
        unpacking.rename(target)
    return lab_kernel()
