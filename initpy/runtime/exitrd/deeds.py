"""Do one step of a shutdown. A step may wait in the kernel for ever, so a child does it."""

import fcntl
import os
import signal
import struct
from collections.abc import Collection

from initpy.core.shutdown.kinds import CACHE_SET
from initpy.core.shutdown.messages import Deed, Do
from initpy.runtime import handover, syscalls
from initpy.runtime.exitrd import programs

# linux/dm-ioctl.h: struct dm_ioctl, and the command _IOWR(0xfd, DM_DEV_REMOVE_CMD, struct dm_ioctl)
_DM_IOCTL = struct.Struct("=3I2IIiI2IQ128s129s7s")
_DM_DEV_REMOVE = 0xC138FD04
_DM_VERSION = (4, 0, 0)
_LOOP_CLR_FD = 0x4C01  # linux/loop.h
_NBD_DISCONNECT = 0xAB08  # linux/nbd.h


def perform(step: Do, spared: Collection[int]) -> None:
    """Do it. Raises OSError. `spared`: processes that are not ended."""
    argument = step.argument
    match step.deed:
        case Deed.END_PROCESSES:
            left = handover.end_processes(spared=spared)
            if left:
                raise OSError(0, f"would not end: {', '.join(left)}")
        case Deed.SYNC:
            os.sync()
        case Deed.SWAP_OFF:
            syscalls.swapoff(argument)
        case Deed.UNMOUNT:
            syscalls.umount(argument)
        case Deed.DETACH:
            syscalls.umount(argument, syscalls.MNT_DETACH)
        case Deed.READ_ONLY:
            syscalls.mount("", argument, "", syscalls.MS_REMOUNT | syscalls.MS_RDONLY)
        case Deed.REMOVE:
            _remove_mapping(argument)
        case Deed.STOP:
            _write(f"/sys/block/{argument}/md/array_state", "inactive")
        case Deed.CLEAR:
            _write(f"/sys/block/{argument}/md/array_state", "clear")
        case Deed.UNBIND:
            _control(f"/dev/{argument}", _LOOP_CLR_FD)
        case Deed.DISCONNECT:
            _control(f"/dev/{argument}", _NBD_DISCONNECT)
        case Deed.STOP_CACHE:
            name = argument.removeprefix(CACHE_SET)
            folder = f"/sys/block/{name}/bcache" if name == argument else f"/sys/fs/bcache/{name}"
            _write(f"{folder}/stop", "1")
        case Deed.RUN | Deed.TAKE_OVER:
            programs.run(step.run)
        case Deed.TERMINATE:
            os.kill(int(argument), signal.SIGTERM)
        case Deed.KILL:
            os.kill(int(argument), signal.SIGKILL)
        case Deed.AWAIT:
            return


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _control(node: str, command: int) -> None:
    file = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(file, command, 0)
    finally:
        os.close(file)


def _remove_mapping(name: str) -> None:
    """Remove a mapping by its number. The kernel refuses it while it is in use.

    The number is coded as in linux/kdev_t.h, huge_encode_dev().
    """
    with open(f"/sys/block/{name}/dev", encoding="ascii") as file:
        major, minor = map(int, file.read().split(":"))
    number = (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)
    size = _DM_IOCTL.size
    data = _DM_IOCTL.pack(*_DM_VERSION, size, 0, 0, 0, 0, 0, 0, number, b"", b"", b"")
    file_ = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(file_, _DM_DEV_REMOVE, bytearray(data))
    finally:
        os.close(file_)
