"""Containers of firmware RAID that mdadm was not done with (R5)."""

from typing import Any

from desk import Desk, array, block, filesystem, settings

from initpy.core.actions import Mount, Record
from initpy.core.devices.graph import Device
from initpy.core.events import Enumerated
from initpy.core.settings import Degraded

AGAIN = "md-container-again@md127"
PARTITION = {"DEVTYPE": "partition"}
STARTED = "MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=unsafe\n"


def disk(name: str) -> Device:
    return block(name, ID_FS_TYPE="ddf_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="Linux-MD")


def container(*disks: str) -> Device:
    return array("md127", disks, "inactive", md__metadata_version="external:ddf", MD_UUID="box")


def volume(state: str, *disks: str) -> Device:
    known = {
        "md__metadata_version": "external:/md127/0",
        "md__level": "raid1",
        "MD_DEVNAME": "data",
    }
    if state != "inactive":
        known |= {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}
    return array("md126", disks, state, **known)


def intel() -> Device:
    return array("md127", ("vda",), "inactive", md__metadata_version="external:imsm", MD_UUID="box")


def bare(state: str, **content: str) -> Device:
    known = {"md__metadata_version": "external:/md127/0", "md__level": "raid1", **content}
    return array("md126", ("vda",), state, **known)


def looked(device: Device) -> Device:
    return device._replace(properties=dict(device.properties) | {"look": "box"})


def half_done(**changes: Any) -> Desk:
    """mdadm was killed after it had added the second disk to the container."""
    desk = Desk(settings(**changes))
    desk.see(disk("vda"), disk("vdb"), container("vda"), volume("inactive", "vda"))
    desk.end("md-ddf-disk@vda", output=STARTED)
    desk.see(container("vda", "vdb"))
    desk.end("md-ddf-disk@vdb", -9)
    return desk


def test_mdadm_examines_the_container_once_more() -> None:
    desk = half_done(md_degraded=Degraded.NO)
    desk.wait(3)
    command = ("mdadm", "--incremental", "--export", "/dev/md127")
    assert [run.argv for run in desk.runs(AGAIN)] == [command]
    desk.see(volume("read-auto", "vda", "vdb"), container("vda", "vdb"))
    desk.end(AGAIN, output="MD_STARTED=yes\n")
    desk.wait(60)
    assert len(desk.runs(AGAIN)) == 1


def test_it_does_so_for_each_disk() -> None:
    desk = half_done()
    desk.wait(3)
    desk.end(AGAIN, output="MD_STARTED=unsafe\n")
    three = ("vda", "vdb", "vdc")
    desk.see(disk("vdc"), container(*three), volume("inactive", "vda", "vdb"))
    desk.end("md-ddf-disk@vdc", -9)
    desk.wait(desk.now + 3)
    assert len(desk.runs(AGAIN)) == 2


def test_a_disk_that_mdadm_has_come_to_its_end_with_needs_none() -> None:
    desk = Desk()
    desk.see(disk("vda"), container("vda"), volume("inactive", "vda"))
    desk.end("md-ddf-disk@vda", output=STARTED)
    desk.wait(20)
    assert desk.runs(AGAIN) == []


def test_a_degraded_start_waits_for_it() -> None:
    desk = half_done(md_timeout=0.0)
    desk.wait(5)
    assert len(desk.runs(AGAIN)) == 1
    assert desk.runs("md-start@md126") == []
    assert desk.actions(Mount) == []


def test_a_new_engine_has_a_disk_examined_that_is_in_no_volume() -> None:
    desk = Desk()
    there = (volume("inactive", "vda"), disk("vda"), disk("vdb"), container("vda", "vdb"))
    desk.give(Enumerated(there))
    desk.wait(4)
    assert len(desk.runs(AGAIN)) == 1


def test_a_new_engine_leaves_volumes_with_all_disks_alone() -> None:
    desk = Desk()
    whole = volume("read-auto", "vda", "vdb")
    desk.give(Enumerated((disk("vda"), disk("vdb"), container("vda", "vdb"), whole)))
    desk.wait(20)
    assert desk.runs(AGAIN) == []


def test_an_examination_that_fails_for_good_holds_no_start() -> None:
    desk = half_done(md_timeout=0.0)
    for _ in range(3):
        desk.wait(desk.now + 3)
        desk.end(AGAIN, 1)
    desk.wait(desk.now + 30)
    assert len(desk.runs(AGAIN)) == 3
    assert len(desk.runs("md-start@md126")) == 1


def noted(box: Device) -> Desk:
    """mdadm starts a volume whose look an engine before this one has noted."""
    desk = Desk(settings(md_timeout=0.0))
    desk.give(Enumerated((block("vda", ID_FS_TYPE="isw_raid_member", ID_FS_USAGE="raid"), box)))
    desk.wait(4)
    desk.end(AGAIN, output="MD_STARTED=no\n")
    desk.wait(8)
    assert len(desk.runs("md-container-start@md127")) == 1
    return desk


def test_a_volume_that_is_started_is_no_look_of_an_engine_before_this_one() -> None:
    """That has died between the look and the start: its note is left."""
    desk = noted(intel())
    desk.see(looked(volume("readonly", "vda")))
    cleared = [each for _, each in desk.actions(Record) if isinstance(each, Record)]
    assert ("look.md126", "") in [(each.name, each.text) for each in cleared]
    desk.see(volume("read-auto", "vda"))
    desk.wait(12)
    assert len(desk.actions(Mount)) == 1


def test_a_partition_of_such_a_volume_is_used_once_that_is_writable() -> None:
    desk = noted(intel())
    table = {"ID_PART_TABLE_TYPE": "gpt"}
    desk.see(looked(bare("readonly", **table)), filesystem("md126p1", on=("md126",), **PARTITION))
    assert desk.actions(Mount) == []
    desk.see(bare("read-auto", **table))
    desk.wait(12)
    assert len(desk.actions(Mount)) == 1
