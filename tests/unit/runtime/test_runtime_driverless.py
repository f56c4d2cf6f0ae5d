"""Devices without a driver are named with the module that would drive them (R23)."""

import os
from pathlib import Path

import pytest

from initpy.core.explanation import Node
from initpy.core.failure.driverless import Unclaimed, advice_for, with_unclaimed
from initpy.runtime import driverless


def device(sysfs: Path, bus: str, name: str, **attributes: str) -> None:
    """A device of the made-up kernel."""
    folder = sysfs / "bus" / bus / "devices" / name
    folder.mkdir(parents=True)
    for attribute, text in attributes.items():
        (folder / attribute).write_text(f"{text}\n")


@pytest.fixture
def table(tmp_path: Path) -> str:
    """What the image builder has left out."""
    path = tmp_path / "table"
    path.write_text(
        "pci:v00001000d00000060sv*sd*bc*sc*i* megaraid_sas\n"
        "pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\n"
        "virtio:d00000002v* virtio_blk\n"
        "usb:v0421p0042d010[0-4]dc*dsc*dp*ic*isc*ip*in* ums_odd\n"
        "half\n"
    )
    return str(path)


def test_the_module_that_would_drive_it_is_named(tmp_path: Path, table: str) -> None:
    sysfs = tmp_path / "sys"
    raid = "pci:v00001000d00000060sv00001000sd00001013bc01sc04i00"
    device(sysfs, "pci", "0000:00:04.0", modalias=raid, vendor="0x1000", device="0x0060",
           **{"class": "0x010400"})  # fmt: skip
    device(sysfs, "pci", "0000:00:05.0", driver="yes", modalias=raid)
    device(sysfs, "virtio", "virtio0", modalias="virtio:d00000002v00001AF4", device="0x0002")
    device(sysfs, "platform", "pcspkr", modalias="platform:pcspkr")
    device(sysfs, "usb", "1-1:1.0", modalias="usb:v0421p0042d0103dc00dsc00dp00ic08isc06ip50in00",
           bInterfaceClass="08")  # fmt: skip
    assert driverless.look(str(sysfs), table) == (
        Unclaimed("pci device 0000:00:04.0", "RAID controller 1000:0060", ("megaraid_sas",)),
        Unclaimed("usb device 1-1:1.0", "USB disk", ("ums_odd",)),
        Unclaimed("virtio device virtio0", "virtio disk", ("virtio_blk",)),
    )


def test_a_network_adapter_is_named_last_and_not_advised(tmp_path: Path, table: str) -> None:
    sysfs = tmp_path / "sys"
    device(sysfs, "pci", "0000:00:03.0", **{"class": "0x020000"},
           modalias="pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00")  # fmt: skip
    device(sysfs, "virtio", "virtio0", modalias="virtio:d00000002v00001AF4", device="0x0002")
    found = driverless.look(str(sysfs), table)
    assert [each.absent for each in found] == [("virtio_blk",), ("e1000",)]
    [advice] = advice_for(found)
    assert advice.commands[0][0] == "initpy build --driver virtio_blk"
    assert advice_for(found[1:]) == ()


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("echo nvme", "module nvme is in this image but does not drive it: see dmesg"),
        ("exit 1", "this kernel has no module for it"),
        ("echo broken >&2; exit 127", "its module is not known: broken"),
        ("kill -9 $$", "its module is not known: modprobe ended with status -9"),
    ],
)
def test_a_disk_controller_that_no_missing_module_explains(
    tmp_path: Path, table: str, output: str, why: str
) -> None:
    (tmp_path / "modprobe").write_text(f"#!/bin/sh\n{output}\n")
    (tmp_path / "modprobe").chmod(0o755)
    index = tmp_path / os.uname().release / "modules.alias.bin"
    index.parent.mkdir()
    index.touch()
    found = controller(tmp_path, table, search=f"{tmp_path}:/usr/bin:/bin")
    assert reason(found) == ("no driver", why)
    assert advice_for(found) == ()


def controller(tmp_path: Path, table: str, search: str) -> tuple[Unclaimed, ...]:
    """What is found where an NVMe disk has no driver."""
    sysfs = tmp_path / "sys"
    device(sysfs, "pci", "0000:00:04.0", modalias="pci:v1d1", **{"class": "0x010802"})
    return driverless.look(str(sysfs), table, str(tmp_path), search)


def reason(found: tuple[Unclaimed, ...]) -> tuple[str, str]:
    [node] = with_unclaimed(Node("root", "waiting"), found).children
    return node.state, node.reason


def test_modprobe_that_could_not_be_asked_says_nothing_of_the_kernel(
    tmp_path: Path, table: str
) -> None:
    why = "its module is not known: modprobe: No such file or directory"
    assert reason(controller(tmp_path, table, search=str(tmp_path)))[1] == why


def test_without_the_modules_indexes_nothing_is_said_of_the_kernel(
    tmp_path: Path, table: str
) -> None:
    (tmp_path / "modprobe").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "modprobe").chmod(0o755)
    why = "its module is not known: modprobe ended with status 1"
    assert reason(controller(tmp_path, table, search=str(tmp_path)))[1] == why


def test_without_the_table_of_left_out_modules_nothing_is_said_of_the_kernel(
    tmp_path: Path,
) -> None:
    (tmp_path / "modprobe").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "modprobe").chmod(0o755)
    none = str(tmp_path / "none")
    why = f"its module is not known: {none} is empty or not there"
    assert reason(controller(tmp_path, none, search=str(tmp_path)))[1] == why


def test_modprobe_is_found_without_a_path_of_our_own(
    tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has none from the kernel, and modprobe lies in /usr/sbin."""
    monkeypatch.delenv("PATH")
    sysfs = tmp_path / "sys"
    device(sysfs, "pci", "0000:00:04.0", modalias="pci:v1d1", **{"class": "0x010802"})
    [found] = driverless.look(str(sysfs), table)
    assert "No such file" not in found.unknown


def test_without_sysfs_nothing_is_found(tmp_path: Path) -> None:
    assert driverless.look(str(tmp_path / "none"), str(tmp_path / "none")) == ()
