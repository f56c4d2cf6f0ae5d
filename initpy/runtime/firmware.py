"""Variables of the firmware (UEFI), which may not answer: only children call this."""

import os
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from initpy.runtime import syscalls

if TYPE_CHECKING:
    from initpy.runtime.aside import Aside

FIRMWARE_SECONDS = 5.0  # that a caller waits for the child
FOLDER = "/sys/firmware/efi/efivars"
IMMUTABLE = 0x10  # linux/fs.h: what firmware may not survive the loss of, and all that is unknown
GET_FLAGS, SET_FLAGS = 0x80086601, 0x40086602
# Written by systemd-sleep(8); the UUID behind the name is systemd's.
HIBERNATED = "HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67"
# Written by systemd-boot(7) if it counts; the UUID is that of the Boot Loader Interface.
COUNTED = "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


async def told(aside: "Aside", names: Sequence[str]) -> dict[str, str]:
    """Return the texts of these variables, as far as there are any and the firmware answers.

    One child reads them all.
    """
    from initpy.runtime.aside import answered_within

    answer = aside.ask("variables", partial(_texts, names))
    await answered_within(FIRMWARE_SECONDS, answer)
    texts = (answer.result().value if answer.done() else None) or ()
    return {name: text for name, text in zip(names, texts, strict=False) if text is not None}


def _texts(names: Sequence[str]) -> list[str | None]:
    return [read_variable(each) for each in names]


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
