"""Mount a root whose changes go elsewhere. Few boots do: imported in the child that mounts.

Users of dracut find the parts where its module overlayfs has them: the device at
/run/overlayfs-backing, the folders of the overlay by the links /run/overlayfs and /run/ovlwork, the
unchanged root by /run/rootfsbase. A device that dracut has used keeps its folders.
"""

import errno
import os
import stat
from contextlib import suppress

from initpy.core.actions import Changes
from initpy.runtime import syscalls as sys
from initpy.runtime.mounts import mount_first, mounted_at

BELOW, CHANGES = "/run/initpy/root-below", "/run/initpy/root-changes"
DEVICE, MEMORY, NEW = "/run/overlayfs-backing", "/run/initramfs/overlay", "/run/initpy/root-new"
UPPER, WORK, EARLIER, BASE = "/run/overlayfs", "/run/ovlwork", "/run/overlayfs-r", "/run/rootfsbase"
OURS, DRACUTS = ("upper", "work"), ("overlay", "ovlwork")
# A root of which only /usr is seen needs these names: base-filesystem.c of systemd.
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")

# What is wrong with a device for the changes.
ITSELF = "{} is root itself: changes to it need another device"
UNFIT = "overlay: {} with its {} cannot hold the changes (see dmesg)"


def mount_root(
    source: str,
    target: str,
    types: tuple[str, ...],
    options: tuple[str, ...],
    changes: Changes,
) -> tuple[int, str]:
    """Mount the root and what holds its changes; return what `mounts.mount_first` does.

    Parts that a killed engine had mounted are used. They stay below /run for the
    real system.
    """
    below = ("ro", *(each for each in options if each not in ("ro", "rw")))
    failed = _mount(source, BELOW, types, below)
    if failed is not None:
        return failed
    _link(BELOW, BASE)
    if changes.usr_only:
        return _mount_usr(target)
    lower = BELOW
    if changes.node:
        if os.path.realpath(changes.node) == os.path.realpath(source):
            return errno.EBUSY, ITSELF.format(changes.node)
        how = ("ro",) if changes.readonly else ()
        failed = _mount(changes.node, DEVICE, (changes.type,), how)
        if failed is not None:
            return failed
        upper, work = folders(DEVICE)
        if changes.readonly:
            if os.path.isdir(f"{DEVICE}/{upper}"):
                _link(f"{DEVICE}/{upper}", EARLIER)
                lower = f"{EARLIER}:{BELOW}"
        else:
            failed = _join(target, DEVICE, (upper, work), lower, changes.reset)
            if failed[0] == errno.EINVAL:  # ovl_mount_dir_check() in the kernel's super.c
                return errno.EINVAL, UNFIT.format(changes.node, changes.type)
            return failed
    failed = _mount("tmpfs", MEMORY, ("tmpfs",), ("mode=755", *changes.options))
    return failed or _join(target, MEMORY, OURS, lower, False)


def folders(place: str) -> tuple[str, str]:
    """Return the names of the folders for changes and for work that the device has, or gets."""
    dracuts = os.path.isdir(f"{place}/{DRACUTS[0]}") and not os.path.isdir(f"{place}/{OURS[0]}")
    return DRACUTS if dracuts else OURS


def _mount(
    source: str, target: str, types: tuple[str, ...], options: tuple[str, ...]
) -> tuple[int, str] | None:
    """Mount a part that is not mounted yet; None if it is now."""
    if mounted_at(target) is not None:
        return None
    status, error = mount_first(source, target, types, options)
    return (status, error) if status else None


def _join(
    target: str, place: str, names: tuple[str, str], lower: str, reset: bool
) -> tuple[int, str]:
    _link(place, CHANGES)
    for name, link in zip(names, (UPPER, WORK), strict=True):
        if reset:
            _remove(f"{place}/{name}")
        _make_like(f"{place}/{name}", lower.rpartition(":")[2])
        _link(f"{place}/{name}", link)
    upper, work = (f"{CHANGES}/{name}" for name in names)
    data = (f"lowerdir={lower}", f"upperdir={upper}", f"workdir={work}")
    return mount_first("overlay", target, ("overlay",), data)


def _make_like(folder: str, root: str) -> None:
    """Make a folder unless it is there. The overlay's root gets the mode and owner of the upper."""
    if os.path.isdir(folder):
        return
    new = f"{folder}.new"  # of a killed engine, perhaps
    os.makedirs(new, exist_ok=True)
    known = os.stat(root)
    os.chown(new, known.st_uid, known.st_gid)
    os.chmod(new, stat.S_IMODE(known.st_mode))
    os.rename(new, folder)


def _mount_usr(target: str) -> tuple[int, str]:
    """Mount empty memory as the root, with the root's /usr; at its place when it is complete."""
    if not os.path.isdir(f"{BELOW}/usr/lib"):
        return errno.ENOENT, "systemd.volatile=yes: this file system has no /usr/lib"
    failed = _mount("tmpfs", NEW, ("tmpfs",), ("mode=755",))
    if failed is not None:
        return failed
    os.makedirs(f"{NEW}/usr", 0o755, exist_ok=True)
    if mounted_at(f"{NEW}/usr") is None:
        sys.mount(f"{BELOW}/usr", f"{NEW}/usr", "", sys.MS_BIND | sys.MS_REC)
    for name in MERGED:
        if os.path.isdir(f"{BELOW}/usr/{name}"):
            with suppress(FileExistsError):
                os.symlink(f"usr/{name}", f"{NEW}/{name}")
    os.makedirs(target, exist_ok=True)
    sys.mount(NEW, target, "", sys.MS_MOVE)
    return 0, ""


def _remove(folder: str) -> None:
    """Remove a folder with all that is in it; links are not followed."""
    for path, folders_in, files in os.walk(folder, topdown=False):
        for name in (*files, *folders_in):
            each = f"{path}/{name}"
            isolated = name in files or os.path.islink(each)
            (os.unlink if isolated else os.rmdir)(each)


def _link(target: str, path: str) -> None:
    """Have `path` lead to `target`; something else that is there stays."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.islink(path):
        os.unlink(path)
    with suppress(FileExistsError):
        os.symlink(target, path)
