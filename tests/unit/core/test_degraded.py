"""Arrays without their members: who decides, what is said, what is left (R7, R8, R9)."""

import pytest
from desk import Desk, array, block, filesystem, luks, mapping, member, settings

from initpy.core.actions import HandOver, Record, ShowFailure, Withdraw
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceChanged, Enumerated
from initpy.core.layer import Layer
from initpy.core.settings import Degraded, LayerPolicy, Settings

ASK = {"md_degraded": Degraded.ASK, "md_timeout": 8.0}
BY_UUID = Settings(root=DeviceSpec(Naming.UUID, "7a0c"), md_timeout=8.0, root_wait=None)


def incomplete(asked: Settings, facts: str = "") -> Desk:
    """A RAID1 of which one member is there."""
    desk = Desk(asked)
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output=facts)
    return desk


def test_r8_a_person_is_asked_when_the_timer_has_run_out_and_may_say_yes() -> None:
    desk = incomplete(settings(**ASK))
    desk.wait(7)
    assert desk.asked() == []
    desk.wait(9)
    assert "md127 has 1 of 2 members: vda." in desk.asked()[0].text

    desk.answer("who knows")
    assert desk.runs("md-start@md127") == []
    assert len(desk.asked()) == 2  # asked again
    desk.answer("Yes ")

    assert len(desk.runs("md-start@md127")) == 1


def test_r8_a_start_that_was_allowed_is_tried_again_without_another_question() -> None:
    desk = incomplete(settings(**ASK))
    desk.wait(9)
    desk.answer("y")
    desk.end("md-start@md127", status=1)
    desk.wait(12)
    assert len(desk.runs("md-start@md127")) == 2
    assert len(desk.asked()) == 1


def test_r8_a_person_may_say_no() -> None:
    desk = incomplete(settings(root_wait=20.0, **ASK))
    desk.wait(9)
    desk.answer("no")
    desk.wait(200)
    assert desk.runs("md-start@md127") == []
    assert len(desk.actions(ShowFailure)) == 1


def test_r6_the_root_clock_stands_still_while_the_question_is_up() -> None:
    desk = incomplete(settings(root_wait=10.0, **ASK))
    desk.wait(500)
    assert desk.actions(ShowFailure) == []


def test_r7_a_member_that_arrives_takes_the_question_away() -> None:
    desk = incomplete(settings(**ASK))
    desk.wait(60)
    desk.see(member("vdb"))
    desk.see(array("md127", ("vda", "vdb"), "clean"))
    desk.end("md-member@vdb")
    assert len(desk.actions(Withdraw)) == 1
    desk.wait(200)
    assert desk.runs("md-start@md127") == []
    assert len(desk.asked()) == 1


def test_r7_a_locked_volume_takes_the_question_back_until_it_is_open() -> None:
    desk = incomplete(settings(root_wait=None, **ASK))
    desk.wait(9)
    desk.see(luks("vdc"))
    assert len(desk.actions(Withdraw)) == 1
    assert "Passphrase" in desk.asked()[-1].text

    desk.wait(100)
    desk.answer("secret")
    desk.see(block("dm-0", ("vdc",), DM_NAME="c", DM_UUID="CRYPT-LUKS2-u-1"))
    desk.end("luks-open@vdc")
    desk.wait(103)
    assert "Passphrase" in desk.asked()[-1].text
    desk.wait(110)  # what was behind it has had its time to show

    assert "Start it without the others?" in desk.asked()[-1].text
    assert desk.runs("md-start@md127") == []


def test_r9_on_the_root_deadline_the_arrays_of_this_host_come_first() -> None:
    desk = incomplete(BY_UUID._replace(root_wait=5.0), "MD_FOREIGN=yes\n")
    desk.see(member("vdb", "b:b:b:b"), array("md126", ("vdb",), "inactive"))
    desk.end("md-member@vdb", output="MD_FOREIGN=no\n")
    desk.wait(6)
    assert len(desk.runs("md-start@md126")) == 1
    assert desk.runs("md-start@md127") == []


def test_r9_an_array_that_people_named_is_not_foreign() -> None:
    named = LayerPolicy(named=frozenset({"a:a:a:a"}), by="rd.md.uuid=")
    desk = incomplete(settings(layers={Layer.MD: named}, md_timeout=8.0), "MD_FOREIGN=yes\n")
    desk.wait(9)
    assert len(desk.runs("md-start@md127")) == 1


def refused(asked: Settings, **facts: str) -> Desk:
    """The kernel has refused the start and shows what it has read."""
    desk = incomplete(asked)
    desk.wait(9)
    desk.give(DeviceChanged(array("md127", ("vda",), "inactive", **facts)))
    desk.end("md-start@md127", status=1, error="mdadm: Input/output error")
    desk.wait(desk.now + 2)
    return desk


def test_r8_too_many_members_lost_is_explained() -> None:
    desk = refused(settings(md_timeout=8.0), md__level="raid5", md__raid_disks="3",
                   md__slots="vda:1", md__resync_start="none")  # fmt: skip
    assert "raid5 needs 2 of its 3 members, 1 there; missing: number 0, 2" in desk.reports()


def test_r8_dirty_and_degraded_is_explained() -> None:
    desk = refused(settings(md_timeout=8.0), md__level="raid5", md__raid_disks="2",
                   md__slots="vda:1", md__resync_start="0")  # fmt: skip
    assert "md_mod.start_dirty_degraded=1" in desk.reports()


def test_r8_a_start_that_came_to_nothing_is_tried_again_and_not_explained() -> None:
    """What the kernel shows before it has read a superblock looks like a dirty array."""
    desk = incomplete(settings(md_timeout=8.0))
    unread = array("md127", ("vda",), "inactive", md__level="", md__raid_disks="",
                   md__slots="vda:none", md__resync_start="0",
                   md__metadata_version="1.2")  # fmt: skip
    desk.see(unread)
    desk.wait(3)
    desk.end("md-examine@md127", output="MD_LEVEL=raid5\nMD_DEVICES=3\n")
    desk.see(member("vdb"), unread._replace(slaves=frozenset({"vda", "vdb"})))
    desk.end("md-member@vdb")
    desk.wait(12)
    desk.end("md-start@md127", status=-9)
    desk.wait(14)
    assert "dirty" not in desk.reports()
    assert len(desk.runs("md-start@md127")) == 2


def test_an_array_is_not_started_again_while_it_is_stopped_for_a_newcomer() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.wait(8)
    desk.end("md-start@md127", status=1)
    desk.see(member("vdb"))
    desk.wait(12)
    assert len(desk.runs("md-stop@md127")) == 1
    assert len(desk.runs("md-start@md127")) == 1


def test_an_array_is_not_started_without_a_newcomer_before_the_last_try_to_stop_it() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.wait(8)
    desk.end("md-start@md127", status=1)
    desk.see(member("vdb"))
    for stops in (1, 2, 3):
        desk.wait(desk.now + 40)
        assert len(desk.runs("md-stop@md127")) == stops
        assert len(desk.runs("md-start@md127")) == 1
        desk.end("md-stop@md127", status=-9)  # it has hung
    desk.wait(desk.now + 20)
    assert len(desk.runs("md-stop@md127")) == 3
    assert len(desk.runs("md-start@md127")) == 2


def test_r5_a_new_engine_lets_a_member_in_that_it_sees_before_the_array_that_was_refused() -> None:
    desk = Desk()
    refused = array("md127", ("vdb",), "inactive", md__level="raid5", md__slots="vdb:1")
    desk.give(Enumerated((member("vda"), member("vdb"), refused)))
    assert len(desk.runs("md-stop@md127")) == 1


def test_a_member_that_came_while_the_start_ran_is_let_in_once_that_is_refused() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.wait(8)
    desk.see(member("vdb"))
    desk.end("md-member@vdb", status=1, error="mdadm: failed to add vdb: Device or resource busy")
    desk.end("md-start@md127", status=1)
    assert len(desk.runs("md-stop@md127")) == 1


def test_the_timer_of_an_array_that_is_being_stopped_is_dropped() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.see(array("md127", ("vda",), "inactive", INITPY_LATE_MEMBER="vdb"))
    desk.wait(20)
    assert len(desk.runs("md-stop@md127")) == 1
    assert desk.runs("md-start@md127") == []


def test_an_array_is_not_stopped_for_a_newcomer_while_it_is_being_started_again() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.wait(8)
    desk.end("md-start@md127", status=1)
    desk.wait(10)
    assert len(desk.runs("md-start@md127")) == 2
    desk.see(member("vdb"))
    assert desk.runs("md-stop@md127") == []
    desk.end("md-start@md127", status=1)
    assert len(desk.runs("md-stop@md127")) == 1


def test_r7_a_start_that_failed_is_not_tried_again_while_a_volume_is_locked() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.wait(8)
    desk.see(luks("vdb"))
    desk.end("md-start@md127", status=-9)
    desk.wait(30)
    assert len(desk.runs("md-start@md127")) == 1
    desk.answer("typed")
    desk.see(mapping("dm-0", "vdb", "CRYPT-LUKS2-u-1-x", ID_FS_TYPE="ext4"))
    desk.end("luks-open@vdb")
    desk.wait(40)
    assert len(desk.runs("md-start@md127")) == 2


def test_r8_arrays_that_run_degraded_are_recorded_for_the_real_system() -> None:
    desk = Desk()
    desk.see(
        member("vda"),
        array("md127", ("vda",), "clean", md__degraded="1", md__level="raid1",
              md__slots="vda:0", MD_UUID="a:a"),
        filesystem("md127p1", on=("md127",)),
    )  # fmt: skip
    desk.end("md-member@vda")
    desk.mount("/dev/md127p1")
    text = "md127 level=raid1 members=1/2 missing=1 uuid=a:a\n"
    assert Record("degraded", text) in [each for _, each in desk.actions(Record)]
    assert desk.actions(HandOver)


def test_a_container_without_its_volumes_has_a_timer_of_its_own() -> None:
    desk = Desk(settings(md_timeout=8.0))
    disk = block("sda", ID_FS_TYPE="isw_raid_member", ID_FS_USAGE="raid")
    container = block("md127", ("sda",), md__array_state="inactive",
                      md__metadata_version="external:imsm")  # fmt: skip
    desk.see(disk, container)
    desk.end("md-imsm-disk@sda")
    desk.wait(9)
    [run] = desk.runs("md-container-start@md127")
    assert run.environment == (("IMSM_NO_PLATFORM", "1"),)
    assert desk.runs("md-start@md127") == []

    desk.see(block("md126", ("sda",), md__array_state="clean",
                   md__metadata_version="external:/md127/0"))  # fmt: skip
    desk.end("md-container-start@md127")
    desk.wait(60)
    assert len(desk.runs("md-container-start@md127")) == 1


def test_r1_firmware_raid_can_be_switched_off() -> None:
    desk = Desk(settings(switched_off=frozenset({"rd.md.imsm"})))
    desk.see(block("sda", ID_FS_TYPE="isw_raid_member"), block("sdb", ID_FS_TYPE="ddf_raid_member"))
    assert desk.runs("md-imsm-disk@sda") == []
    assert len(desk.runs("md-ddf-disk@sdb")) == 1


def test_mdadm_conf_can_be_switched_off() -> None:
    desk = Desk(settings(switched_off=frozenset({"rd.md.conf"})))
    desk.see(member("vda"))
    [run] = desk.runs("md-member@vda")
    assert run.argv == (
        "mdadm", "--incremental", "--export", "--offroot", "--config=none", "/dev/vda",
    )  # fmt: skip


def with_partitions(**properties: str) -> Desk:
    """A disk that looks like a member and has a partition, which appears later."""
    desk = Desk()
    disk = block("vda", ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="a:a",
                 ID_PART_TABLE_TYPE="gpt", partitions="vda1")  # fmt: skip
    desk.see(disk)
    assert desk.runs("md-member@vda") == []
    desk.see(block("vda1", ("vda",), DEVTYPE="partition", **properties))
    return desk


def test_a_disk_yields_to_its_partition_that_is_a_member() -> None:
    desk = with_partitions(ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid")
    assert desk.runs("md-member@vda") == []
    assert len(desk.runs("md-member@vda1")) == 1
    assert "vda is not added to its array: its partition vda1 is a member too" in desk.reports()


def test_a_partition_of_a_member_is_reached_through_the_array_only() -> None:
    desk = with_partitions(ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC="root")
    assert len(desk.runs("md-member@vda")) == 1
    assert desk.runs("mount-root@vda1") == []
    assert not any(type(each).__name__ == "Mount" for _, each in desk.log)


@pytest.mark.parametrize(("kind", "usage"), [("crypto_LUKS", "crypto"), ("LVM2_member", "raid")])
def test_nothing_opens_a_partition_of_a_member(kind: str, usage: str) -> None:
    """One copy would change behind the array's back, and mdadm would not get the disk."""
    desk = with_partitions(ID_FS_TYPE=kind, ID_FS_USAGE=usage, ID_FS_UUID="b")
    assert len(desk.runs("md-member@vda")) == 1
    assert desk.runs("luks-open@vda1") == desk.runs("lvm-scan@vda1") == []
    assert desk.asked() == []


def test_nothing_opens_a_partition_of_a_disk_of_firmware_raid() -> None:
    """Its mirrors show their partitions on each disk, too."""
    desk = Desk()
    desk.see(
        block("sda", ID_FS_TYPE="isw_raid_member", ID_FS_USAGE="raid", partitions="sda1"),
        block("sda1", ("sda",), DEVTYPE="partition", ID_FS_TYPE="LVM2_member",
              ID_FS_USAGE="raid", ID_FS_UUID="b"),
    )  # fmt: skip
    assert desk.runs("lvm-scan@sda1") == []


def test_what_is_beside_a_member_on_the_disk_is_no_part_of_an_array() -> None:
    """The disk's superblock is old, or that of its last partition: the latter tells."""
    desk = Desk()
    disk = block("vda", ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="a:a",
                 partitions="vda1 vda2")  # fmt: skip
    desk.see(disk)
    locked = block("vda1", ("vda",), DEVTYPE="partition", ID_FS_TYPE="LVM2_member",
                   ID_FS_USAGE="raid", ID_FS_UUID="b")  # fmt: skip
    desk.see(locked)
    assert desk.runs("lvm-scan@vda1") == []
    desk.see(
        block("vda2", ("vda",), DEVTYPE="partition", ID_FS_TYPE="linux_raid_member",
              ID_FS_USAGE="raid", ID_FS_UUID="a:a")
    )  # fmt: skip
    assert desk.runs("md-member@vda") == []
    assert len(desk.runs("md-member@vda2")) == len(desk.runs("lvm-scan@vda1")) == 1


def test_partitions_of_a_disk_that_is_switched_off_as_a_member_are_used() -> None:
    desk = Desk(settings(layers={Layer.MD: LayerPolicy(False, frozenset(), "rd.md=0")}))
    desk.see(
        block("vda", ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="a:a",
              partitions="vda1"),
        block("vda1", ("vda",), DEVTYPE="partition", ID_FS_TYPE="LVM2_member",
              ID_FS_USAGE="raid", ID_FS_UUID="b"),
    )  # fmt: skip
    assert len(desk.runs("lvm-scan@vda1")) == 1


def test_a_member_whose_partitions_mdadm_has_removed_does_not_wait_for_them() -> None:
    """remove_partitions() of mdadm: the kernel tells of the partitions only."""
    desk = with_partitions(ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem")
    desk.see(array("md127", ("vda",), "inactive"))
    desk.lose("vda1")
    desk.end("md-member@vda")
    desk.lose("md127")
    assert len(desk.runs("md-member@vda")) == 2


def test_r5_an_array_that_a_former_engine_could_not_start_is_made_anew_for_a_member() -> None:
    desk = Desk(settings(root_wait=None))
    known = {"md__level": "raid5", "md__raid_disks": "3", "md__slots": "vda:0"}
    desk.give(Enumerated((member("vda"), array("md127", ("vda",), "inactive", **known))))
    desk.see(member("vdb"), at=1)
    assert len(desk.runs("md-stop@md127")) == 1
    assert desk.runs("md-member@vdb") == []


def test_an_array_that_mdadm_is_just_starting_is_not_stopped_for_a_newcomer() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(member("vda"))
    known = {"md__level": "raid1", "md__raid_disks": "2", "md__slots": "vda:0"}
    desk.see(array("md127", ("vda",), "inactive", **known), member("vdb"))
    assert desk.runs("md-stop@md127") == []
    assert len(desk.runs("md-member@vdb")) == 1


def test_r7_a_member_that_comes_after_a_refused_start_has_the_array_stopped_and_made_anew() -> None:
    desk = refused(settings(md_timeout=8.0, root_wait=None), md__level="raid5",
                   md__raid_disks="3", md__slots="vda:0", md__resync_start="none")  # fmt: skip
    desk.see(member("vdb"), at=60)
    assert len(desk.runs("md-stop@md127")) == 1
    assert desk.runs("md-member@vdb") == []

    desk.lose("md127")
    desk.end("md-stop@md127")
    assert len(desk.runs("md-member@vda")) == 2
    assert len(desk.runs("md-member@vdb")) == 1

    desk.see(array("md127", ("vda", "vdb"), "inactive", md__raid_disks=""))
    desk.end("md-member@vda")
    desk.end("md-member@vdb")
    desk.wait(67)
    assert len(desk.runs("md-start@md127")) == 1
    desk.wait(69)
    assert len(desk.runs("md-start@md127")) == 2  # after the full timer


def test_the_number_of_members_is_asked_for_when_some_are_missing_for_a_while() -> None:
    desk = incomplete(settings(md_timeout=8.0))
    desk.see(array("md127", ("vda",), "inactive", md__raid_disks="", md__metadata_version="1.2"))
    desk.wait(1)
    assert desk.runs("md-examine@md127") == []
    desk.wait(3)
    [run] = desk.runs("md-examine@md127")
    assert run.argv == ("mdadm", "--examine", "--export", "/dev/vda")

    desk.end("md-examine@md127", output="MD_LEVEL=raid5\nMD_DEVICES=4\n")
    desk.wait(9)

    assert "md127: starting degraded, with 1 of 4 members (raid5)" in desk.reports()


def test_r5_the_word_is_left_before_the_array_shows() -> None:
    desk = Desk()
    desk.see(member("vda"))
    desk.end("md-member@vda", output="MD_DEVICE=md127\nMD_FOREIGN=yes\nMD_STARTED=no\n")
    desk.see(array("md127", ("vda",), "inactive"))
    assert [each for _, each in desk.actions(Record)] == [Record("foreign.md127", "a:a:a:a\n")]


def test_r5_an_engine_that_is_started_again_knows_what_is_foreign() -> None:
    first = incomplete(settings(), "MD_FOREIGN=yes\n")
    [(_, record)] = first.actions(Record)
    assert record == Record("foreign.md127", "a:a:a:a\n")

    second = Desk(settings(root_wait=None))
    second.see(array("md127", ("vda",), "inactive", foreign="a:a:a:a"), member("vda"))
    second.wait(200)

    assert second.runs("md-start@md127") == []


def test_r4_a_disk_with_the_superblock_of_an_array_on_its_array_is_added_by_its_own() -> None:
    desk = Desk()
    desk.see(member("vda")._replace(properties={
        **member("vda").properties, "ID_FS_VERSION": "0.90.0", "INITPY_MD_METADATA": "1.2",
    }))  # fmt: skip
    [run] = desk.runs("md-member-below@vda")
    assert "--metadata=1.2" in run.argv
    assert desk.runs("md-member@vda") == []


def test_r8_what_an_array_below_the_root_lacks_is_waited_for_before_the_handover() -> None:
    """Its partition may be announced before it is itself."""
    desk = Desk(settings(root_wait=None))
    desk.see(member("vda"))
    desk.end("md-member@vda")
    desk.see(array("md126", ("vda",), "inactive"))
    desk.see(filesystem("md126p1", on=("md126",), DEVTYPE="partition"))
    desk.mount("/dev/md126p1")
    assert desk.actions(HandOver) == []
    desk.see(array("md126", ("vda",), "clean", md__degraded="1", md__level="raid1"))
    left = [each for _, each in desk.actions(Record) if isinstance(each, Record)]
    assert "members=1/2" in next(each.text for each in left if each.name == "degraded")
    assert len(desk.actions(HandOver)) == 1


def test_the_handover_does_not_wait_for_ever_for_such_news() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(member("vda"))
    desk.end("md-member@vda")
    desk.see(array("md126", ("vda",), "inactive"))
    desk.see(filesystem("md126p1", on=("md126",), DEVTYPE="partition"))
    desk.mount("/dev/md126p1")
    desk.wait(desk.now + 6)
    assert len(desk.actions(HandOver)) == 1


def started_without() -> Desk:
    """An array runs without its second member, which has come and was refused."""
    desk = incomplete(settings(md_timeout=8.0, root_wait=None))
    desk.wait(9)
    desk.see(array("md127", ("vda",), "clean", md__degraded="1"))
    desk.end("md-start@md127")
    desk.see(member("vdb"))
    desk.end("md-member@vdb", status=2, error="mdadm: not adding /dev/vdb to active array")
    return desk


def test_r2_a_member_that_comes_after_the_start_is_offered_once_and_people_are_told() -> None:
    desk = started_without()
    desk.wait(60)
    assert len(desk.runs("md-member@vdb")) == 1
    assert "/dev/md127 runs without it" in desk.reports()
    assert "`mdadm --manage /dev/md127 --add /dev/vdb`" in desk.reports()
    desk.see(filesystem("sdz"))
    desk.mount("/dev/sdz")
    records = [each for _, each in desk.actions(Record) if isinstance(each, Record)]
    assert " late=vdb" in records[-1].text


def test_r2_it_is_offered_again_once_the_array_is_gone() -> None:
    desk = started_without()
    desk.wait(20)
    desk.lose("md127")
    assert len(desk.runs("md-member@vdb")) == 2


def test_r7_a_start_that_is_under_way_at_the_root_deadline_is_waited_for() -> None:
    desk = incomplete(settings(root_wait=15.0, md_timeout=14.0))
    desk.wait(20)
    assert len(desk.runs("md-start@md127")) == 1
    assert desk.actions(ShowFailure) == []
    desk.end("md-start@md127")
    desk.see(luks("md127", on=("vda",)))
    desk.wait(60)
    assert desk.actions(ShowFailure) == []
    assert len(desk.asked()) == 1


def test_r7_what_a_start_reveals_has_time_to_show() -> None:
    desk = incomplete(settings(root_wait=15.0, md_timeout=13.0))
    desk.wait(14.9)
    desk.end("md-start@md127")
    desk.see(array("md127", ("vda",), "clean"))
    desk.wait(20)
    assert desk.actions(ShowFailure) == []
    desk.wait(40)
    assert len(desk.actions(ShowFailure)) == 1


def test_r7_a_start_that_hangs_does_not_keep_the_failure_screen_away_for_ever() -> None:
    desk = incomplete(settings(root_wait=15.0, md_timeout=14.0))
    desk.wait(80)
    for _ in range(2):
        desk.end("md-start@md127", status=-15)  # its time is over
        desk.wait(desk.now + 70)
    assert len(desk.actions(ShowFailure)) == 1
