"""udev's devices as the core's: a monitor for what happens, enumeration for what is there."""

import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

from initpy.core.devices import Device
from initpy.core.events import DeviceChanged, DeviceRemoved, Enumerated

# pyudev looks its libraries up through ctypes.util, which runs ldconfig and a compiler; the image
# has neither, and importing it costs as much as pyudev. The sonames are the libraries' ABI.
_SONAMES = {"udev": "libudev.so.1", "c": "libc.so.6"}
sys.modules.setdefault("ctypes.util", SimpleNamespace(find_library=_SONAMES.get))  # type: ignore[arg-type]

import pyudev  # noqa: E402

# sysfs attributes that rules and jobs look at, beside udev's properties.
ATTRIBUTES = ("size", "md/array_state", "md/raid_disks", "md/degraded", "dm/suspended")
# Many devices may appear at once; the kernel's default buffer holds a few hundred events.
BUFFER_BYTES = 8 * 1024 * 1024


class Udev:
    """Block devices. `receive` is called with each event once udev has finished with it."""

    def __init__(self) -> None:
        self._context = pyudev.Context()
        self._monitor = pyudev.Monitor.from_netlink(self._context)
        self._monitor.filter_by("block")
        self._monitor.set_receive_buffer_size(BUFFER_BYTES)
        self._monitor.start()

    def fileno(self) -> int:
        """Readable when `pending` has something."""
        return int(self._monitor.fileno())

    def pending(self, receive: Callable[[DeviceChanged | DeviceRemoved], None]) -> None:
        """Pass on every event that has arrived. Raises OSError (ENOBUFS) when some were lost."""
        while (found := self._monitor.poll(timeout=0)) is not None:
            if found.action == "remove":
                receive(DeviceRemoved(found.sys_name))
            else:
                receive(DeviceChanged(as_device(found)))

    def present(self) -> Enumerated:
        """The devices that udev has finished with so far."""
        found = self._context.list_devices(subsystem="block").match_is_initialized()
        return Enumerated(tuple(as_device(each) for each in found))

    def look_again(self, name: str) -> Iterator[DeviceChanged | DeviceRemoved]:
        """The present state of a device and of what stands on it: no event tells of all changes."""
        try:
            found = pyudev.Devices.from_name(self._context, "block", name)
        except pyudev.DeviceNotFoundError:
            yield DeviceRemoved(name)
            return
        if found.is_initialized:
            yield DeviceChanged(as_device(found))
        for holder in _names(f"{found.sys_path}/holders"):
            try:
                above = pyudev.Devices.from_name(self._context, "block", holder)
            except pyudev.DeviceNotFoundError:
                continue
            if above.is_initialized:
                yield DeviceChanged(as_device(above))


def as_device(found: "pyudev.Device") -> Device:
    """A device of pyudev with what sysfs says now."""
    path = found.sys_path
    properties = {"KERNEL": found.sys_name}
    for name in found.properties:
        try:
            properties[name] = found.properties[name]
        except UnicodeDecodeError:
            continue  # bytes of a damaged superblock, say: nothing that a rule could mean
    for name in ATTRIBUTES:
        try:
            with open(f"{path}/{name}", encoding="utf-8", errors="replace") as attribute:
                properties[name] = attribute.read().strip()
        except OSError:
            continue  # a device without it, or gone
    if properties.get("ID_BTRFS_READY") == "0":
        from initpy.runtime import btrfs  # seldom needed

        properties.update(btrfs.facts(found.device_node))
    slaves = {_name(each) for each in _names(f"{path}/slaves")}
    if found.device_type == "partition":
        slaves.add(_name(os.path.basename(os.path.dirname(path))))
    return Device(found.sys_name, properties, frozenset(found.device_links), frozenset(slaves))


def _name(file: str) -> str:
    """sysfs writes "!" where the kernel's name of a device has a slash: cciss/c0d0."""
    return file.replace("!", "/")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
