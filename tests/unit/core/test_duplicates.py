"""Several paths to one disk without multipath: the boot uses one, and LVM sees one."""

import pytest
from desk import Desk, block, filesystem, settings

from initpy.core.actions import Ask, Mount, Report
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Enumerated
from initpy.core.storage.lvm import unseen
from initpy.report.tree import render

WWN = "0x6001405dcbb0c530"
DISK = {"ID_BUS": "scsi", "ID_WWN": WWN, "DEVTYPE": "disk", "size": "2048", "ID_FS_UUID": "u-1"}
PART = {"ID_PART_ENTRY_UUID": "p-1", "ID_PART_TABLE_UUID": "t-1"}


def path(name: str, **changes: str) -> Device:
    """A disk with root's file system, by one of its paths."""
    return filesystem(name, "root", (), **{**DISK, **changes})


def locked(name: str, **changes: str) -> Device:
    return block(name, (), ID_FS_TYPE="crypto_LUKS", ID_FS_USAGE="crypto", **{**DISK, **changes})


def volume(name: str) -> Device:
    return block(name, (), ID_FS_TYPE="LVM2_member", **DISK)


def asked_for(desk: Desk) -> list[str]:
    return [each.job for _, each in desk.log if isinstance(each, Ask)]


def told(desk: Desk) -> list[str]:
    reports = (each.text for _, each in desk.log if isinstance(each, Report))
    return [each for each in reports if "another path" in each]


def test_the_first_path_is_used_and_the_user_is_told_once() -> None:
    desk = Desk()
    desk.see(path("sda"), path("sdb"), path("sdb", ID_MODEL="IBLOCK"))
    assert [each.source for _, each in desk.log if isinstance(each, Mount)] == ["/dev/sda"]
    assert told(desk) == [
        "sdb is another path to the disk sda: without multipath sda alone is used"
    ]


def test_one_passphrase_is_asked_for() -> None:
    desk = Desk()
    desk.see(locked("sda"), locked("sdb"))
    assert asked_for(desk) == ["luks-open@sda"]
    assert "another path to the disk sda" in render(desk.boot.explain(desk.now), desk.now)


@pytest.mark.parametrize(
    "changes",
    [
        {"ID_WWN": "0x6001405dcbb0c531"},
        {"ID_FS_UUID": "u-2"},
        {"ID_FS_UUID_SUB": "s-2"},
        {"size": "4096"},
        {"DM_MULTIPATH_DEVICE_PATH": "1"},
    ],
)
def test_another_disk_is_no_path(changes: dict[str, str]) -> None:
    desk = Desk()
    desk.see(locked("sda"), locked("sdb", **changes))
    assert told(desk) == []


def test_the_other_path_is_used_once_the_first_is_gone() -> None:
    desk = Desk()
    desk.see(locked("sda"), locked("sdb"))
    desk.lose("sda")
    assert asked_for(desk) == ["luks-open@sda", "luks-open@sdb"]


def test_a_path_that_multipath_reserves_later_leaves_the_other_alone() -> None:
    desk = Desk()
    desk.see(locked("sda"), locked("sdb"))
    desk.see(block("sda", (), DM_MULTIPATH_DEVICE_PATH="1", SYSTEMD_READY="0", **DISK))
    assert asked_for(desk) == ["luks-open@sda", "luks-open@sdb"]


def test_an_engine_that_starts_again_goes_on_with_the_path_in_use() -> None:
    desk = Desk(settings())
    opened = block("dm-0", ("sdb",), DM_NAME="luks-x", DM_UUID="CRYPT-LUKS2-x-luks-x")
    desk.give(Enumerated((locked("sda"), locked("sdb"), opened)))
    assert told(desk)[-1].startswith("sda is another path to the disk sdb")
    assert asked_for(desk) == []


def test_partitions_of_the_path_that_is_left_alone_are_left_alone() -> None:
    desk = Desk()
    disk = {**DISK, "ID_PART_TABLE_UUID": "t-1"}
    del disk["ID_FS_UUID"]
    part = {**DISK, **PART, "DEVTYPE": "partition"}
    desk.see(block("sda", (), **disk), block("sdb", (), **disk))
    desk.see(
        filesystem("sdb1", "root", ("sdb",), **part), filesystem("sda1", "root", ("sda",), **part)
    )
    mounts = [each.source for _, each in desk.log if isinstance(each, Mount)]
    assert mounts[-1] in ("/dev/sda1", "/dev/sdb1")
    assert len(told(desk)) == 1


def test_lvm_sees_one_path() -> None:
    desk = Desk(settings(root=DeviceSpec(Naming.PATH, "/dev/vg/root")))
    desk.see(volume("sda"), volume("sdb"))
    desk.end("lvm-scan@sda", output="LVM_VG_NAME_COMPLETE='vg'")
    (run,) = desk.runs("lvm-activate@sda")
    at = run.argv.index("--config")
    assert run.argv[at + 1] == 'devices/global_filter=["r|^/dev/sdb$|"]'
    assert desk.runs("lvm-scan@sdb") == []


def test_the_filter_joins_what_a_command_configures() -> None:
    command = ("env", "LVM_SYSTEM_DIR=", "lvm", "pvscan", "--config", "a/b=1", "/dev/sda")
    assert unseen.filtered((), command) == command
    assert unseen.filtered(['"r|^/dev/sdb$|"', '"r|^/dev/sdc$|"'], command)[5] == (
        'a/b=1 devices/global_filter=["r|^/dev/sdb$|", "r|^/dev/sdc$|"]'
    )


def test_beside_a_map_lvm_opens_no_disk_that_udev_has_not_told_of() -> None:
    """It opens each that it sees, and a path may not answer."""
    desk = Desk(settings(root=DeviceSpec(Naming.PATH, "/dev/vg/root")))
    desk.see(block("sda", (), DM_MULTIPATH_DEVICE_PATH="1", SYSTEMD_READY="0", **DISK))
    uuid = "mpath-35000c500e8b7be43"
    desk.see(block("dm-0", ID_FS_TYPE="LVM2_member", DM_NAME="mpatha", DM_UUID=uuid))
    desk.end("lvm-scan@dm-0", output="LVM_VG_NAME_COMPLETE='vg'")
    (run,) = desk.runs("lvm-activate@dm-0")
    at = run.argv.index("--config")
    assert run.argv[at + 1] == 'devices/global_filter=["a|^/dev/dm-0$|", "r|.*|"]'
