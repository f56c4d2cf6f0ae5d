"""Containers of firmware RAID that mdadm was not done with (R5)."""

from typing import Any

from desk import Desk, array, block, settings

from initpy.core.actions import Mount
from initpy.core.devices.graph import Device
from initpy.core.events import Enumerated
from initpy.core.settings import Degraded

AGAIN = "md-container-again@md127"
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
    desk.give(Enumerated((whole, disk("vda"), disk("vdb"), container("vda", "vdb"))))
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
