"""Incomplete arrays of another host: looked into read-only, as a last resort (R9)."""

from typing import Any

import pytest
from desk import Desk, array, block, filesystem, luks, mapping, member, settings

from initpy.core.actions import HandOver, Mount, Record, ShowFailure, Write
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Enumerated, JobEnded
from initpy.core.settings import Degraded, GroupPolicy, Settings
from initpy.core.volumes import VolumeSpec

QUICK = settings(md_timeout=8.0)
THEIRS = "MD_DEVICE={}\nMD_FOREIGN=yes\nMD_STARTED=unsafe\n"


def half(asked: Settings = QUICK, disk: str = "vda", name: str = "md127", desk: Desk | None = None
         ) -> Desk:  # fmt: skip
    """Half a RAID1 of another host."""
    desk = desk or Desk(asked)
    uuid = f"{disk}:0:0:0"
    desk.see(member(disk, uuid), array(name, (disk,), "inactive"))
    desk.end(f"md-member@{disk}", output=THEIRS.format(name))
    return desk


def running(name: str = "md127", disk: str = "vda", **known: str) -> Device:
    """The array, started read-only."""
    return array(name, (disk,), "readonly", MD_UUID="0:0:0:0", **known)


def opened(desk: Desk, name: str = "md127", disk: str = "vda", **known: str) -> None:
    """The kernel has started the array read-only, and udev tells what is on it."""
    desk.see(running(name, disk))
    desk.end(f"md-look@{name}")
    desk.see(running(name, disk, **known))


ROOT = {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}
OTHER = {**ROOT, "ID_FS_LABEL_ENC": "other"}
CRYPT = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_USAGE": "crypto", "ID_FS_UUID": "u-1",
         "ID_FS_UUID_ENC": "u-1"}  # fmt: skip


def stopped(desk: Desk, name: str = "md127", disk: str = "vda") -> None:
    """The array is stopped, and its member is offered to mdadm again."""
    desk.lose(name)
    desk.end(f"md-take-down@{name}")
    desk.see(array(name, (disk,), "inactive"))
    desk.end(f"md-member@{disk}", output=THEIRS.format(name))


def refused(desk: Desk) -> None:
    """The kernel does not mount it."""
    [*_, (_, mount)] = desk.actions(Mount)
    assert isinstance(mount, Mount)
    desk.give(JobEnded(mount.job, mount.run, 22))


def test_the_array_starts_read_only_once_its_own_time_is_over() -> None:
    desk = half()
    desk.wait(7)
    assert desk.writes("md-look@md127") == []
    desk.wait(9)
    [write] = desk.writes("md-look@md127")
    assert (write.subject, write.attributes) == ("md127", (("md/array_state", "readonly"),))
    assert desk.runs("md-start@md127") == []
    assert "md127: looking into this array of another host, read-only" in desk.reports()


def test_root_that_is_found_is_neither_checked_nor_mounted_before_the_array_is_writable() -> None:
    desk = half()
    desk.wait(9)
    opened(desk, **ROOT)
    assert desk.actions(Mount) == []
    assert desk.runs("fsck-ext@md127") == []
    assert len(desk.runs("md-take-down@md127")) == 1

    stopped(desk)
    desk.wait(desk.now + 2)
    assert len(desk.runs("md-start@md127")) == 1
    desk.see(array("md127", ("vda",), "clean", md__degraded="1", **ROOT))
    desk.end("md-start@md127")
    desk.wait(desk.now + 1)
    desk.mount("/dev/md127")
    assert len(desk.actions(HandOver)) == 1
    assert "rd.md.uuid=0:0:0:0" in desk.reports()


def test_what_is_not_asked_for_is_stopped_again_and_not_looked_into_twice() -> None:
    desk = half(QUICK._replace(root_wait=None))
    desk.wait(9)
    opened(desk, **OTHER)
    desk.wait(13)
    assert desk.runs("md-take-down@md127") == []  # more may show
    desk.wait(15)
    stopped(desk)
    desk.wait(300)
    assert len(desk.writes("md-look@md127")) == 1
    assert desk.runs("md-start@md127") == []
    [node] = [each for each in desk.nodes() if "look into" in each.label]
    assert "LABEL=other" in node.reason


def test_no_look_against_the_policy() -> None:
    desk = half(QUICK._replace(md_degraded=Degraded.NO, root_wait=20.0))
    desk.wait(100)
    assert desk.writes("md-look@md127") == []
    assert "rd.md.degraded=no" in desk.reports()
    assert len(desk.actions(ShowFailure)) == 1


def test_a_user_is_asked_before_an_array_with_root_starts_where_that_is_wanted() -> None:
    desk = half(QUICK._replace(md_degraded=Degraded.ASK))
    desk.wait(9)
    assert desk.asked() == []  # the look writes nothing
    opened(desk, **ROOT)
    stopped(desk)
    desk.wait(desk.now + 2)
    assert "Start it without the others?" in desk.asked()[-1].text
    desk.answer("yes")
    assert len(desk.runs("md-start@md127")) == 1


def test_no_look_while_a_volume_is_locked_that_may_hide_the_member_or_root() -> None:
    desk = half()
    desk.see(luks("vdb"))
    desk.wait(500)
    assert desk.writes("md-look@md127") == []


def test_two_arrays_are_looked_into_one_after_the_other() -> None:
    desk = half(disk="vdb", name="md126", desk=half())
    desk.wait(9)
    assert len(desk.actions(Write)) == 1
    opened(desk, **OTHER)
    desk.wait(15)
    assert len(desk.actions(Write)) == 1
    stopped(desk)
    desk.wait(desk.now + 2)
    assert [each.subject for _, each in desk.actions(Write) if isinstance(each, Write)] == [
        "md127", "md126",
    ]  # fmt: skip


def test_the_most_complete_array_comes_first() -> None:
    desk = half()
    uuid = "b:b:b:b"
    desk.see(member("vdb", uuid), member("vdc", uuid), at=1.0)
    desk.see(array("md126", ("vdb", "vdc"), "inactive", md__raid_disks="3"))
    for name in ("vdb", "vdc"):
        desk.end(f"md-member@{name}", output=THEIRS.format("md126"))
    desk.wait(8.5)
    assert desk.actions(Write) == []  # the other's time is nearly over
    desk.wait(15)
    assert len(desk.writes("md-look@md126")) == 1
    assert desk.writes("md-look@md127") == []


def test_a_passphrase_opens_the_volume_read_only_and_once_more_without_a_user() -> None:
    desk = half()
    desk.wait(9)
    opened(desk, **CRYPT)
    desk.answer("secret")
    [first] = desk.runs("luks-open@md127")
    assert "--readonly" in first.argv
    desk.see(mapping("dm-0", "md127", "CRYPT-LUKS2-u1-c", **ROOT))
    desk.end("luks-open@md127")
    assert desk.actions(Mount) == []
    assert len(desk.runs("luks-take-down@dm-0")) == 1
    assert desk.runs("md-take-down@md127") == []

    desk.lose("dm-0")
    desk.end("luks-take-down@dm-0")
    stopped(desk)
    desk.wait(desk.now + 2)
    desk.see(array("md127", ("vda",), "clean", **CRYPT))
    desk.end("md-start@md127")
    second = desk.runs("luks-open@md127")[-1]
    assert "--readonly" not in second.argv
    assert second.secret is not None
    assert len(desk.asked()) == 1


def test_of_several_volumes_none_is_asked_for_unless_it_is_named() -> None:
    desk = half(QUICK._replace(root_wait=None))
    desk.wait(9)
    opened(desk, ID_PART_TABLE_TYPE="gpt")
    for number in (1, 2):
        part = luks(f"md127p{number}", f"u-{number}", ("md127",))
        desk.see(part._replace(properties={**part.properties, "DEVTYPE": "partition"}))
    # The first shows before the second.
    desk.wait(60)
    assert len(desk.runs("md-take-down@md127")) <= 1
    assert desk.runs("luks-open@md127p2") == []


def test_a_named_volume_is_enough() -> None:
    named = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "crypt")
    desk = half(QUICK._replace(volumes=(named,)))
    desk.wait(9)
    opened(desk, **CRYPT)
    assert desk.asked() == []
    assert "the volume crypt is on it" in desk.reports()
    assert len(desk.runs("md-take-down@md127")) == 1


def test_a_group_on_it_is_activated_without_a_write_and_taken_down_from_the_top() -> None:
    desk = half()
    desk.wait(9)
    opened(desk, ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid")
    desk.end("lvm-scan@md127", output="LVM_VG_NAME_COMPLETE='vg'\n")
    [activate] = desk.runs("lvm-activate@md127")
    assert "global/metadata_read_only=1" in activate.argv
    desk.end("lvm-activate@md127")
    desk.see(mapping("dm-0", "md127", "LVM-1", DM_VG_NAME="vg", DM_LV_NAME="root", **ROOT))
    assert len(desk.runs("lvm-take-down@dm-0")) == 1
    assert desk.runs("md-take-down@md127") == []
    desk.lose("dm-0")
    assert desk.runs("md-take-down@md127") == []  # the kernel may still have it for the mapping
    desk.end("lvm-take-down@dm-0")
    assert len(desk.runs("md-take-down@md127")) == 1


def test_a_group_that_has_other_disks_is_not_activated_unless_its_name_is_enough() -> None:
    desk = half(QUICK._replace(root_wait=None))
    desk.see(block("vdb", ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid"))
    desk.end("lvm-scan@vdb", output="LVM_VG_NAME_INCOMPLETE='vg'\n")
    desk.wait(60)
    desk.end("lvm-start@vdb", status=5)
    desk.wait(80)
    opened(desk, ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid")
    desk.end("lvm-scan@md127", output="LVM_VG_NAME_COMPLETE='vg'\n")
    assert desk.runs("lvm-activate@md127") == []
    desk.wait(desk.now + 5)
    assert len(desk.runs("md-take-down@md127")) == 1


def test_the_name_of_a_group_on_other_disks_as_well_is_enough() -> None:
    hinted = GroupPolicy(hinted=frozenset({"vg"}))
    desk = half(QUICK._replace(root_wait=None, lvm=hinted))
    desk.see(block("vdb", ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid"))
    desk.end("lvm-scan@vdb", output="LVM_VG_NAME_INCOMPLETE='vg'\n")
    desk.wait(60)
    desk.end("lvm-start@vdb", status=5)
    desk.wait(80)
    opened(desk, ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid")
    desk.end("lvm-scan@md127", output="LVM_VG_NAME_COMPLETE='vg'\n")
    desk.wait(desk.now + 1)
    assert "the volume group vg is on it" in desk.reports()


def test_a_member_that_comes_ends_the_look_and_is_added_then() -> None:
    desk = half(QUICK._replace(root_wait=None))
    desk.wait(9)
    opened(desk, **CRYPT)
    desk.see(member("vdb", "vda:0:0:0"))
    assert desk.runs("md-member@vdb") == []
    assert len(desk.runs("md-take-down@md127")) == 1
    desk.lose("md127")
    assert desk.runs("md-member@vdb") == []  # the kernel may still have the other member
    desk.end("md-take-down@md127")
    assert len(desk.runs("md-member@vdb")) == 1


def test_an_array_on_the_array_is_looked_into_as_well() -> None:
    desk = half()
    desk.wait(9)
    opened(desk, ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="u:u:u:u")
    assert len(desk.runs("md-member@md127")) == 1
    desk.see(array("md126", ("md127",), "inactive"))
    desk.end("md-member@md127", output=THEIRS.format("md126"))
    desk.wait(desk.now + 4)
    assert len(desk.writes("md-look@md126")) == 1
    desk.see(array("md126", ("md127",), "readonly", **ROOT))
    desk.end("md-look@md126")
    assert len(desk.runs("md-take-down@md126")) == 1
    assert desk.runs("md-take-down@md127") == []
    found = [each for _, each in desk.actions(Record) if isinstance(each, Record)
             and each.text.startswith("found")]  # fmt: skip
    assert {each.name for each in found} == {"looked.vda:0:0:0", "looked.u:u:u:u"}


def test_what_is_being_stopped_is_not_mistaken_for_root() -> None:
    """Sysfs has nothing of the array any more, udev's database still has what was on it."""
    desk = half()
    desk.wait(9)
    opened(desk, ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="u:u:u:u")
    desk.see(array("md126", ("md127",), "inactive"))
    desk.end("md-member@md127", output=THEIRS.format("md126"))
    desk.see(array("md126", ("md127",), "readonly", **ROOT))  # complete: the kernel starts it so
    assert len(desk.runs("md-take-down@md126")) == 1
    desk.see(block("md126", (), **ROOT))
    assert desk.runs("fsck-ext@md126") == []
    assert desk.actions(Mount) == []


def test_late_news_of_the_array_before_its_start_does_not_end_the_look() -> None:
    desk = half()
    desk.wait(9)
    desk.see(running())
    desk.end("md-look@md127")
    desk.see(array("md127", ("vda",), "inactive"))
    desk.see(running(**ROOT))
    assert desk.actions(Mount) == []
    assert len(desk.runs("md-take-down@md127")) == 1


def test_an_array_that_has_no_state_any_more_is_not_root() -> None:
    """`mdadm --stop` makes the kernel tell of it once more, when it has nothing of the array."""
    desk = Desk(settings(root=DeviceSpec(Naming.PATH, "/dev/md127")))
    desk.see(block("md127", (), DEVTYPE="disk"))
    assert desk.actions(Mount) == []
    desk.see(array("md127", ("vda",), "clean", DEVTYPE="disk", **ROOT))
    assert len(desk.actions(Mount)) == 1


def test_root_whose_other_part_is_on_a_plain_disk_is_not_mounted_with_what_is_looked_into() -> None:
    part: dict[str, Any] = {
        **ROOT,
        "ID_FS_TYPE": "btrfs",
        "ID_FS_UUID": "b",
        "btrfs/num_devices": "2",
    }
    lacking: dict[str, Any] = {**part, "ID_BTRFS_READY": "0", "SYSTEMD_READY": "0"}
    there: dict[str, Any] = {**part, "ID_BTRFS_READY": "1"}
    desk = half()
    desk.see(block("vdb", **lacking))
    desk.wait(9)
    opened(desk, **there)
    assert desk.runs("btrfs-complete@vdb") != []
    desk.see(block("vdb", **there))
    desk.end("btrfs-complete@vdb")
    assert desk.actions(Mount) == []
    assert "root, LABEL=root, is on it" in desk.reports()
    stopped(desk)
    refused(desk)  # the kernel remembers the part that is gone
    desk.wait(desk.now + 2)
    desk.see(array("md127", ("vda",), "clean", md__degraded="1", **there))
    desk.end("md-start@md127")
    desk.wait(desk.now + 1)
    assert len(desk.actions(Mount)) > 1


def test_root_that_comes_after_its_other_part_was_looked_into_has_it_looked_into_again() -> None:
    part: dict[str, Any] = {
        **ROOT,
        "ID_FS_TYPE": "btrfs",
        "ID_FS_UUID": "b",
        "btrfs/num_devices": "2",
    }
    desk = half(QUICK._replace(root_wait=None))
    desk.wait(9)
    opened(desk, **part, ID_BTRFS_READY="0", SYSTEMD_READY="0")
    desk.wait(desk.now + 6)
    stopped(desk)
    desk.wait(desk.now + 20)
    assert len(desk.writes("md-look@md127")) == 1
    desk.see(block("vdb", **part, ID_BTRFS_READY="1"))  # the kernel remembers the other
    for _ in range(2):
        refused(desk)
        desk.wait(desk.now + 2)
    assert len(desk.writes("md-look@md127")) == 2
    opened(desk, **part, ID_BTRFS_READY="1")
    assert "root, LABEL=root, is on it" in desk.reports()


def test_parts_of_one_thing_on_two_arrays_are_looked_into_together() -> None:
    desk = half(disk="vdb", name="md126", desk=half(QUICK._replace(root_wait=None)))
    for name, disk in (("md127", "vda"), ("md126", "vdb")):
        desk.wait(desk.now + 9)
        opened(desk, name, disk, ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid")
        desk.end(f"lvm-scan@{name}", output="LVM_VG_NAME_INCOMPLETE='vg'\n")
        desk.wait(desk.now + 6)
        stopped(desk, name, disk)
    desk.wait(desk.now + 2)
    assert len(desk.actions(Write)) == 3  # the first of them again
    again = [each for _, each in desk.actions(Write) if isinstance(each, Write)][-1].subject
    disk = {"md127": "vda", "md126": "vdb"}[again]
    desk.see(running(again, disk, ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid"))
    desk.end(f"md-look@{again}")
    desk.end(f"lvm-scan@{again}", output="LVM_VG_NAME_INCOMPLETE='vg'\n")
    desk.wait(desk.now + 4)
    assert len(desk.actions(Write)) == 4
    assert desk.runs(f"md-take-down@{again}")[1:] == []


def test_an_array_that_the_kernel_refuses_is_not_looked_into_again() -> None:
    desk = half(QUICK._replace(root_wait=None))
    desk.wait(9)
    for _ in range(2):
        desk.end("md-look@md127", status=5, error="Input/output error")
        desk.wait(desk.now + 3)
    desk.wait(300)
    assert len(desk.writes("md-look@md127")) == 2


def test_r5_an_engine_that_is_started_again_ends_the_look_of_the_one_before() -> None:
    desk = Desk(QUICK)
    desk.give(Enumerated((running(**ROOT, look="vda:0:0:0"), member("vda", "vda:0:0:0"))))
    assert desk.actions(Mount) == []
    assert "root, LABEL=root, is on it" in desk.reports()
    assert len(desk.runs("md-take-down@md127")) == 1


def test_r5_nothing_is_begun_on_what_a_new_engine_hears_of_before_the_array_below_it() -> None:
    upper = array("md126", ("dm-0", "vdb"), "read-auto", **ROOT)
    volume = block("dm-0", ("md127",), DM_NAME="g-v", DM_UUID="LVM-1")
    lower, disks = running(look="vda:0:0:0"), (block("vdb"), member("vda", "vda:0:0:0"))
    for order in ((upper, volume, lower), (lower, upper, volume), (volume, upper, lower)):
        desk = Desk(QUICK)
        desk.give(Enumerated((*disks, *order)))
        assert desk.runs("fsck-ext@md126") == []
        assert desk.actions(Mount) == []
        assert "root, LABEL=root, is on it" in desk.reports()
        assert len(desk.runs("md-take-down@md126")) == 1


def test_r5_what_was_found_is_known_to_an_engine_that_is_started_again() -> None:
    desk = Desk(QUICK)
    known = member("vda", "vda:0:0:0")
    found = known._replace(properties={**known.properties, "looked": "found 1 root is on it"})
    desk.see(found, array("md127", ("vda",), "inactive", foreign="vda:0:0:0"))
    desk.end("md-member@vda", output=THEIRS.format("md127"))
    desk.wait(3)
    assert desk.writes("md-look@md127") == []
    assert len(desk.runs("md-start@md127")) == 1


def test_a_root_that_comes_elsewhere_ends_the_look() -> None:
    desk = half()
    desk.wait(9)
    opened(desk, **CRYPT)
    desk.see(filesystem("vdc"))
    assert len(desk.runs("md-take-down@md127")) == 1
    assert len(desk.actions(Mount)) == 1
    desk.mount("/dev/vdc")
    assert desk.actions(HandOver) == []  # not before the array is stopped
    desk.lose("md127")
    desk.end("md-take-down@md127")
    desk.wait(desk.now + 6)
    assert len(desk.actions(HandOver)) == 1


def test_nothing_is_begun_beside_a_look_that_keeps_the_handover_waiting() -> None:
    """R1: when root is mounted, no user is asked for what the boot does not need."""
    desk = half()
    desk.wait(9)
    desk.see(luks("vdb"))  # the kernel is starting the array
    assert len(desk.asked()) == 1
    desk.see(filesystem("vdc"))
    desk.mount("/dev/vdc")
    desk.see(member("vdd", "vdd:0:0:0"), luks("vde"))
    assert len(desk.asked()) == 1
    assert desk.runs("md-member@vdd") == []  # as without a look

    opened(desk, **CRYPT)  # it is over at once
    assert len(desk.runs("md-take-down@md127")) == 1
    assert desk.actions(HandOver) == []
    desk.end("md-take-down@md127", status=1, error="in use")
    desk.wait(desk.now + 2)
    assert len(desk.runs("md-take-down@md127")) == 2
    desk.lose("md127")
    desk.end("md-take-down@md127")
    assert len(desk.actions(HandOver)) == 1
    assert len(desk.asked()) == 1


def test_what_cannot_be_stopped_keeps_neither_the_wait_nor_others() -> None:
    desk = half(QUICK._replace(root_wait=40.0))
    desk.wait(9)
    opened(desk, **OTHER)
    desk.wait(15)
    for _ in range(5):
        desk.end("md-take-down@md127", status=1, error="in use")
        desk.wait(desk.now + 2)
    desk.wait(200)
    assert "stays read-only" in desk.reports()
    assert len(desk.actions(ShowFailure)) == 1
    shown = [each.state for each in desk.nodes() if each.label.startswith("/dev/md127")]
    assert shown == ["of another host; looked into, read-only"]


def test_an_array_on_an_array_does_not_start_without_it_after_the_look() -> None:
    """It had that member, and will have it again in a moment."""
    desk = half(disk="vdc", name="md126", desk=half(QUICK._replace(root_wait=None)))
    desk.wait(9)
    first = [each for _, each in desk.actions(Write) if isinstance(each, Write)][-1].subject
    assert first == "md127"
    inner = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid", "ID_FS_UUID": "vdc:0:0:0"}
    opened(desk, **inner)
    desk.see(array("md126", ("md127", "vdc"), "readonly", **ROOT))
    desk.end("md-member@md127", output=THEIRS.format("md126"))
    assert "root, LABEL=root, is on it" in desk.reports()
    desk.lose("md126")
    desk.end("md-take-down@md126")
    runs = len(desk.runs("md-member@vdc"))
    stopped(desk)
    assert len(desk.runs("md-member@vdc")) == runs + 1  # mdadm would take a name that is in use
    desk.see(array("md126", ("vdc",), "inactive"))
    desk.end("md-member@vdc", output=THEIRS.format("md126"))
    desk.wait(desk.now + 4)
    assert len(desk.runs("md-start@md127")) == 1
    assert desk.runs("md-start@md126") == []


def test_a_partition_of_an_array_that_is_being_stopped_is_not_mounted() -> None:
    # Above the array is another one, whose superblock is at its end: its partitions show below.
    desk = Desk(QUICK)
    raw = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid", "ID_FS_UUID": "above:0:0:0"}
    desk.see(member("vda", "vda:0:0:0"), array("md127", ("vda",), "clean", size="2048", **raw))
    desk.see(filesystem("md127p1", on=("md127",), DEVTYPE="partition"))
    assert desk.actions(Mount) == []
    desk.see(block("md127", SYSTEMD_READY="0"))  # udev's word while mdadm stops it
    assert desk.actions(Mount) == []
    desk.see(array("md127", ("vda",), "clean", size="2048"))
    desk.see(filesystem("md127p1", on=("md127",), DEVTYPE="partition", again="yes"))
    assert desk.actions(Mount) == []  # udev has not told yet that it is no member
    desk.see(array("md127", ("vda",), "clean", size="2048", ID_PART_TABLE_TYPE="gpt"))
    assert desk.runs("fsck-ext@md127p1") or desk.actions(Mount)


@pytest.mark.parametrize("said", [{"MD_METADATA": "1.2"}, {"MD_MEMBER": "0"}])
def test_a_partition_table_that_only_the_kernel_knows_keeps_no_partition_back(
    said: dict[str, str],
) -> None:
    desk = Desk()
    desk.see(member("vda"), array("md127", ("vda",), "clean", size="2048"))
    desk.see(filesystem("md127p1", on=("md127",), DEVTYPE="partition"))
    assert desk.actions(Mount) == []
    assert desk.runs("fsck-ext@md127p1") == []
    desk.see(array("md127", ("vda",), "clean", size="2048", **said))
    assert desk.runs("fsck-ext@md127p1") or desk.actions(Mount)


def test_an_array_whose_superblock_is_at_the_end_of_the_one_below_is_assembled_in_the_look() -> (
    None
):
    # udev takes the superblock of the upper array for the disk's own, too; its data begins with
    # a partition table, so that the lower array has partitions.
    desk = half()
    desk.wait(9)
    raw = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid", "ID_FS_UUID": "vda:0:0:0"}
    opened(desk, **raw)
    desk.see(filesystem("md127p1", on=("md127",), DEVTYPE="partition"))
    assert len(desk.runs("md-member@md127")) == 1


def test_a_look_whose_command_failed_is_known_though_run_is_full() -> None:
    """The kernel has started the array all the same, and no note of the look could be written."""
    desk = half(QUICK)
    desk.wait(9)
    desk.end("md-look@md127", status=1, error="took too long")
    desk.see(running(**ROOT))
    desk.wait(desk.now + 1)
    assert desk.actions(Mount) == []
