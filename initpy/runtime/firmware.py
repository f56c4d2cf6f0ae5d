"""Variables of the firmware (UEFI), which may not answer: only children call this."""

import os

from initpy.runtime import syscalls

FIRMWARE_SECONDS = 5.0  # that a caller waits for the child
FOLDER = "/sys/firmware/efi/efivars"
IMMUTABLE = 0x10  # linux/fs.h: what firmware may not survive the loss of, and all that is unknown
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602


def read_variable(name: str, folder: str = FOLDER) -> str | None:
    """Return the text of a variable (`NAME-UUID`), None if it cannot be read."""
    try:
        if not os.listdir(folder):
            syscalls.mount("efivarfs", folder, "efivarfs", syscalls.MS_NOSUID | syscalls.MS_NOEXEC)
        with open(f"{folder}/{name}", "rb") as file:
            content = file.read()
    except OSError:
        return None  # no such firmware, no such variable
    # Four bytes of attributes, then UTF-16 with a final NUL, all of it ASCII: each second byte is
    # enough, and the image has no codec for UTF-16.
    return content[4::2].decode("ascii", "replace").rstrip("\0")


def remove_variable(name: str, folder: str = FOLDER) -> None:
    """Remove a variable; fine if there is none. Raises OSError."""
    import fcntl

    path = f"{folder}/{name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        flags = bytearray(8)
        fcntl.ioctl(descriptor, GET_FLAGS, flags)
        flags[0] &= ~IMMUTABLE & 0xFF
        fcntl.ioctl(descriptor, SET_FLAGS, bytes(flags))
    finally:
        os.close(descriptor)
    os.unlink(path)
