"""The test system on root file systems: busybox, and a small real init that reports facts."""

import stat
from collections.abc import Mapping
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.image.tree import Entry, File, Folder, Link
from initpy.lab.errors import LabError

BUSYBOX = Path("/usr/bin/busybox")
REAL_INIT = PROJECT / "qemu" / "system-init.sh"
FACTS = PROJECT / "qemu" / "facts.sh"

# dracut's switch_root and systemd need an os-release; every initramfs needs the mount points.
_OS_RELEASE = b'ID=initpy-lab\nNAME="initpy test system"\nVERSION_ID=1\n'
_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "mnt", "root", "var", "usr/bin", "usr/sbin")


def system_tree() -> dict[str, Entry]:
    """Return path -> entry for the whole test system."""
    if not BUSYBOX.is_file():
        raise LabError(f"{BUSYBOX} is not installed\n  try: make setup")
    tree: dict[str, Entry] = {f"/{name}": Folder() for name in _FOLDERS}
    tree["/bin/busybox"] = File(BUSYBOX, 0o755)
    tree["/bin/sh"] = Link("busybox")
    tree["/sbin/init"] = File(REAL_INIT, 0o755)
    tree["/lab/facts.sh"] = File(FACTS, 0o644)
    tree["/etc/os-release"] = File(_OS_RELEASE)
    tree["/usr/lib/os-release"] = File(_OS_RELEASE)
    return tree


def place(tree: Mapping[str, Entry], folder: Path) -> None:
    """Write a tree below a folder of this machine, for `mke2fs -d`."""
    for path, entry in tree.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        match entry:
            case Folder(mode=mode):
                target.mkdir(exist_ok=True)
                target.chmod(mode)
            case Link(target=to):
                target.symlink_to(to)
            case File(mode=mode):
                target.write_bytes(entry.read())
                target.chmod(stat.S_IMODE(mode))
            case _:
                raise ValueError(f"{path}: the test system has no device nodes")
