"""Collects what a build needs and did not find, and reports all of it with a hint each."""

from collections.abc import Iterable
from dataclasses import dataclass

# Debian packages of programs that job files and recipes usually name.
PACKAGES = {
    "blkid": "util-linux",
    "btrfs": "btrfs-progs",
    "busybox": "busybox-static",
    "cryptsetup": "cryptsetup-bin",
    "depmod": "kmod",
    "dmsetup": "dmsetup",
    "dosfslabel": "dosfstools",
    "e2fsck": "e2fsprogs",
    "fsck": "util-linux",
    "fsck.ext4": "e2fsprogs",
    "fsck.f2fs": "f2fs-tools",
    "fsck.vfat": "dosfstools",
    "gzip": "gzip",
    "kmod": "kmod",
    "ldconfig": "libc-bin",
    "lvm": "lvm2",
    "lz4": "lz4",
    "lzop": "lzop",
    "mdadm": "mdadm",
    "mdmon": "mdadm",
    "mke2fs": "e2fsprogs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "modinfo": "kmod",
    "modprobe": "kmod",
    "mount": "mount",
    "sfdisk": "fdisk",
    "systemd-udevd": "udev",
    "thin_check": "thin-provisioning-tools",
    "udevadm": "udev",
    "xfs_repair": "xfsprogs",
    "xz": "xz-utils",
    "zstd": "zstd",
}

# Python modules whose package the name does not tell.
MODULE_PACKAGES = {"elftools": "python3-pyelftools"}


@dataclass(frozen=True, slots=True, order=True)
class Missing:
    """A missing item: what it is, what needs it, how to get it."""

    kind: str
    name: str
    wanted_by: str
    hint: str


class IncompleteError(RuntimeError):
    """The build needs items that are missing; the text lists all of them."""

    def __init__(self, missing: Iterable[Missing]) -> None:
        self.missing = tuple(sorted(set(missing)))
        lines = [f"cannot build: {len(self.missing)} missing"]
        width = max((len(item.kind) + len(item.name) for item in self.missing), default=0) + 1
        for item in self.missing:
            what = f"{item.kind} {item.name}".ljust(width)
            line = f"  {what}  wanted by {item.wanted_by}: {item.hint}"
            if line not in lines:
                lines.append(line)
        packages = sorted({word for item in self.missing for word in _packages(item.hint)})
        if packages:
            lines.append(f"  to get them: apt install {' '.join(packages)}")
        super().__init__("\n".join(lines))


def package_hint(program: str) -> str:
    """Return how to install a program, given its name or path."""
    package = PACKAGES.get(program.rpartition("/")[2])
    if package is None:
        return "install it, or take it out of the file that names it"
    return f"apt install {package}"


def module_package(module: str) -> str:
    """Return the Debian package of a Python module."""
    top = module.partition(".")[0]
    return MODULE_PACKAGES.get(top, f"python3-{top}")


def _packages(hint: str) -> list[str]:
    """Return the packages in a hint that consists of an apt command; else nothing."""
    words = hint.split()
    single = words[:2] == ["apt", "install"] and not any("," in word for word in words)
    return words[2:] if single else []
