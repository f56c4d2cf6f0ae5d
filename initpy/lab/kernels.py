"""Finds Debian's generic kernel, and unpacks its packages into the cache without installing them.

An installation would pull in initramfs-tools and run its hooks; the lab needs only the kernel and
its modules.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from initpy.image.kernel.kernels import kernel_file
from initpy.image.process import run
from initpy.lab.cache import cache_folder, locked
from initpy.lab.errors import LabError, Progress

LINUX_UML = Path("/usr/bin/linux.uml")
_UML_MODULES = Path("/usr/lib/uml/modules")
META_PACKAGE = "linux-image-amd64"
# A kernel is one package, or several with dependencies: linux-image-, linux-modules-, …
_IMAGE = re.compile(r"linux-image-(\d\S*)")
_PACKAGE = re.compile(r"linux-[a-z-]+-(\d\S*)")
_PACKAGE_FILE = re.compile(r"(linux-[a-z-]+-\d[^_]*-amd64)_[^_]+_amd64\.deb")
_WITHOUT = [f"--no-{each}" for each in ("recommends", "suggests", "conflicts", "breaks",
                                        "replaces", "enhances")]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kernel:
    """An unpacked kernel: its release, the bootable file and the folder of its modules."""

    version: str
    image: Path
    modules: Path


def _natural(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def unpacked_kernels() -> list[Kernel]:
    """Return the kernels in the cache, oldest version first."""
    found = []
    for folder in cache_folder("kernels").iterdir():
        modules = folder / "lib" / "modules" / folder.name
        image = kernel_file(folder.name, modules, folder / "boot")
        if image is not None and (modules / "modules.dep").is_file():
            found.append(Kernel(folder.name, image, modules))
    return sorted(found, key=lambda kernel: _natural(kernel.version))


def lab_kernel() -> Kernel:
    """Return the kernel to boot: the newest unpacked one, or that of INITPY_LAB_KERNEL."""
    wanted = os.environ.get("INITPY_LAB_KERNEL")
    kernels = [k for k in unpacked_kernels() if wanted in (None, k.version)]
    if not kernels:
        what = f"kernel {wanted}" if wanted else "no kernel"
        raise LabError(f"{what} in {cache_folder('kernels')}\n  try: make setup")
    return kernels[-1]


def uml_kernel() -> Kernel:
    """Return the kernel of User Mode Linux, a program of this host with its own modules."""
    if not LINUX_UML.exists():
        raise LabError(f"{LINUX_UML} is not installed\n  try: make setup")
    version = run([str(LINUX_UML), "--version"]).decode().strip()
    return Kernel(version, LINUX_UML, _UML_MODULES / version)


def _package_names() -> list[str]:
    """Return the current packages of Debian's generic kernel meta package."""
    command = ["apt-cache", "depends", "--recurse", *_WITHOUT, META_PACKAGE]
    return packages_of(run(command, hint="apt-get update").decode())


def packages_of(listing: str) -> list[str]:
    """Return the newest kernel's packages from the output of `apt-cache depends --recurse`."""
    # Lines of packages begin in the first column; their dependencies are indented.
    names = [line for line in listing.splitlines() if _PACKAGE.fullmatch(line)]
    usable = [name for name in names if not name.endswith("-unsigned") and "cloud" not in name]
    images = [match[1] for name in usable if (match := _IMAGE.fullmatch(name))]
    if not images:
        raise LabError(f"{META_PACKAGE} depends on no kernel package\n  try: apt-get update")
    version = max(images, key=_natural)
    return sorted(name for name in usable if name.endswith(f"-{version}"))


def _downloaded() -> list[Path]:
    """Return the downloaded packages of the newest kernel."""
    found: dict[str, list[Path]] = {}
    for path in sorted(cache_folder().iterdir()):
        match = _PACKAGE_FILE.fullmatch(path.name)
        named = _PACKAGE.fullmatch(match[1]) if match else None
        if named is not None:
            found.setdefault(named[1], []).append(path)
    return found[max(found, key=_natural)] if found else []


def _download(progress: Progress) -> list[Path]:
    names = _package_names()
    progress(f"downloading {', '.join(names)} (about 100 MB; unpacked, never installed)")
    # apt-get download always writes into the working directory.
    where = cache_folder()
    change = 'cd "$1" && shift && exec apt-get -o Acquire::Retries=3 download "$@"'
    run(["sh", "-c", change, "sh", str(where), *names], hint="check the network; apt-get update")
    packages = _downloaded()
    if not packages:
        raise LabError(f"apt-get download {' '.join(names)} left no package in {where}")
    return packages


def prepare_kernel(progress: Progress) -> Kernel:
    """Unpack a kernel if the cache has none; download its packages if necessary."""
    with locked("kernels"):
        present = unpacked_kernels()
        if present:
            return present[-1]
        packages = _downloaded() or _download(progress)
        named = _PACKAGE.fullmatch(packages[0].name.partition("_")[0])
        assert named is not None  # both sources name the file by this pattern
        version = named[1]
        progress(f"unpacking kernel {version}")
        target = cache_folder("kernels") / version
        unpacking = target.with_name(f".{version}.new")
        shutil.rmtree(unpacking, ignore_errors=True)
        for package in packages:
            run(["dpkg-deb", "-x", str(package), str(unpacking)])
        merge_usr(unpacking)
        run(["depmod", "-b", str(unpacking), version], hint="apt-get install kmod")
        shutil.rmtree(target, ignore_errors=True)
        unpacking.rename(target)
    return lab_kernel()


def merge_usr(tree: Path) -> None:
    """Make lib a link to usr/lib: packages use either, and depmod(8) needs lib/modules."""
    split, merged = tree / "lib", tree / "usr/lib"
    if split.is_dir() and not split.is_symlink():
        merged.mkdir(parents=True, exist_ok=True)
        for each in split.iterdir():
            target = merged / each.name
            if target.is_dir():
                shutil.copytree(each, target, symlinks=True, dirs_exist_ok=True)
            else:
                each.rename(target)
        shutil.rmtree(split)
    if not split.exists():
        split.symlink_to("usr/lib")
