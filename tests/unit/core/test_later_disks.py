"""Firmware RAID that could not start, and a disk that comes later (R7)."""

from desk import Desk, array, block

from initpy.core.devices.graph import Device

START, VOLUME = "md-container-start@md127", "md-start@md126"


def disk(name: str, kind: str = "isw", **known: str) -> Device:
    return block(name, (), ID_FS_TYPE=f"{kind}_raid_member", ID_FS_USAGE="raid", **known)


def container(*on: str, kind: str = "imsm", name: str = "md127") -> Device:
    return array(name, on, "inactive", md__metadata_version=f"external:{kind}", MD_UUID=name)


def volume(*on: str) -> Device:
    known = {"md__metadata_version": "external:/md127/0", "MD_DEVNAME": "data",
             "md__level": "raid5", "md__raid_disks": "3"}  # fmt: skip
    return array("md126", on, "inactive", **known)


def too_few() -> Desk:
    """An Intel container has had its time with one disk of three, which is too few."""
    desk = Desk()
    desk.see(disk("vda"), container("vda"))
    desk.end("md-imsm-disk@vda", output="MD_STARTED=no\n")
    desk.wait(31)
    desk.end(START, output="MD_STARTED=no\n")
    return desk


def test_mdadm_that_starts_nothing_says_so_although_it_ends_well() -> None:
    desk = too_few()
    assert "too few disks are there for any of its volumes" in desk.reports()
    desk.wait(70)
    assert len(desk.runs(START)) == 1


def test_with_one_more_disk_the_container_has_its_time_again() -> None:
    desk = too_few()
    desk.see(disk("vdb"), container("vda", "vdb"))
    desk.end("md-imsm-disk@vdb", output="MD_STARTED=no\n")
    desk.wait(60)
    assert len(desk.runs(START)) == 1
    desk.wait(62)
    assert len(desk.runs(START)) == 2


def test_no_container_is_stopped_for_a_disk_of_another_one() -> None:
    """The disks of Intel containers do not say of which one they are."""
    desk = too_few()
    desk.see(disk("vdb"), container("vdb", name="md126"))
    desk.wait(36)
    assert desk.runs("md-stop@md127") == []


def test_a_volume_of_ddf_starts_with_the_disk_that_it_lacked() -> None:
    desk = Desk()
    known = {"ID_FS_UUID": "Linux-MD"}
    desk.see(disk("vda", "ddf", **known), container("vda", kind="ddf"), volume("vda"))
    desk.end("md-ddf-disk@vda", output="MD_STARTED=unsafe\n")
    desk.wait(3)
    desk.end("md-volume-examine@md126", output="MD_DEVNAME=data\n")
    desk.wait(35)
    desk.end(VOLUME)  # with status 0, and the volume does not run
    assert "raid5 needs 2 of its 3 members, 1 there" in desk.reports()
    desk.see(disk("vdb", "ddf", **known), container("vda", "vdb", kind="ddf"))
    desk.see(volume("vda", "vdb"))
    desk.end("md-ddf-disk@vdb", output="MD_STARTED=unsafe\n")
    desk.wait(70)
    assert len(desk.runs(VOLUME)) == 2
