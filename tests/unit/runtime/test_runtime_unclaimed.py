"""Devices without a driver are named with the module that would drive them (R23)."""

from pathlib import Path

import pytest

from initpy.core.tree import Node
from initpy.core.unclaimed import Unclaimed, advice_for, with_unclaimed
from initpy.runtime import unclaimed


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
    assert unclaimed.look(str(sysfs), table) == (
        Unclaimed("pci device 0000:00:04.0", "RAID controller 1000:0060", ("megaraid_sas",)),
        Unclaimed("usb device 1-1:1.0", "USB disk", ("ums_odd",)),
        Unclaimed("virtio device virtio0", "virtio disk", ("virtio_blk",)),
    )


def test_a_network_adapter_is_named_last_and_not_advised(tmp_path: Path, table: str) -> None:
    sysfs = tmp_path / "sys"
    device(sysfs, "pci", "0000:00:03.0", **{"class": "0x020000"},
           modalias="pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00")  # fmt: skip
    device(sysfs, "virtio", "virtio0", modalias="virtio:d00000002v00001AF4", device="0x0002")
    found = unclaimed.look(str(sysfs), table)
    assert [each.absent for each in found] == [("virtio_blk",), ("e1000",)]
    [advice] = advice_for(found)
    assert advice.commands[0][0] == "initpy build --driver virtio_blk"
    assert advice_for(found[1:]) == ()


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("echo nvme", "module nvme is in this image but does not drive it: see dmesg"),
        ("exit 1", "this kernel has no module for it"),
    ],
)
def test_a_disk_controller_that_no_missing_module_explains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, why: str
) -> None:
    (tmp_path / "modprobe").write_text(f"#!/bin/sh\n{output}\n")
    (tmp_path / "modprobe").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    sysfs = tmp_path / "sys"
    device(sysfs, "pci", "0000:00:04.0", modalias="pci:v1d1", **{"class": "0x010802"})
    found = unclaimed.look(str(sysfs), str(tmp_path / "no-table"))
    [node] = with_unclaimed(Node("root", "waiting"), found).children
    assert (node.state, node.reason) == ("no driver", why)
    assert advice_for(found) == ()


def test_without_sysfs_nothing_is_found(tmp_path: Path) -> None:
    assert unclaimed.look(str(tmp_path / "none"), str(tmp_path / "none")) == ()
