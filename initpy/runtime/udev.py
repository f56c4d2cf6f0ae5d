"""Turn udev's devices into the core's: a monitor for events, enumeration for the present state.

The engine's loop runs this, so it reads no device: `superblocks` has child processes for that. The
kernel serves the attributes of sysfs that are read here from memory, without a lock that is held
during I/O (part_size_show in block/genhd.c, md_attr_show in drivers/md/md.c, dm_attr_show in
drivers/md/dm-sysfs.c).
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING

from initpy.core.devices.graph import WORKER_FAILED, Device
from initpy.core.events import DeviceChanged, DeviceRemoved, Enumerated
from initpy.runtime.aside import Aside
from initpy.runtime.superblocks import Devices

if TYPE_CHECKING:  # most machines have no firmware RAID
    from initpy.runtime.monitors import Monitors

# pyudev finds its libraries with ctypes.util, which runs ldconfig and a compiler. The image has
# neither, and ctypes.util takes as long to import as pyudev. The sonames are the libraries' ABI.
_SONAMES = {"udev": "libudev.so.1", "c": "libc.so.6"}
sys.modules.setdefault("ctypes.util", SimpleNamespace(find_library=_SONAMES.get))  # type: ignore[arg-type]

import pyudev  # noqa: E402

# The kernel numbers all disks that have ever been, in the order in which they came (diskseq in
# Documentation/ABI/stable/sysfs-block).
SEQUENCE = "DISKSEQ"
# sysfs attributes that rules and jobs match, besides udev's properties
ATTRIBUTES = ("size", "dm/suspended")
# What the core leaves for an engine after this one, by the name of the array or the UUID of its
# members: whose it is, that it is looked into, what was found on it.
FOREIGN, LOOK, LOOKED = "/run/initpy/foreign.", "/run/initpy/look.", "/run/initpy/looked."
ARRAY_ATTRIBUTES = (
    "md/array_state", "md/metadata_version", "md/level", "md/raid_disks", "md/degraded",
    "md/resync_start",
)  # fmt: skip
# Many devices may appear at once: the kernel's default buffer holds some hundred events.
QUEUE = "/run/udev/queue"  # exists while udevd has events
# After so many dead workers a device is not triggered again.
MOST_FAILURES = 3
EXTERNAL = "external:"  # md/metadata_version of firmware RAID begins so
AT_ONCE = 8  # events, before keys and processes get their turn
BUFFER_BYTES = 8 * 1024 * 1024

Change = DeviceChanged | DeviceRemoved


class Udev:
    """Block devices; `receive` gets each event when udev has finished with it."""

    def __init__(self, aside: Aside, receive: Callable[[Change], None]) -> None:
        self._receive = receive
        self._devices = Devices(aside, receive)
        self._context = pyudev.Context()
        self._monitors: Monitors | None = None
        self._looks = 0
        self._failures: dict[str, int] = {}  # device -> dead workers
        self._monitor = pyudev.Monitor.from_netlink(self._context)
        self._monitor.filter_by("block")
        self._monitor.set_receive_buffer_size(BUFFER_BYTES)
        self._monitor.start()

    def fileno(self) -> int:
        """Return a descriptor that is readable when `pending` has events."""
        return int(self._monitor.fileno())

    def pending(self) -> None:
        """Pass on some events. Raises OSError (ENOBUFS) if the kernel has dropped some.

        With all events of hundreds of disks a typed key would have to wait.
        """
        for _ in range(AT_ONCE):
            found = self._monitor.poll(timeout=0)
            if found is None:
                return
            if found.action == "remove":
                if not self._is_old(found):
                    self._receive(self._devices.gone(found.sys_name))
                continue
            failed = found.properties.get(WORKER_FAILED) == "1"
            device = self._read(found)
            if failed and self._failures.get(found.sys_name, 0) >= MOST_FAILURES:
                # It is not looked at again: what it is stays unknown.
                known = {k: v for k, v in device.properties.items() if k != WORKER_FAILED}
                device = device._replace(properties=known)
            if (event := self._devices.seen(device, anew=True)) is not None:
                self._receive(event)
            if failed:
                self._look_failed(found)

    def _is_old(self, found: "pyudev.Device") -> bool:
        """Return whether the removal is that of an earlier device of this name.

        An array that is stopped and assembled again may be known before its removal is told. Only
        removals can be told apart so: the kernel counts on while it is at work on an array, since
        the first program that opens it finds another medium (md_check_events in drivers/md/md.c),
        and says so in no event.
        """
        known = self._devices.known(found.sys_name)
        number, told = (
            each.get(SEQUENCE, "") if each is not None else ""
            for each in (known.properties if known is not None else None, found.properties)
        )
        return number.isdecimal() and told.isdecimal() and int(told) < int(number)

    def silent(self) -> dict[str, float]:
        """Return the devices whose superblock is being read, and for how many seconds."""
        return self._devices.silent()

    def _look_failed(self, found: "pyudev.Device") -> None:
        """After a worker's death: release waiting tools and trigger the device again."""
        from initpy.runtime import coldplug  # rare

        cookie = found.properties.get("DM_COOKIE")
        if cookie is not None:
            coldplug.release_waiters(cookie)
        failures = self._failures.get(found.sys_name, 0) + 1
        self._failures[found.sys_name] = failures
        if failures <= MOST_FAILURES:
            coldplug.announce([found.sys_path])

    def present(self) -> Enumerated:
        """Return the devices that udev has finished with so far."""
        found = self._context.list_devices(subsystem="block").match_is_initialized()
        return self._devices.enumerated([self._read(each) for each in found])

    def missed(self) -> Iterator[Change | None]:
        """Yield changes that no event has told; trigger devices that udev does not know.

        Each device takes a moment, so a step is one device: None if it has not changed.
        """
        from initpy.runtime import coldplug  # rare

        lost: list[str] = []
        there: set[str] = set()
        for each in self._context.list_devices(subsystem="block"):
            there.add(each.sys_name)
            if not each.is_initialized:
                lost.append(each.sys_path)
            elif (bare := self._read(each)) != self._devices.known(bare.name):
                yield self._devices.seen(bare, anew=True)
                continue
            yield None
        for name in self._devices.names() - there:
            if not os.path.exists(f"/sys/class/block/{name.replace('/', '!')}"):
                yield self._devices.gone(name)
        self._looks += 1
        if self._looks <= MOST_FAILURES:  # for some there is no driver
            lost += coldplug.carriers()
        coldplug.announce(lost)

    def busy(self) -> bool:
        """Return whether udev still has events."""
        return os.path.exists(QUEUE)

    def look_again(self, name: str) -> Iterator[Change]:
        """Yield the present state of a device and its holders: some changes send no event."""
        try:
            found = pyudev.Devices.from_name(self._context, "block", name)
        except pyudev.DeviceNotFoundError:
            yield self._devices.gone(name)
            return
        if found.is_initialized and (event := self._again(found)) is not None:
            yield event
        for holder in (*_names(f"{found.sys_path}/holders"), *_related(found.sys_path)):
            try:
                above = pyudev.Devices.from_name(self._context, "block", holder)
            except pyudev.DeviceNotFoundError:
                continue
            if above.is_initialized and (event := self._again(above)) is not None:
                yield event

    def _again(self, found: "pyudev.Device") -> DeviceChanged | None:
        return self._devices.seen(self._read(found), anew=False)

    def _read(self, found: "pyudev.Device") -> Device:
        device = as_device(found)
        if number := device.properties.get("monitor"):
            if self._monitors is None:
                from initpy.runtime.monitors import Monitors

                self._monitors = Monitors(self._monitor_ended)
            self._monitors.follow(device.name, number)
        return device

    def _monitor_ended(self, container: str) -> None:
        for event in self.look_again(container):
            self._receive(event)


def as_device(found: "pyudev.Device") -> Device:
    """Return a device of pyudev with its sysfs attributes, without facts from its superblock."""
    path = found.sys_path
    properties = {"KERNEL": found.sys_name}
    for name in found.properties:
        try:
            properties[name] = found.properties[name]
        except UnicodeDecodeError:
            continue  # not text, such as bytes of a damaged superblock: no rule matches it
    is_array = found.sys_name.startswith("md")
    for name in (*ATTRIBUTES, *ARRAY_ATTRIBUTES) if is_array else ATTRIBUTES:
        try:
            with open(f"{path}/{name}", encoding="utf-8", errors="replace") as attribute:
                properties[name] = attribute.read().strip()
        except OSError:
            continue  # the device lacks the attribute or is gone
    if properties.get("ID_FS_USAGE") == "filesystem" or "DM_VG_NAME" in properties:
        with contextlib.suppress(OSError), open(f"{path}/ro", encoding="ascii") as read_only:
            properties["ro"] = read_only.read().strip()
    if properties.get("ID_FS_USAGE") == "raid" and (parts := _partitions(path)):
        # udev reports no partition table on a device with a superblock.
        properties["partitions"] = parts
    if properties.get("md/metadata_version", "").startswith(EXTERNAL):
        from initpy.core.storage.md.firmware import is_containers  # firmware RAID is rare
        from initpy.runtime.monitors import process_of

        if is_containers(properties["md/metadata_version"]) and (
            number := process_of(found.sys_name)
        ):
            properties["monitor"] = number
    if is_array and found.device_type == "disk":
        properties["md/slots"] = _slots(path)
        _recorded(properties, SEQUENCE, f"{path}/diskseq")  # udev may still tell of the one before
        _recorded(properties, "foreign", f"{FOREIGN}{found.sys_name}")
        _recorded(properties, "look", f"{LOOK}{found.sys_name}")
        if properties.get("md/metadata_version") == "external:ddf":
            _recorded(properties, "looked", f"{LOOKED}{properties.get('MD_UUID')}")
    if properties.get("ID_FS_TYPE") == "linux_raid_member":
        _recorded(properties, "looked", f"{LOOKED}{properties.get('ID_FS_UUID')}")
    slaves = {_name(each) for each in _names(f"{path}/slaves")}
    if found.device_type == "partition":
        slaves.add(_name(os.path.basename(os.path.dirname(path))))
    return Device(found.sys_name, properties, frozenset(found.device_links), frozenset(slaves))


def _recorded(properties: dict[str, str], name: str, path: str) -> None:
    """Add what a file says, if it is there and says anything."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
        if text := file.read().strip():
            properties[name] = text


def _related(path: str) -> set[str]:
    """Return the volumes of a container, or the container of a volume, by their kernel names.

    They stand on the same disks. mdadm starts the one by the other, without an event for both.
    """
    with contextlib.suppress(OSError), open(f"{path}/md/metadata_version") as version:
        if version.read().startswith(EXTERNAL):
            disks = _names(f"{path}/slaves")
            found = {each for disk in disks for each in _names(f"{path}/slaves/{disk}/holders")}
            return found - {os.path.basename(path)}
    return set()


def _partitions(path: str) -> str:
    """Return the names of a disk's partitions: each begins with the disk's own."""
    disk = os.path.basename(path)
    names = [each for each in _names(path) if each.startswith(disk)]
    return " ".join(
        sorted(_name(each) for each in names if os.path.exists(f"{path}/{each}/partition"))
    )


def _slots(path: str) -> str:
    """Return the slots of members as `vda:0 vdb:1`, once the kernel has read the superblocks."""
    found = []
    for each in _names(f"{path}/md"):
        if each.startswith("dev-"):
            try:
                with open(f"{path}/md/{each}/slot", encoding="ascii") as slot:
                    found.append(f"{each.removeprefix('dev-')}:{slot.read().strip()}")
            except OSError:
                continue  # removed meanwhile
    return " ".join(sorted(found))


def _name(file: str) -> str:
    """Return the kernel's name: sysfs writes "!" for a slash, as in cciss/c0d0."""
    return file.replace("!", "/")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
