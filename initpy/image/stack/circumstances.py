"""Finds what is unusual about the described system now: a locked kernel, an unmounted /boot."""

from initpy.config.commandline import parse
from initpy.config.textlines import fields, lines, unescaped
from initpy.image.stack.mounttable import MountTable
from initpy.image.stack.system import System
from initpy.image.stack.typeone import BOOT_FOLDERS

LOCKDOWN = "/sys/kernel/security/lockdown"
LOCKED = ("[integrity]", "[confidentiality]")
# Where boot loaders find kernels and images.
PLACES = (*BOOT_FOLDERS, "/boot/firmware")


def locked_down(system: System, cmdline: str) -> bool:
    """Return whether the running kernel is locked down, and not by its command line."""
    state = (system.text(LOCKDOWN) or "").split()
    asked = any(each.key == "lockdown" for each in parse(cmdline).parameters)
    return any(each in LOCKED for each in state) and not asked


def unmounted(system: System, base: str, mounts: MountTable) -> tuple[str, ...]:
    """Return the places where fstab mounts the boot loader's file system, and nothing is.

    `base` is where the described system's root is mounted.
    """
    split = map(fields, lines(system.text(f"{base}/etc/fstab") or ""))
    named = [each for each in split if len(each) > 2 and not each[0].startswith("#")]
    points = ["/" + unescaped(each[1]).strip("/") for each in named]
    found = (f"{base}{each}" for each in points if each in PLACES)
    return tuple(dict.fromkeys(each for each in found if mounts.at(each) is None))
