"""Trigger the uevents that the kernel sent before udevd listened (coldplug).

`udevadm trigger` triggers hundreds of devices, of which the boot needs a few.
This module triggers only devices that can lead to a root device or a keyboard:
block devices, and devices without a driver. Carriers of disks come first, the
others when udevd has finished with those: on most machines root is mounted by
then. So it is with an IDE controller beside other carriers, as virtual machines
have it for their CD drive: to probe it takes as long as all the rest. The real
system triggers all devices again, so no event is lost.
"""

import os

from initpy.runtime.api import PATH

DMSETUP = "/usr/sbin/dmsetup"
# Buses whose devices are disks, or lead to them.
STORAGE_BUSES = ("virtio", "nvme", "scsi", "usb", "mmc", "vmbus", "xen")
# Classes of PCI devices that lead to disks: mass storage, USB, system peripherals of
# eMMC and SD; see include/linux/pci_ids.h.
STORAGE_CLASSES = ("0x01", "0x0c03", "0x0805")
IDE_CLASS = "0x0101"
NETWORK_CLASS = "0x02"
# Keeps udev from loading their drivers, see build/generic.toml.
IDLE_NETWORK = "/usr/lib/modprobe.d/initpy-idle-network.conf"
# Has udev load the font of the console, see image/content/fonts.py.
FONT_RULES = "/usr/lib/udev/rules.d/90-initpy-font.rules"


def storage(sysfs: str = "/sys", beside: list[str] | None = None) -> list[str]:
    """Return the devices to trigger first, `beside` others: block devices, and their carriers."""
    block = [f"{sysfs}/class/block/{name}" for name in _names(f"{sysfs}/class/block")]
    return block + _split(carriers(sysfs), beside)[0]


def screens(sysfs: str = "/sys") -> list[str]:
    """Return the drivers of the console, if the image has a font for them."""
    if not os.path.exists(FONT_RULES):
        return []
    return [f"{sysfs}/class/vtconsole/{name}" for name in _names(f"{sysfs}/class/vtconsole")]


def carriers(sysfs: str = "/sys") -> list[str]:
    """Return devices that may carry block devices and have no driver."""
    found = [path for bus in STORAGE_BUSES for path in _without_driver(sysfs, bus)]
    on_pci = [path for path in _without_driver(sysfs, "pci") if _carries_disks(path)]
    return found + on_pci


def network(sysfs: str = "/sys") -> list[str]:
    """Return links, and devices without a driver that may be network cards."""
    links = [f"{sysfs}/class/net/{name}" for name in _names(f"{sysfs}/class/net") if name != "lo"]
    cards = [path for path in _without_driver(sysfs, "pci") if _is_card(path)]
    return links + cards


def wake_network() -> bool:
    """Have udev load the drivers of network cards, too; True if it has to read that anew."""
    try:
        os.unlink(IDLE_NETWORK)
    except OSError:
        return False
    return True


def late(sysfs: str = "/sys", beside: list[str] | None = None) -> list[str]:
    """Return the carriers that most likely have no disk, if `storage` has others, or `beside`."""
    return _split(carriers(sysfs), beside)[1]


def others(sysfs: str = "/sys") -> list[str]:
    """Return the devices without a driver that carry no disks. To find them takes a moment."""
    buses = [bus for bus in _names(f"{sysfs}/bus") if bus not in STORAGE_BUSES]
    found = [path for bus in buses for path in _without_driver(sysfs, bus)]
    return [path for path in found if not _carries_disks(path)]


def announce(paths: list[str]) -> None:
    """Trigger a uevent for each device; skip devices that have vanished.

    A mapping of the device mapper gets `change`: its rules ignore an `add` that
    libdevmapper did not cause (see 10-dm.rules of LVM2).
    """
    for path in paths:
        action = b"change" if "/dm-" in path else b"add"
        try:
            with open(f"{path}/uevent", "wb", buffering=0) as uevent:
                uevent.write(action)
        except OSError:
            continue


def release_waiters(cookie: str | None = None) -> None:
    """Release tools that wait for udev: those with this cookie, or all.

    libdevmapper waits until udev's rules have handled its mapping. If udevd or the worker with the
    event has died, it waits for ever. See udevcomplete in dmsetup(8).
    """
    words = ("udevcomplete_all", "--yes") if cookie is None else ("udevcomplete", cookie)
    silence = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_RDWR, 0) for number in (0, 1, 2)]
    try:
        os.posix_spawn(DMSETUP, (DMSETUP, *words), {"PATH": PATH}, file_actions=silence)
    except OSError:
        return  # no device mapper in the image, so no tool waits


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


def _split(paths: list[str], beside: list[str] | None) -> tuple[list[str], list[str]]:
    """Return the carriers of disks to trigger first, and those that most likely have no disk."""
    ide = [path for path in paths if _class_of(path).startswith(IDE_CLASS)]
    first = [path for path in paths if path not in ide]
    return (first, ide) if first or beside else (ide, [])


def _carries_disks(path: str) -> bool:
    """True if its PCI class says so; other buses have no class in this form."""
    return _class_of(path).startswith(STORAGE_CLASSES)


def _is_card(path: str) -> bool:
    return _class_of(path).startswith(NETWORK_CLASS)


def _class_of(path: str) -> str:
    try:
        with open(f"{path}/class", encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""
