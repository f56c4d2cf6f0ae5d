"""Wrap system calls that Python's os module lacks; the wrappers raise OSError.

Constants are from the kernel's headers: linux/mount.h, linux/reboot.h.
"""

import ctypes
import os
import sys

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_REMOUNT = 0x20
MS_MANDLOCK = 0x40
MS_DIRSYNC = 0x80
MS_NOSYMFOLLOW = 0x100
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_SILENT = 0x8000
MS_PRIVATE = 0x40000
MS_RELATIME = 0x200000
MS_I_VERSION = 0x800000
MS_STRICTATIME = 0x1000000
MS_LAZYTIME = 0x2000000

MNT_DETACH = 0x2

AF_UNIX = 1
SOCK_DGRAM = 2
SOCK_CLOEXEC = 0o2000000

IN_DELETE = 0x200
IN_CLOEXEC = 0o2000000

PR_SET_PDEATHSIG = 1
SIGTERM = 15  # signal(7)

# of statfs(2), for file systems in memory
RAMFS_MAGIC = 0x858458F6
TMPFS_MAGIC = 0x01021994

RB_AUTOBOOT = 0x1234567
RB_HALT_SYSTEM = 0xCDEF0123
RB_POWER_OFF = 0x4321FEDC
RB_KEXEC = 0x45584543
RB_DISABLE_CAD = 0x0
RB_ENABLE_CAD = 0x89ABCDEF

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.fstatfs.argtypes = (ctypes.c_int, ctypes.c_void_p)
_libc.swapoff.argtypes = (ctypes.c_char_p,)
_libc.reboot.argtypes = (ctypes.c_uint,)
_libc.socket.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
_libc.bind.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong)
_libc.inotify_init1.argtypes = (ctypes.c_int,)
_libc.inotify_add_watch.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)


def _check(result: int, *paths: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *paths[:1])


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Call mount(2). Raises OSError that names the target."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind),
        flags,
        os.fsencode(data) or None,
    )
    _check(result, target)


def umount(target: str, flags: int = 0) -> None:
    """Call umount2(2). Raises OSError that names the target."""
    _check(_libc.umount2(os.fsencode(target), flags), target)


def swapoff(path: str) -> None:
    """Call swapoff(2). Raises OSError that names the path."""
    _check(_libc.swapoff(os.fsencode(path)), path)


def file_system_type(descriptor: int) -> int:
    """Return the type of an open file's file system, one of the _MAGIC; see fstatfs(2)."""
    answer = (ctypes.c_long * 32)()  # struct statfs begins with the type; it has 120 bytes
    _check(_libc.fstatfs(descriptor, answer))
    return int(answer[0]) & 0xFFFFFFFF


def reboot(command: int) -> None:
    """Call reboot(2) with one of the RB_ constants; returns only if the system goes on."""
    _check(_libc.reboot(command))


def end_with_parent(number: int = SIGTERM) -> None:
    """Have the kernel send a signal when the parent ends; for a new child. See prctl(2)."""
    _libc.prctl(PR_SET_PDEATHSIG, number)


def abstract_datagram_socket(name: str) -> int:
    """Return a bound unix(7) datagram socket of an abstract name; read(2) its messages.

    PID 1 needs this socket first of all: importing the socket module would take
    a tenth of its start.
    """
    descriptor = int(_libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    _check(min(descriptor, 0))
    address = AF_UNIX.to_bytes(2, sys.byteorder) + b"\0" + name.encode()
    _check(_libc.bind(descriptor, address, len(address)))
    return descriptor


def watch_deletions(folder: str) -> int:
    """Return an inotify(7) descriptor that is readable when an entry of `folder` is deleted."""
    descriptor = int(_libc.inotify_init1(IN_CLOEXEC))
    _check(min(descriptor, 0))
    _check(min(int(_libc.inotify_add_watch(descriptor, folder.encode(), IN_DELETE)), 0), folder)
    return descriptor
