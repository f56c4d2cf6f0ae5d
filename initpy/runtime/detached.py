"""Mount file systems without a place in the tree: only a descriptor reaches them.

The kernel unmounts such a file system with its last descriptor, so that none is
left however this process ends. See fsopen(2), fsmount(2), openat2(2); constants
are from linux/mount.h and linux/openat2.h.
"""

import ctypes
import errno
import os
import stat

FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6
MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
CLOSE_ON_EXEC = 0x1  # of fsopen and fsmount
RESOLVE_NO_MAGICLINKS = 0x2
RESOLVE_IN_ROOT = 0x10

# The same numbers on every architecture: they are younger than the common table.
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT, SYS_OPENAT2 = 430, 431, 432, 437

# Read-only alone still replays the journal of a file system that was not unmounted.
NO_REPLAY = {
    "ext3": ("noload",),
    "ext4": ("noload",),
    "xfs": ("norecovery", "nouuid"),
    "btrfs": ("rescue=nologreplay",),
    "f2fs": ("norecovery",),
}

_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.restype = ctypes.c_long


def _call(number: int, *arguments: object) -> int:
    result = int(_syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def mount(node: str, kind: str) -> int:
    """Mount the device read-only, without a write to it; return a descriptor of the mount."""
    context = _call(SYS_FSOPEN, kind.encode(), CLOSE_ON_EXEC)
    try:
        _configure(context, FSCONFIG_SET_STRING, b"source", os.fsencode(node))
        _configure(context, FSCONFIG_SET_FLAG, b"ro", None)
        for option in NO_REPLAY.get(kind, ()):
            key, separator, value = option.partition("=")
            how = FSCONFIG_SET_STRING if separator else FSCONFIG_SET_FLAG
            _configure(context, how, key.encode(), value.encode() if separator else None)
        _configure(context, FSCONFIG_CMD_CREATE, None, None)
        attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
        return _call(SYS_FSMOUNT, context, CLOSE_ON_EXEC, attributes)
    finally:
        os.close(context)


def _configure(context: int, command: int, key: bytes | None, value: bytes | None) -> None:
    _call(SYS_FSCONFIG, context, command, key, value, 0)


def open_file(root: int, path: str) -> int:
    """Open a regular file there for reading; links are resolved inside the mount."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    how = (ctypes.c_uint64 * 3)(flags, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    size = ctypes.c_size_t(ctypes.sizeof(how))
    descriptor = _call(SYS_OPENAT2, root, os.fsencode(path), ctypes.byref(how), size)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return descriptor
