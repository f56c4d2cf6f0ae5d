"""Complete udev's devices with facts from their superblocks, which udev does not tell.

A child process reads superblocks, since a read may hang. Until it has answered, a new device counts
as not ready (R3), and a known device keeps its last state.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial

from initpy.core.devices.graph import Device
from initpy.core.events import DeviceChanged, DeviceRemoved, Enumerated
from initpy.runtime.aside import Answer, Aside

Reader = Callable[[], dict[str, str]]
BLOCK = "/sys/class/block"
# udev marks a device so that is not to be used yet, see systemd.device(5).
NOT_READY = {"SYSTEMD_READY": "0"}


class Devices:
    """The devices that the core knows; `receive` gets those whose superblock has been read."""

    def __init__(self, aside: Aside, receive: Callable[[DeviceChanged], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._aside, self._receive = aside, receive
        self._told: dict[str, Device] = {}  # as the core knows them
        self._bare: dict[str, Device] = {}  # the same without facts from superblocks
        self._reading: dict[str, float] = {}  # devices whose superblock is being read: since when
        self._due: dict[str, tuple[Device, Reader]] = {}  # for one child to read
        self._asked: set[str] = set()  # a child reads their superblocks

    def seen(self, bare: Device, anew: bool) -> DeviceChanged | None:
        """Return what to tell the core now. `anew`: the superblock may have changed."""
        name, same = bare.name, bare == self._bare.get(bare.name)
        self._bare[name] = bare
        read = reader(bare)
        if read is None:
            self._reading.pop(name, None)
            return self._noted(bare)
        if same and not anew and name not in self._reading:
            return DeviceChanged(self._told[name])
        self._read(bare, read)
        return self._noted(not_ready(bare)) if name not in self._told else None

    def enumerated(self, found: Sequence[Device]) -> Enumerated:
        """Return all present devices for the core; forget the others."""
        for name in self.names() - {each.name for each in found}:
            self.gone(name)
        for each in found:
            self.seen(each, anew=True)
        return Enumerated(tuple(self._told[each.name] for each in found))

    def gone(self, name: str) -> DeviceRemoved:
        """Forget a device."""
        for each in (self._told, self._bare, self._reading):
            each.pop(name, None)
        return DeviceRemoved(name)

    def known(self, name: str) -> Device | None:
        """Return the device as it was seen last, without facts from its superblock."""
        return self._bare.get(name)

    def names(self) -> set[str]:
        """Return the devices that the core knows."""
        return set(self._told)

    def silent(self) -> dict[str, float]:
        """Return the devices whose superblock is being read, and for how many seconds."""
        now = self._loop.time()
        return {name: now - since for name, since in self._reading.items()}

    def _noted(self, device: Device) -> DeviceChanged:
        self._told[device.name] = device
        return DeviceChanged(device)

    def _read(self, bare: Device, read: Reader) -> None:
        """Have a child read the superblock; tell the core then."""
        self._reading.setdefault(bare.name, self._loop.time())
        if bare.name in self._asked:
            return  # the answer for the older state asks again for this one
        if not self._due:
            self._loop.call_soon(self._ask)
        self._due[bare.name] = bare, read

    def _ask(self) -> None:
        due, self._due = self._due, {}
        calls = {f"superblock {name}": read for name, (_, read) in due.items()}
        answers = self._aside.ask_all(calls).values()
        for (bare, _), answer in zip(due.values(), answers, strict=True):
            self._asked.add(bare.name)
            answer.add_done_callback(partial(self._was_read, bare))

    def _was_read(self, asked: Device, answered: "asyncio.Future[Answer]") -> None:
        answer, name = answered.result(), asked.name
        self._asked.discard(name)
        bare = self._bare.get(name)
        read = reader(bare) if bare is not None else None
        if bare is None or read is None or name not in self._reading:
            return  # the device is gone or has another content
        if bare is not asked:
            self._read(bare, read)
        elif answer.error:
            del self._reading[name], self._bare[name]  # `Udev.missed` tries again
        else:
            del self._reading[name]
            self._receive(self._noted(completed(bare, answer.value)))


def reader(device: Device) -> Reader | None:
    """Return the function that reads further facts; None if udev has told all."""
    known = device.properties
    if known.get("ID_BTRFS_READY") == "0":
        return partial(_btrfs, device.name, device.node)
    has_table = "partitions" in known and known.get("ID_FS_VERSION") in ("0.90.0", "1.0")
    if known.get("ID_FS_VERSION") == "0.90.0" and not device.name.startswith("md"):
        return partial(_old_member, device.name, device.node, has_table)
    return partial(_table_of_member, device.name, device.node) if has_table else None


def completed(device: Device, facts: dict[str, str]) -> Device:
    """Add the facts from the superblock to the device."""
    return device._replace(properties={**device.properties, **facts}) if facts else device


def not_ready(device: Device) -> Device:
    """Mark the device as present but not ready."""
    return device._replace(properties={**device.properties, **NOT_READY})


def suspended(name: str, folder: str = BLOCK) -> bool:
    """True if the device or one below it is suspended: a read would wait for `dmsetup resume`.

    See dm/suspended in Documentation/ABI/testing/sysfs-block-dm.
    """
    pending, seen = [name.replace("/", "!")], set[str]()
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        path = os.path.realpath(f"{folder}/{each}")
        try:
            with open(f"{path}/dm/suspended", encoding="ascii") as attribute:
                if attribute.read().strip() == "1":
                    return True
        except OSError:
            pass  # not a mapping, or gone
        try:
            pending += os.listdir(f"{path}/slaves")
        except OSError:
            pass  # a partition has none
        if os.path.exists(f"{path}/partition"):
            pending.append(os.path.basename(os.path.dirname(path)))
    return False


def _btrfs(name: str, node: str) -> dict[str, str]:
    from initpy.runtime import btrfs  # seldom needed

    return NOT_READY if suspended(name) else btrfs.facts(node)


def _old_member(name: str, node: str, has_table: bool) -> dict[str, str]:
    from initpy.runtime import oldraid  # seldom needed

    if suspended(name):
        return NOT_READY
    try:
        version = oldraid.own_metadata(node)
    except OSError:
        return {}  # mdadm will say why it cannot be read
    if version:
        return {"INITPY_MD_METADATA": version}
    return _table_of_member(name, node) if has_table else {}


def _table_of_member(name: str, node: str) -> dict[str, str]:
    from initpy.runtime import mdtable  # seldom needed

    if suspended(name):
        return NOT_READY
    try:
        return {"INITPY_MD_TABLE": "array"} if mdtable.is_of_the_array(node) else {}
    except OSError:
        return {}  # mdadm will say why it cannot be read
