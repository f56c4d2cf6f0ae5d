"""Coldplug: has the kernel announce again what it found before udevd listened.

`udevadm trigger` announces everything, some hundred devices of which the boot
needs a few. Here only those are announced that can lead to a root device or a
keyboard: block devices, and devices that still want a driver. What can carry a
disk comes first, the others once udevd has finished with those: on most
machines the root is mounted by then. The real system announces everything
again, so nothing is lost.
"""

import os

from initpy.runtime.api import PATH

DMSETUP = "/usr/sbin/dmsetup"
# Buses whose devices are disks, or lead to them.
STORAGE_BUSES = ("virtio", "nvme", "scsi", "usb", "mmc", "vmbus", "xen")
# Classes of PCI devices that lead to disks: mass storage, USB, system peripherals of
# eMMC and SD; see include/linux/pci_ids.h.
STORAGE_CLASSES = ("0x01", "0x0c03", "0x0805")


def storage(sysfs: str = "/sys") -> list[str]:
    """The devices to announce first: block devices, and what may carry them."""
    block = [f"{sysfs}/class/block/{name}" for name in _names(f"{sysfs}/class/block")]
    return block + carriers(sysfs)


def carriers(sysfs: str = "/sys") -> list[str]:
    """What may carry block devices and still wants a driver."""
    found = [path for bus in STORAGE_BUSES for path in _without_driver(sysfs, bus)]
    on_pci = [path for path in _without_driver(sysfs, "pci") if _carries_disks(path)]
    return found + on_pci


def others(sysfs: str = "/sys") -> list[str]:
    """The remaining devices that want a driver."""
    buses = [bus for bus in _names(f"{sysfs}/bus") if bus not in STORAGE_BUSES]
    found = [path for bus in buses for path in _without_driver(sysfs, bus)]
    return [path for path in found if not _carries_disks(path)]


def announce(paths: list[str]) -> None:
    """Have the kernel send a uevent for each; what has vanished is passed over.

    For a mapping of the device mapper it is `change`: its rules take an `add` that is not
    libdevmapper's own for nothing (10-dm.rules of LVM2 says why).
    """
    for path in paths:
        action = b"change" if "/dm-" in path else b"add"
        try:
            with open(f"{path}/uevent", "wb", buffering=0) as uevent:
                uevent.write(action)
        except OSError:
            continue


def release_waiters(cookie: str | None = None) -> None:
    """Have tools go on that wait for what udev would have told them: this one, or all.

    libdevmapper waits until udev's rules say that they have seen its mapping: for ever, when the
    udevd or the worker that had the event has died. See dmsetup(8).
    """
    words = ("udevcomplete_all", "--yes") if cookie is None else ("udevcomplete", cookie)
    silence = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
    try:
        os.posix_spawn(DMSETUP, (DMSETUP, *words), {"PATH": PATH}, file_actions=silence)
    except OSError:
        return  # an image without the device mapper's tools: nobody waits


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _without_driver(sysfs: str, bus: str) -> list[str]:
    folder = f"{sysfs}/bus/{bus}/devices"
    paths = [f"{folder}/{name}" for name in _names(folder)]
    return [
        path
        for path in paths
        if os.path.exists(f"{path}/modalias") and not os.path.exists(f"{path}/driver")
    ]


def _carries_disks(path: str) -> bool:
    """By its class; only devices on PCI have one in this form."""
    try:
        with open(f"{path}/class", encoding="ascii") as file:
            return file.read().startswith(STORAGE_CLASSES)
    except OSError:
        return False
