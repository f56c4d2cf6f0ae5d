"""udev's devices as the core's, from made-up devices of pyudev with a made-up sysfs."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from initpy.core.devices.graph import Device
from initpy.core.events import DeviceChanged, DeviceRemoved
from initpy.runtime import coldplug
from initpy.runtime.aside import Aside
from initpy.runtime.superblocks import Devices
from initpy.runtime.udev import Udev, as_device


class Properties(Mapping[str, str]):
    """As pyudev's: looked up and decoded one by one."""

    def __init__(self, raw: dict[str, bytes]) -> None:
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        return self._raw[name].decode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


@dataclass
class Found:
    """What `as_device` uses of a pyudev.Device."""

    sys_path: str
    sys_name: str
    properties: Mapping[str, str] = field(default_factory=dict)
    device_links: tuple[str, ...] = ()
    device_type: str = "disk"


def read(found: Found) -> Device:
    """The core's device."""
    return as_device(cast(Any, found))


def test_a_disk_has_its_properties_links_and_attributes(tmp_path: Path) -> None:
    (tmp_path / "size").write_text("2048\n")
    known = {"DEVNAME": "/dev/sda", "ID_FS_TYPE": "ext4"}
    device = read(Found(str(tmp_path), "sda", known, ("/dev/disk/by-label/root",)))
    assert device.name == "sda"
    assert device.properties == {"KERNEL": "sda", "size": "2048", **known}
    assert device.links == {"/dev/disk/by-label/root"}
    assert device.slaves == frozenset()


def test_an_array_stands_on_its_members_and_tells_its_state(tmp_path: Path) -> None:
    """R3: ready, not present."""
    (tmp_path / "md").mkdir()
    (tmp_path / "md/array_state").write_text("inactive\n")
    for member in ("sda1", "sdb1"):
        (tmp_path / "slaves" / member).mkdir(parents=True)
    device = read(Found(str(tmp_path), "md127"))
    assert device.slaves == {"sda1", "sdb1"}
    assert device.properties["md/array_state"] == "inactive"
    assert not device.ready


def test_a_partition_stands_on_its_disk(tmp_path: Path) -> None:
    (tmp_path / "sda" / "sda1").mkdir(parents=True)
    device = read(Found(str(tmp_path / "sda/sda1"), "sda1", device_type="partition"))
    assert device.slaves == {"sda"}


def test_names_with_a_slash_are_the_same_above_and_below(tmp_path: Path) -> None:
    """sysfs writes cciss!c0d0, udev cciss/c0d0."""
    (tmp_path / "cciss!c0d0" / "cciss!c0d0p1").mkdir(parents=True)
    path = tmp_path / "cciss!c0d0/cciss!c0d0p1"
    assert read(Found(str(path), "cciss/c0d0p1", device_type="partition")).slaves == {"cciss/c0d0"}
    (tmp_path / "dm-0/slaves/etherd!e1.0").mkdir(parents=True)
    assert read(Found(str(tmp_path / "dm-0"), "dm-0")).slaves == {"etherd/e1.0"}


def test_a_property_that_is_no_text_does_not_cost_the_device(tmp_path: Path) -> None:
    """A damaged superblock may name an array with any bytes; it must not end the engine."""
    raw = {"DEVNAME": b"/dev/sda", "MD_NAME": b"\xff\xfe", "ID_FS_TYPE": b"linux_raid_member"}
    device = read(Found(str(tmp_path), "sda", Properties(raw)))
    assert device.properties["ID_FS_TYPE"] == "linux_raid_member"
    assert "MD_NAME" not in device.properties


def test_a_device_that_is_gone_meanwhile_is_what_udev_knew(tmp_path: Path) -> None:
    device = read(Found(str(tmp_path / "gone"), "sda", {"DEVNAME": "/dev/sda"}))
    assert device.properties == {"KERNEL": "sda", "DEVNAME": "/dev/sda"}


@dataclass
class CurrentEvent(Found):
    """A device that enumeration finds."""

    is_initialized: bool = True


async def devices() -> Devices:
    """What is told of devices; nothing here has to be read from one."""
    return Devices(Aside(), lambda _: None)


def watcher(found: list[CurrentEvent], known: list[Device]) -> Udev:
    """A Udev to which these devices are present, and which has told of those that are known."""
    udev = Udev.__new__(Udev)
    udev._context = SimpleNamespace(list_devices=lambda subsystem: found)
    udev._devices = asyncio.run(devices())
    for each in known:
        udev._devices.seen(each, anew=True)
    udev._looks, udev._failures = 0, {}
    return udev


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is announced again; nothing else wants a driver."""
    paths: list[str] = []
    monkeypatch.setattr(coldplug, "announce", paths.extend)
    monkeypatch.setattr(coldplug, "carriers", list)
    return paths


def test_r2_what_no_event_told_is_found_by_looking(tmp_path: Path, announced: list[str]) -> None:
    same, changed = (
        CurrentEvent(f"{tmp_path}/{name}", name, {"ID_FS_TYPE": "ext4"}) for name in ("sda", "sdb")
    )
    before = read(Found("", "sdb", {"ID_FS_TYPE": "swap"}))
    gone = read(Found("", "sdz"))
    new = CurrentEvent(f"{tmp_path}/sdc", "sdc")
    udev = watcher([same, changed, new], [read(same), before, gone])
    told = [each for each in udev.missed() if each is not None]
    assert told == [
        DeviceChanged(read(changed)),
        DeviceChanged(read(new)),
        DeviceRemoved("sdz"),
    ]
    assert [each for each in udev.missed() if each is not None] == []
    assert announced == []


def test_what_udev_has_not_looked_at_is_announced_again(
    tmp_path: Path, announced: list[str]
) -> None:
    lost = CurrentEvent(f"{tmp_path}/sda", "sda", is_initialized=False)
    udev = watcher([lost], [])
    assert list(udev.missed()) == [None]
    assert announced == [lost.sys_path]


def test_a_device_at_which_a_worker_dies_is_looked_at_again_but_not_for_ever(
    tmp_path: Path, announced: list[str]
) -> None:
    udev = watcher([], [])
    for _ in range(10):
        udev._look_failed(cast(Any, CurrentEvent(f"{tmp_path}/sda", "sda")))
    assert announced == [f"{tmp_path}/sda"] * 3


def test_a_disk_that_looks_like_a_member_tells_its_partitions(tmp_path: Path) -> None:
    """udev tells no partition table where it has found a superblock."""
    disk = tmp_path / "sda"
    for name in ("sda2", "sda1", "queue", "sda-other"):
        (disk / name).mkdir(parents=True)
    for name in ("sda1", "sda2"):
        (disk / name / "partition").write_text("1\n")

    seen = read(Found(str(disk), "sda", {"ID_FS_USAGE": "raid"}))

    assert seen.properties["partitions"] == "sda1 sda2"
    assert (
        "partitions" not in read(Found(str(disk), "sda", {"ID_FS_USAGE": "filesystem"})).properties
    )


def test_r2_an_event_of_a_device_that_has_come_again_since_is_not_told() -> None:
    """A stopped array may be known anew, under its old name, before its removal is told."""
    udev = watcher([], [read(Found("", "md127", {"DISKSEQ": "12"}))])
    told: list[object] = []
    udev._receive = told.append
    events = [
        SimpleNamespace(action="remove", sys_name="md127", properties={"DISKSEQ": "11"}),
        SimpleNamespace(action="remove", sys_name="md127", properties={"DISKSEQ": "12"}),
    ]
    udev._monitor = SimpleNamespace(poll=lambda timeout: events.pop(0) if events else None)
    udev.pending()
    assert told == [DeviceRemoved("md127")]
    assert events == []


def test_r2_news_of_a_device_with_a_number_that_sysfs_has_passed_is_told() -> None:
    """The number of a started array grows when udev opens it, and no event follows (md.c)."""
    udev = watcher([], [read(Found("", "md127", {"DISKSEQ": "13"}))])
    told: list[Any] = []
    udev._receive = told.append
    changed: Any = Found("", "md127", {"DISKSEQ": "12", "ID_FS_TYPE": "crypto_LUKS"})
    changed.action = "change"
    events = [changed]
    udev._monitor = SimpleNamespace(poll=lambda timeout: events.pop(0) if events else None)
    udev.pending()
    assert [each.device.properties["ID_FS_TYPE"] for each in told] == ["crypto_LUKS"]


def test_a_container_tells_which_process_is_its_monitor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initpy.runtime.monitors.process_of", lambda name: f"of {name}")
    (tmp_path / "md").mkdir()
    (tmp_path / "md/array_state").write_text("inactive\n")
    for version, monitor in (
        ("external:ddf", "of md127"), ("external:/md127/0", None), ("1.2", None),
    ):  # fmt: skip
        (tmp_path / "md/metadata_version").write_text(f"{version}\n")
        assert read(Found(str(tmp_path), "md127")).properties.get("monitor") == monitor
