"""Monitors of containers of firmware RAID (mdmon) that do not run (R5)."""

from desk import Desk, array, block, filesystem, luks, member

from initpy.core.actions import HandOver, LookAgain, Mount
from initpy.core.devices.graph import Device
from initpy.core.storage.md.monitor import TIMES, UNTOLD_SECONDS

START = "md-monitor@md127"
COMMAND = ("mdmon", "--offroot", "md127")
ROOT = {"ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": "root"}


def disk(name: str = "vda") -> Device:
    return block(name, ID_FS_TYPE="ddf_raid_member", ID_FS_USAGE="raid", ID_FS_UUID="Linux-MD")


def container(monitor: str = "") -> Device:
    known = {"md__metadata_version": "external:ddf", "MD_UUID": "box"}
    if monitor:
        known["monitor"] = monitor
    return array("md127", ("vda",), "inactive", **known)


def volume(state: str = "read-auto", level: str = "raid1", **content: str) -> Device:
    known = {"md__metadata_version": "external:/md127/0", "md__level": level, "MD_DEVNAME": "data"}
    return array("md126", ("vda",), state, **{**known, **(content or ROOT)})


def machine(state: str = "read-auto", level: str = "raid1", monitor: str = "") -> Desk:
    """A container with a running volume that has root."""
    desk = Desk()
    desk.see(disk(), container(monitor), volume(state, level))
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    return desk


def test_a_monitor_that_died_is_started_again() -> None:
    desk = machine(monitor="724")
    desk.see(container())
    desk.wait(2)
    assert [run.argv for run in desk.runs(START)] == [COMMAND]
    assert "its monitor (mdmon) does not run; it is started again" in desk.reports()


def test_a_new_engine_sees_that_none_runs() -> None:
    desk = Desk()
    desk.see(volume(), disk(), container())
    desk.wait(3)
    assert len(desk.runs(START)) == 1


def test_a_monitor_that_runs_is_left_alone() -> None:
    desk = machine(monitor="724")
    desk.wait(30)
    assert desk.runs(START) == []


def test_a_striped_volume_needs_no_monitor() -> None:
    desk = machine(level="raid0")
    desk.wait(30)
    assert desk.runs(START) == []


def test_a_volume_waits_for_the_monitor_that_mdadm_starts() -> None:
    desk = Desk()
    desk.see(disk(), container(), volume("readonly"))
    desk.wait(10)
    assert desk.runs(START) == []
    assert desk.actions(Mount) == []
    desk.see(container("724"), volume())
    assert len(desk.actions(Mount)) == 1


def test_a_volume_waits_for_the_monitor_that_died_at_once() -> None:
    desk = machine("readonly")
    assert desk.actions(Mount) == []
    desk.wait(2)
    desk.see(container("725"), volume())
    desk.end(START)
    assert len(desk.actions(Mount)) == 1


def test_a_volume_waits_until_the_monitor_has_made_it_writable() -> None:
    desk = machine("readonly")
    desk.wait(2)
    desk.see(container("725"))
    desk.end(START)
    assert desk.actions(Mount) == []
    desk.see(volume())
    assert len(desk.actions(Mount)) == 1


def test_a_partition_is_checked_though_it_was_read_only_with_its_volume() -> None:
    desk = Desk()
    table = {"ID_PART_TABLE_TYPE": "gpt"}
    desk.see(disk(), container("725"), volume("readonly", **table))
    desk.see(filesystem("md126p1", on=("md126",), DEVTYPE="partition", ro="1"))
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    desk.see(volume(**table))  # no event tells of the partition
    assert len(desk.runs("fsck-ext@md126p1")) == 1


def test_a_volume_that_is_to_stay_read_only_waits_for_no_monitor() -> None:
    desk = Desk()
    asked = volume("readonly", **{**ROOT, "md__metadata_version": "external:-md127/0"})
    desk.see(disk(), container("725"), asked)
    desk.wait(2)
    assert len(desk.actions(Mount)) == 1


def test_a_volume_without_a_monitor_is_used_as_it_is_in_the_end() -> None:
    desk = machine("readonly")
    for run in range(1, TIMES + 1):
        desk.wait(desk.now + 3)
        assert len(desk.runs(START)) == run
        assert desk.actions(Mount) == []
        desk.end(START, 127)
    assert len(desk.actions(Mount)) == 1


def test_the_handover_waits_for_the_monitor() -> None:
    desk = machine(monitor="724")
    desk.see(container())
    desk.mount("/dev/md126")
    assert desk.actions(HandOver) == []
    desk.wait(2)
    desk.see(container("725"))
    desk.end(START)
    assert len(desk.actions(HandOver)) == 1


def test_the_handover_waits_for_the_monitor_below_a_mapping_that_is_mounted_by_its_name() -> None:
    desk = Desk()
    desk.see(disk(), container("724"), volume(ID_FS_TYPE="other_member"))
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    top = filesystem("dm-0", DM_NAME="vg-root", DM_UUID="OTHER-1")
    links = frozenset({"/dev/mapper/vg-root"})
    desk.see(top._replace(slaves=frozenset({"md126"}), links=links))
    desk.see(container())
    desk.mount("/dev/mapper/vg-root")
    assert desk.actions(HandOver) == []
    desk.wait(desk.now + 3)
    desk.see(container("725"))
    desk.end(START)
    assert len(desk.actions(HandOver)) == 1


def test_a_monitor_that_dies_again_and_again_is_left() -> None:
    desk = machine(monitor="724")
    for run in range(1, TIMES + 3):
        desk.see(container())
        desk.wait(desk.now + 2)
        desk.see(container("725"))
        if run <= TIMES:
            desk.end(START)
    assert len(desk.runs(START)) == TIMES
    desk.see(container())
    last = f"md127: its monitor (mdmon) has ended {TIMES + 3} times; it is not started again"
    assert last in desk.reports()
    desk.mount("/dev/md126")
    assert len(desk.actions(HandOver)) == 1


def test_the_monitor_of_a_container_that_root_needs_not_is_left_to_the_real_system() -> None:
    desk = Desk()
    desk.see(volume(ID_FS_TYPE="ext4"), container("724"), disk(), filesystem("vdz"))
    desk.mount("/dev/vdz")
    desk.see(container())
    assert len(desk.actions(HandOver)) == 1


def test_a_monitor_that_died_before_anybody_saw_it_is_started_again_at_once() -> None:
    desk = machine("readonly")
    desk.wait(2)
    desk.end(START)  # its parent has not seen it die
    assert "the monitor has died at once" in desk.reports()
    desk.wait(4)
    assert len(desk.runs(START)) == 2
    assert desk.actions(Mount) == []


def test_a_partition_of_a_volume_waits_for_the_monitor_too() -> None:
    known = {"ID_PART_TABLE_TYPE": "gpt", "md__metadata_version": "external:/md127/0"}
    part = block("md126p1", ("md126",), DEVTYPE="partition", **ROOT)
    desk = Desk()
    desk.see(disk(), container(), array("md126", ("vda",), "readonly", md__level="raid1", **known))
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    desk.see(part)
    assert not desk.actions(Mount)
    assert not desk.runs("fsck-ext@md126p1")
    desk.wait(1.1)
    desk.see(container("725"))
    desk.end(START)
    desk.see(array("md126", ("vda",), "read-auto", md__level="raid1", **known))
    assert desk.actions(Mount) or desk.runs("fsck-ext@md126p1")


def untold() -> Desk:
    """Root is mounted from a volume whose container udev has not told of."""
    desk = Desk()
    desk.see(disk(), volume())
    desk.end("md-ddf-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    desk.mount("/dev/md126")
    return desk


def test_the_handover_waits_for_news_of_the_container() -> None:
    desk = untold()
    assert len(desk.actions(LookAgain)) == 1
    desk.wait(UNTOLD_SECONDS - 1)
    assert not desk.actions(HandOver)
    desk.see(container("724"))
    assert len(desk.actions(HandOver)) == 1
    assert "was not told of" not in desk.reports()


def test_a_container_that_is_told_of_late_gets_its_monitor() -> None:
    desk = untold()
    desk.see(container(), at=10)
    desk.wait(UNTOLD_SECONDS + 5)
    assert len(desk.runs(START)) == 1 and not desk.actions(HandOver)
    desk.see(container("725"))
    desk.end(START)
    assert len(desk.actions(HandOver)) == 1


def test_a_container_that_is_never_told_of_holds_the_handover_for_a_while() -> None:
    desk = untold()
    desk.wait(UNTOLD_SECONDS + 1)
    assert len(desk.actions(HandOver)) == 1
    assert "md127: was not told of: its monitor (mdmon) may not run" in desk.reports()


def test_nothing_else_begins_while_the_handover_waits_for_the_container() -> None:
    desk = untold()
    desk.see(luks("vdz"))
    desk.wait(5)
    assert not desk.asked()
    desk.see(container("724"))
    assert len(desk.actions(HandOver)) == 1


IMSM = {"md__metadata_version": "external:imsm", "MD_UUID": "box"}


def intel(name: str) -> Device:
    """A disk of Intel's firmware RAID: it has no ID_FS_UUID."""
    return block(name, ID_FS_TYPE="isw_raid_member", ID_FS_USAGE="raid")


def test_the_monitor_is_started_beside_a_command_on_another_array() -> None:
    desk = Desk()
    other = array("md125", ("vdb",), "inactive", md__metadata_version="1.2", MD_UUID="other")
    desk.see(member("vdb"), intel("vda"), array("md127", ("vda",), "inactive", **IMSM), volume())
    desk.end("md-imsm-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    desk.see(other)
    desk.end("md-member@vdb", output="MD_DEVICE=md125\nMD_FOREIGN=no\nMD_STARTED=no\n")
    desk.wait(3)
    assert len(desk.runs("md-examine@md125")) == 1  # and it has not ended
    assert len(desk.runs(START)) == 1


def test_the_monitor_is_started_once_mdadm_has_ended_on_another_disk() -> None:
    desk = Desk()
    box = array("md127", ("vda",), "inactive", **IMSM)
    desk.see(intel("vda"), box, volume())
    desk.end("md-imsm-disk@vda", output="MD_DEVICE=md127\nMD_FOREIGN=no\nMD_STARTED=yes\n")
    desk.wait(0.5)
    desk.see(intel("vdb"))
    desk.wait(4)
    assert desk.runs(START) == []
    desk.end("md-imsm-disk@vdb", output="MD_DEVICE=md126\nMD_FOREIGN=no\nMD_STARTED=no\n")
    desk.wait(desk.now + 1.5)
    assert len(desk.runs(START)) == 1
