"""Devices as they are told of: some only when their superblock has told what udev does not.

A child process reads it, since that may hang. Until it has answered, a device that is new counts as
not ready (R3), and one that was told of before stays what it was.
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
# What udev says of a device that nothing may act on yet, see systemd.device(5).
NOT_READY = {"SYSTEMD_READY": "0"}


class Devices:
    """What was told of each device. `receive` is called when a superblock has been read."""

    def __init__(self, aside: Aside, receive: Callable[[DeviceChanged], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._aside, self._receive = aside, receive
        self._told: dict[str, Device] = {}  # as told last
        self._bare: dict[str, Device] = {}  # the same without what superblocks have told
        self._reading: dict[str, float] = {}  # devices whose superblock is read: since when
        self._due: dict[str, tuple[Device, Reader]] = {}  # to be read by one child
        self._asked: set[str] = set()  # a child is at their superblocks

    def seen(self, bare: Device, anew: bool) -> DeviceChanged | None:
        """What there is to tell of the device now. `anew`: its superblock may have changed."""
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
        """All devices that there are; others are forgotten."""
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
        """The device as it was seen last, without what its superblock has told."""
        return self._bare.get(name)

    def names(self) -> set[str]:
        """The devices that were told of."""
        return set(self._told)

    def silent(self) -> dict[str, float]:
        """Devices whose superblock is being read, and for how many seconds."""
        now = self._loop.time()
        return {name: now - since for name, since in self._reading.items()}

    def _noted(self, device: Device) -> DeviceChanged:
        self._told[device.name] = device
        return DeviceChanged(device)

    def _read(self, bare: Device, read: Reader) -> None:
        """Have the superblock read, and tell of the device then."""
        self._reading.setdefault(bare.name, self._loop.time())
        if bare.name in self._asked:
            return  # for an older state of the device; its answer has this one asked for
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
            return  # gone, or another content by now
        if bare is not asked:
            self._read(bare, read)
        elif answer.error:
            del self._reading[name], self._bare[name]  # `Udev.missed` has it seen again
        else:
            del self._reading[name]
            self._receive(self._noted(completed(bare, answer.value)))


def reader(device: Device) -> Reader | None:
    """What reads the further properties of this device, None where udev has told everything."""
    known = device.properties
    if known.get("ID_BTRFS_READY") == "0":
        return partial(_btrfs, device.name, device.node)
    if known.get("ID_FS_VERSION") == "0.90.0" and not device.name.startswith("md"):
        return partial(_old_member, device.name, device.node)
    return None


def completed(device: Device, facts: dict[str, str]) -> Device:
    """The device with what its superblock has told."""
    return device._replace(properties={**device.properties, **facts}) if facts else device


def not_ready(device: Device) -> Device:
    """The device as one that is there and that nothing may act on yet."""
    return device._replace(properties={**device.properties, **NOT_READY})


def suspended(name: str, folder: str = BLOCK) -> bool:
    """True when a read of this device would wait for `dmsetup resume` of one that it stands on.

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
            pass  # no mapping, or gone
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


def _old_member(name: str, node: str) -> dict[str, str]:
    from initpy.runtime import oldraid  # seldom needed

    if suspended(name):
        return NOT_READY
    try:
        version = oldraid.own_metadata(node)
    except OSError:
        return {}  # mdadm will say why it cannot be read
    return {"INITPY_MD_METADATA": version} if version else {}
