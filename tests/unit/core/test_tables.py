"""Partition tables that were made on a mirror whose metadata is at the end of its disks (R4)."""

from desk import Desk, member

from initpy.core.devices.graph import Device

MADE_ON_THE_ARRAY = {"INITPY_MD_TABLE": "array"}


def disk(**known: str) -> Device:
    """A member of a mirror, with a partition that is a member of another array."""
    bare = member("vda", "low")
    return bare._replace(properties={**bare.properties, "partitions": "vda1", **known})


def partition() -> Device:
    bare = member("vda1", "up")
    known = {**bare.properties, "DEVTYPE": "partition"}
    return bare._replace(slaves=frozenset({"vda"}), properties=known)


def test_an_array_on_a_partition_of_a_mirror_gets_that_of_the_mirror() -> None:
    desk = Desk()
    desk.see(disk(**MADE_ON_THE_ARRAY), partition())
    assert len(desk.runs("md-member@vda")) == 1
    assert desk.runs("md-member@vda1") == []


def test_nothing_is_decided_while_the_superblock_is_being_read() -> None:
    desk = Desk()
    desk.see(disk(SYSTEMD_READY="0"), partition())
    assert desk.runs("md-member@vda") == desk.runs("md-member@vda1") == []
    desk.see(disk(**MADE_ON_THE_ARRAY))
    assert len(desk.runs("md-member@vda")) == 1
    assert desk.runs("md-member@vda1") == []


def test_what_tells_nothing_of_the_table_leaves_the_partition_to_the_upper_array() -> None:
    desk = Desk()
    desk.see(disk(), partition())
    assert desk.runs("md-member@vda") == []
    assert len(desk.runs("md-member@vda1")) == 1


def test_a_partition_waits_for_a_disk_whose_look_has_failed() -> None:
    """The disk may be a member of a mirror that shows its partitions: udev is asked again."""
    desk = Desk()
    failed = Device("vda", {"DEVNAME": "/dev/vda", "DEVTYPE": "disk", "UDEV_WORKER_FAILED": "1"})
    desk.see(failed, partition())
    assert desk.runs("md-member@vda1") == []
    desk.see(failed._replace(properties={"DEVNAME": "/dev/vda", "DEVTYPE": "disk"}))
    assert len(desk.runs("md-member@vda1")) == 1


def test_what_udev_had_said_of_a_disk_stays_while_it_looks_again() -> None:
    told = {"DEVNAME": "/dev/vda", "ID_FS_TYPE": "ext4", "size": "4", "md/array_state": "clean"}
    before = Device("vda", told, frozenset({"/dev/disk/by-label/home"}))
    bare = Device("vda", {"DEVNAME": "/dev/vda", "UDEV_WORKER_FAILED": "1", "size": "8"})
    now = bare.after(before)
    assert now.properties == {**bare.properties, "ID_FS_TYPE": "ext4"}
    assert now.links == before.links
    assert before.ready
    assert not now.ready
    assert bare._replace(properties={"DEVNAME": "/dev/vda"}).after(before).links == frozenset()
