"""Devices whose superblock has to be read are told of without waiting for it (R3, R5)."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from initpy.core.devices.graph import Device
from initpy.core.events import DeviceChanged, DeviceRemoved
from initpy.runtime.aside import Aside
from initpy.runtime.superblocks import Devices, suspended


class Told:
    """Devices, and what was told of them later."""

    def __init__(self) -> None:
        self.events: list[DeviceChanged] = []
        self.devices = Devices(Aside(), self.events.append)

    async def next(self) -> Device:
        """The device that is told of when its superblock has been read."""
        while not self.events:
            await asyncio.sleep(0.01)
        return self.events.pop(0).device


def play(scene: Callable[[Told], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(scene(Told()), 10)

    asyncio.run(run())


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """A disk that does not answer: open(2) of a FIFO hangs until a writer opens it."""
    os.mkfifo(tmp_path / "silent")
    return tmp_path / "silent"


async def wake(fifo: Path) -> None:
    """Have the disk answer, once it is read; its superblock cannot be read all the same."""
    while True:
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # ENXIO: nothing reads it yet
            await asyncio.sleep(0.01)
        else:
            return


def old_member(path: Path, name: str = "sda", **more: str) -> Device:
    """A device on which udev has seen an md superblock of version 0.90."""
    return Device(name, {"DEVNAME": str(path), "ID_FS_VERSION": "0.90.0", **more})


def superblocks(path: Path) -> Path:
    """A disk with one of version 1.2 and one of version 0.90, which is of another device."""
    data = bytearray(1 << 20)
    data[4096:4104] = (0xA92B4EFC).to_bytes(4, "little") + b"\1\0\0\0"
    last = (1 << 20) - 0x10000
    data[last : last + 4] = (0xA92B4EFC).to_bytes(4, "little")
    data[last + 993 * 4] = 9
    path.write_bytes(data)
    return path


def ready(event: DeviceChanged | None) -> bool:
    assert event is not None
    return event.device.ready


def test_a_device_is_not_ready_until_its_superblock_is_read(tmp_path: Path) -> None:
    disk = superblocks(tmp_path / "disk")

    async def scene(told: Told) -> None:
        assert not ready(told.devices.seen(old_member(disk), anew=True))
        device = await told.next()
        assert device.ready
        assert device.properties["INITPY_MD_METADATA"] == "1.2"

    play(scene)


def test_a_disk_that_does_not_answer_keeps_nothing_waiting(silent: Path, tmp_path: Path) -> None:
    """Fault 3: its event, and the enumeration in which it is, hung the engine."""
    disk = superblocks(tmp_path / "disk")

    async def scene(told: Told) -> None:
        plain = Device("sdb", {"DEVNAME": "/dev/sdb"})
        found = [old_member(silent), plain, old_member(disk, "sdc")]
        enumerated = told.devices.enumerated(found).devices
        assert [(each.name, each.ready) for each in enumerated] == [
            ("sda", False), ("sdb", True), ("sdc", False),
        ]  # fmt: skip
        assert (await told.next()).name == "sdc"
        assert told.devices.seen(plain, anew=True) == DeviceChanged(plain)
        assert list(told.devices.silent()) == ["sda"]
        await wake(silent)
        assert (await told.next()).ready
        assert told.devices.silent() == {}

    play(scene)


def test_a_device_that_is_known_stays_what_it_was_until_it_is_read(
    silent: Path, tmp_path: Path
) -> None:
    disk = superblocks(tmp_path / "disk")

    async def scene(told: Told) -> None:
        told.devices.seen(old_member(disk), anew=True)
        before = await told.next()
        assert told.devices.seen(old_member(silent), anew=True) is None
        assert told.devices.enumerated([old_member(silent)]).devices == (before,)

    play(scene)


def test_what_has_not_changed_is_not_read_again(tmp_path: Path) -> None:
    """Tools end all the time, and each end has the device looked at."""
    disk = superblocks(tmp_path / "disk")

    async def scene(told: Told) -> None:
        told.devices.seen(old_member(disk), anew=True)
        device = await told.next()
        disk.unlink()
        assert told.devices.seen(old_member(disk), anew=False) == DeviceChanged(device)
        assert told.devices.silent() == {}

    play(scene)


def test_the_newest_state_counts_however_many_come_while_it_is_read(silent: Path) -> None:
    async def scene(told: Told) -> None:
        first = old_member(silent, NUMBER="first")
        told.devices.seen(first, anew=True)
        await asyncio.sleep(0.1)
        for number in range(300):  # a storm
            told.devices.seen(old_member(silent, NUMBER=str(number)), anew=True)
        await wake(silent)  # for the state that was the first: the last one has it read once more
        await asyncio.sleep(0.1)
        assert told.events == []
        await wake(silent)
        assert (await told.next()).properties["NUMBER"] == "299"
        assert told.devices.silent() == {}

    play(scene)


def test_a_device_that_goes_while_it_is_read_is_not_told_of(silent: Path) -> None:
    async def scene(told: Told) -> None:
        told.devices.seen(old_member(silent), anew=True)
        await asyncio.sleep(0.1)
        assert told.devices.gone("sda") == DeviceRemoved("sda")
        await wake(silent)
        await asyncio.sleep(0.2)
        assert told.events == []

    play(scene)


def test_another_content_does_not_wait_for_the_superblock(silent: Path) -> None:
    async def scene(told: Told) -> None:
        told.devices.seen(old_member(silent), anew=True)
        await asyncio.sleep(0.1)
        made = Device("sda", {"DEVNAME": str(silent), "ID_FS_TYPE": "ext4"})
        assert told.devices.seen(made, anew=True) == DeviceChanged(made)
        await wake(silent)
        await asyncio.sleep(0.2)
        assert told.events == []

    play(scene)


def mapping(sysfs: Path, name: str, suspended: str) -> Path:
    (sysfs / name / "dm").mkdir(parents=True)
    (sysfs / name / "dm/suspended").write_text(f"{suspended}\n")
    return sysfs / name


def test_what_stands_on_a_suspended_mapping_is_not_to_be_read(tmp_path: Path) -> None:
    (mapping(tmp_path, "dm-0", "1") / "dm-0p1").mkdir()
    (tmp_path / "dm-0/dm-0p1/partition").write_text("1\n")
    (tmp_path / "dm-0p1").symlink_to(tmp_path / "dm-0/dm-0p1")
    mapping(tmp_path, "dm-1", "0")
    for upper, lower in (("md0", "dm-0p1"), ("md1", "dm-1"), ("dm-2", "md0")):
        (tmp_path / upper / "slaves" / lower).mkdir(parents=True)
    (tmp_path / "md1/slaves/md1").mkdir()  # no loop is entered
    names = ("dm-0", "dm-0p1", "md0", "dm-2", "dm-1", "md1", "sda", "cciss/c0d0")
    found = [each for each in names if suspended(each, str(tmp_path))]
    assert found == ["dm-0", "dm-0p1", "md0", "dm-2"]
