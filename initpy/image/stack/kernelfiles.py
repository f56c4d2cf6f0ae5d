"""Finds the kernel's file that a boot loader's entry names, and reads its release.

The name may lack a version (`vmlinuz-linux`), and the file be older or newer than the image.
"""

from collections.abc import Iterable

from initpy.image.stack.system import System

# Where a boot loader's own file system may be mounted; "" is the root itself.
FOLDERS = ("/boot/efi", "/efi", "/esp", "/boot", "")


def folders_for(configuration: str) -> list[str]:
    """Return the folders, those first that hold a boot loader's configuration."""
    return sorted(FOLDERS, key=lambda each: not each or not configuration.startswith(f"{each}/"))


def release_of(system: System, base: str, path: str, folders: Iterable[str]) -> str:
    """Return the release that a kernel's file says; "" if it does not, or is not found.

    `path` is as the boot loader writes it; its file system is mounted at the first of the
    `folders` that has the file. `base` is where the described system's root is mounted.
    """
    name = path.replace("\\", "/")
    if "/" not in name:
        return ""
    places = ("", *folders) if name.startswith("/boot/") else folders
    found = (system.linux(f"{base}{folder}/{name.lstrip('/')}") for folder in places)
    return next((release for release in found if release is not None), "")
