"""Coldplug: has the kernel announce again what it found before udevd listened.

`udevadm trigger` announces everything, some hundred devices of which the boot
needs a few. Here only those are announced that can lead to a root device:
block devices, and devices that still want a driver. What a loaded driver finds
is announced by the kernel itself. The real system announces everything again.
"""

import os
from collections.abc import Iterator

# Buses on which storage and keyboards sit come first, the rest after them.
FIRST = ("virtio", "pci", "nvme", "scsi", "usb", "mmc", "hid")


def coldplug(sysfs: str = "/sys") -> int:
    """Announce the devices; return how many. Devices that vanish meanwhile are passed over."""
    count = 0
    for path in (*_block(sysfs), *_without_driver(sysfs)):
        count += _announce(path)
    return count


def _announce(path: str) -> int:
    try:
        with open(f"{path}/uevent", "wb", buffering=0) as uevent:
            uevent.write(b"add")
    except OSError:
        return 0
    return 1


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _block(sysfs: str) -> Iterator[str]:
    for name in _names(f"{sysfs}/class/block"):
        yield f"{sysfs}/class/block/{name}"


def _without_driver(sysfs: str) -> Iterator[str]:
    buses = _names(f"{sysfs}/bus")
    for bus in (*(each for each in FIRST if each in buses), *sorted({*buses} - {*FIRST})):
        for name in _names(f"{sysfs}/bus/{bus}/devices"):
            path = f"{sysfs}/bus/{bus}/devices/{name}"
            if os.path.exists(f"{path}/modalias") and not os.path.exists(f"{path}/driver"):
                yield path
