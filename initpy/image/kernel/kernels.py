"""The kernels that are installed: where distributions keep the file to boot and the modules.

Modules are below /usr/lib/modules, or /lib/modules, which is the same where /usr is merged. The
kernel is in /boot, or beside its modules, as kernel-install(8) wants it.
"""

import re
from collections.abc import Iterable
from pathlib import Path

FOLDERS = (Path("/usr/lib/modules"), Path("/lib/modules"))
BOOT = Path("/boot")


def modules_folder(release: str, folders: Iterable[Path] = FOLDERS) -> Path:
    """Where the modules of a kernel are, or would be."""
    places = [folder / release for folder in folders]
    return next((place for place in places if place.is_dir()), places[-1])


def kernel_places(release: str, modules: Path, boot: Path = BOOT) -> tuple[Path, ...]:
    """Where the file to boot may be of a kernel whose modules are in `modules`."""
    above = modules.parent.parent.parent  # a kernel that is unpacked somewhere
    above = above.parent if above.name == "usr" else above
    beside = above / "boot" / f"vmlinuz-{release}"
    return tuple(dict.fromkeys((modules / "vmlinuz", beside, boot / f"vmlinuz-{release}")))


def kernel_file(release: str, modules: Path, boot: Path = BOOT) -> Path | None:
    """The file to boot; None if it is in none of its places."""
    places = kernel_places(release, modules, boot)
    return next((place for place in places if place.is_file()), None)


def installed_kernels(folders: Iterable[Path] = FOLDERS, boot: Path = BOOT) -> list[str]:
    """Versions with modules and a kernel to boot them with, oldest first.

    A folder of modules alone may be what a removed kernel's external modules left.
    """
    found = {
        path.name
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if (path / "modules.dep").is_file() and kernel_file(path.name, path, boot) is not None
    }
    return sorted(found, key=_in_order)


def _in_order(version: str) -> list[tuple[int, str]]:
    """A key that puts 6.10 behind 6.9."""
    return [(int(number or 0), text) for number, text in re.findall(r"(\d*)(\D*)", version)]
