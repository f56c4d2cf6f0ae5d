"""Mount what the root's fstab wants below it without a device: bind, overlay, memory, a loop file.

All paths are those of the new root, and links in them are followed within it: a link to `/opt` is
the root's. This is done once all devices are mounted, before the real init is looked for.
"""

import errno
import fcntl
import os
import struct
import subprocess
from contextlib import suppress

from initpy.config.fstab import OF_FOLDERS, OVERLAY, RootMount, parse_root_mounts
from initpy.runtime import syscalls
from initpy.runtime.api import PATH
from initpy.runtime.handover import resolve
from initpy.runtime.mounts import flags_and_data, mount_first, mounted_below, read_fstab

LOOP_TYPES = ("ext4", "squashfs", "erofs", "xfs", "btrfs", "iso9660", "vfat")
# linux/loop.h
LOOP_CTL_GET_FREE, LOOP_CONFIGURE = 0x4C82, 0x4C0A
READ_ONLY, AUTOCLEAR = 1, 4
CONFIG = struct.Struct("=II 5Q 4I 64s64s32s 2Q 8Q")  # struct loop_config
MODPROBE_SECONDS = 30


def mount_all(root: str) -> tuple[tuple[str, str], ...]:
    """Mount all; return (place, why not) for those that failed. May read the root's device."""
    text = read_fstab(root) or ""
    return tuple(
        (each.target, why) for each in parse_root_mounts(text) if (why := _mount(root, each))
    )


def _mount(root: str, wanted: RootMount) -> str:
    """Mount one; return why not, "" if it is mounted, by this engine or one before."""
    target = resolve(root, wanted.target)
    above = mounted_below(target)
    if above:
        hidden = above[0][0]
        return "" if hidden == target else f"it would hide {hidden}, which is mounted"
    try:
        os.makedirs(target, exist_ok=True)
        if wanted.source and not os.path.exists(resolve(root, wanted.source)):
            return f"{wanted.source} is not on the root"
        if wanted.kind in ("bind", "rbind"):
            _bind(resolve(root, wanted.source), target, wanted)
            return ""
        source, types, options = wanted.kind, (wanted.kind,), list(wanted.options)
        if wanted.kind == OVERLAY:
            options = [_in_root(root, each) for each in options]
        elif wanted.kind == "loop":
            options = [each for each in options if each.partition("=")[0] != "loop"]
            return _loop(resolve(root, wanted.source), target, wanted.types, tuple(options))
        return mount_first(source, target, types, tuple(options))[1]
    except OSError as error:
        return error.strerror or errno.errorcode.get(error.errno or 0, "an error")


def _bind(source: str, target: str, wanted: RootMount) -> None:
    """Bind a folder or file; the kernel takes flags such as `ro` in a second step only."""
    options = tuple(each for each in wanted.options if each not in ("bind", "rbind"))
    flags, _ = flags_and_data(options)
    deep = syscalls.MS_REC if wanted.kind == "rbind" else 0
    syscalls.mount(source, target, "", syscalls.MS_BIND | deep)
    if flags:
        again = syscalls.MS_BIND | syscalls.MS_REMOUNT | flags
        syscalls.mount("", target, "", again)


def _in_root(root: str, option: str) -> str:
    """Return an overlay's option with its folders inside the root."""
    key, equals, value = option.partition("=")
    if not equals or key.rstrip("+") not in OF_FOLDERS:
        return option
    return f"{key}={':'.join(resolve(root, each) for each in value.split(':'))}"


def _loop(file: str, target: str, types: tuple[str, ...], options: tuple[str, ...]) -> str:
    """Mount a file; the kernel frees its loop device after the last unmount."""
    device, node = _attach(file, read_only="ro" in options)
    try:
        return mount_first(node, target, types or LOOP_TYPES, options)[1]
    finally:
        os.close(device)


def _attach(file: str, *, read_only: bool) -> tuple[int, str]:
    """Attach a file to a free loop device; return that, open, and its path."""
    with suppress(OSError, subprocess.TimeoutExpired):
        command = ["modprobe", "--quiet", "loop"]
        subprocess.run(command, check=False, timeout=MODPROBE_SECONDS, env={"PATH": PATH})
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        node = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
    finally:
        os.close(control)
    mode = os.O_RDONLY if read_only else os.O_RDWR
    backing = os.open(file, mode | os.O_CLOEXEC)
    device = os.open(node, mode | os.O_CLOEXEC)
    try:
        flags = AUTOCLEAR | (READ_ONLY if read_only else 0)
        numbers = (backing, 0, *(0,) * 5, 0, 0, 0, flags, os.fsencode(file)[:63], b"", b"")
        fcntl.ioctl(device, LOOP_CONFIGURE, CONFIG.pack(*numbers, *(0,) * 10))
    except OSError:
        os.close(device)
        raise
    finally:
        os.close(backing)
    return device, node
