"""Arrays that mdadm or an engine left half-way: the members are offered once more (R5, R9)."""

from desk import Desk, array, block, filesystem, member, settings

from initpy.core.actions import Mount, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.events import Enumerated, JobEnded
from initpy.core.layer import Layer
from initpy.core.settings import LayerPolicy, Settings

NEW = {"md__raid_disks": ""}  # the kernel has not read the superblocks yet
QUICK = settings(md_timeout=8.0, root_wait=None)
OURS, THEIRS = ("MD_DEVICE=md127\nMD_FOREIGN=no\n", "MD_DEVICE=md127\nMD_FOREIGN=yes\n")


def half(*names: str) -> Device:
    """An array that has these members and does not run."""
    return array("md127", names, "inactive", **NEW)


def found(asked: Settings, *names: str) -> Desk:
    """What an engine that is started again finds."""
    desk = Desk(asked)
    desk.give(Enumerated((half(*names), *map(member, names))))
    return desk


def stop(desk: Desk, number: int = 1) -> None:
    """The array is stopped."""
    assert len(desk.runs("md-again@md127")) == number
    desk.lose("md127")
    desk.give(JobEnded("md-again@md127", number, 0))


def test_r9_an_engine_asks_of_which_host_an_array_is_before_it_starts_it_degraded() -> None:
    desk = found(QUICK._replace(md_timeout=1.0), "vda")
    desk.wait(3)
    stop(desk)
    assert desk.runs("md-start@md127") == []
    assert len(desk.runs("md-member@vda")) == 1
    desk.see(half("vda"))
    desk.end("md-member@vda", output=THEIRS)
    desk.wait(60)
    assert desk.runs("md-start@md127") == []
    assert len(desk.writes("md-look@md127")) == 1  # it is only looked into


def test_r9_an_array_of_this_host_starts_once_that_is_known() -> None:
    desk = found(QUICK, "vda")
    desk.wait(3)
    stop(desk)
    desk.see(half("vda"))
    desk.end("md-member@vda", output=OURS)
    desk.wait(10)
    assert desk.runs("md-start@md127") == []
    desk.wait(12)
    assert len(desk.runs("md-start@md127")) == 1


def test_r9_that_it_is_of_another_host_is_not_forgotten_when_a_member_says_nothing() -> None:
    desk = Desk(QUICK)
    dead = block("vda")  # udev cannot read it any more
    noted = array("md127", ("vda",), "inactive", foreign="a:a:a:a", **NEW)
    desk.give(Enumerated((dead, noted)))
    desk.wait(60)
    assert desk.runs("md-start@md127") == []
    assert len(desk.writes("md-look@md127")) == 1  # it is only looked into


def test_r5_an_mdadm_that_is_killed_with_the_member_taken_in_is_asked_again() -> None:
    desk = Desk(QUICK)
    desk.see(member("vda"), at=100.0)
    desk.see(half("vda"))
    desk.end("md-member@vda", status=-9)
    desk.wait(103)
    stop(desk)
    assert len(desk.runs("md-member@vda")) == 2


def test_r5_a_complete_array_of_another_host_is_started_by_mdadm_itself() -> None:
    desk = Desk(QUICK)
    desk.see(member("vda"), half("vda"))
    desk.end("md-member@vda", output=THEIRS)
    desk.see(member("vdb"), half("vda", "vdb"))
    desk.end("md-member@vdb", status=-9)
    desk.wait(3)
    stop(desk)
    assert len(desk.runs("md-member@vda")) == len(desk.runs("md-member@vdb")) == 2
    desk.see(filesystem("md127", on=("vda", "vdb"), md__array_state="clean"))
    desk.wait(60)
    assert desk.runs("md-start@md127") == []


def test_r5_an_array_that_could_not_be_stopped_counts_as_one_of_another_host() -> None:
    desk = found(QUICK, "vda")
    for again in range(1, 4):
        desk.wait(desk.now + 4)
        assert len(desk.runs("md-again@md127")) == again
        desk.end("md-again@md127", status=1)
    desk.wait(desk.now + 60)
    assert desk.runs("md-start@md127") == []
    assert len(desk.writes("md-look@md127")) == 1  # it is only looked into


def test_r5_an_mdadm_that_always_dies_is_not_given_arrays_to_take_apart_for_ever() -> None:
    desk = Desk(QUICK)
    desk.see(member("vda"))
    for again in range(1, 4):
        desk.see(half("vda"))
        desk.end("md-member@vda", status=-9)
        desk.wait(desk.now + 3)
        stop(desk, again)
    desk.see(half("vda"))
    desk.end("md-member@vda", status=-9)
    desk.wait(desk.now + 60)
    assert len(desk.runs("md-again@md127")) == 3
    assert desk.runs("md-start@md127") == []


def test_r2_an_array_that_people_put_together_is_left_to_them() -> None:
    desk = Desk(QUICK)
    desk.wait(100)
    desk.give(Enumerated((member("vda"), half("vda"))))
    desk.wait(105)
    assert desk.runs("md-again@md127") == []
    desk.wait(120)
    assert len(desk.runs("md-start@md127")) == 1


def test_r2_the_array_is_not_stopped_while_a_member_is_being_added() -> None:
    desk = found(QUICK, "vda")
    desk.wait(1)
    desk.see(member("vdb"))
    desk.wait(9)
    assert desk.runs("md-again@md127") == []
    desk.see(filesystem("md127", on=("vda", "vdb"), md__array_state="clean"))
    desk.end("md-member@vdb", output=OURS)
    desk.wait(20)
    assert desk.runs("md-again@md127") == []
    assert desk.actions(ShowFailure) == []


def test_r5_a_refusal_of_the_kernel_is_a_word_too() -> None:
    desk = Desk(QUICK)
    desk.see(member("vda"), half("vda"))
    desk.end("md-member@vda", output=THEIRS)
    desk.see(member("vdb"), array("md127", ("vda", "vdb"), "inactive"))
    desk.end("md-member@vdb", status=1, output=THEIRS, error="failed to start")
    desk.wait(60)
    assert desk.runs("md-again@md127") == []


def test_r9_what_could_not_be_asked_while_a_tool_looked_at_the_array_is_asked_then() -> None:
    desk = Desk(QUICK)
    desk.see(member("vda"), array("md127", ("vda",), "inactive", md__metadata_version="1.2", **NEW))
    desk.wait(3)
    desk.end("md-member@vda", status=1, error="cannot reopen /dev/vda: busy")
    desk.wait(6)
    assert desk.runs("md-again@md127") == []
    desk.end("md-examine@md127", output="MD_LEVEL=raid1\n")
    desk.wait(8.5)
    assert len(desk.runs("md-again@md127")) == 1


MISMATCH = "metadata mismatch between /dev/vdb and chosen array /dev/md/root"


def refused(desk: Desk, name: str) -> None:
    """mdadm compares the member with one of those that are in the array, and does not add it."""
    for _ in range(3):
        desk.end(f"md-member@{name}", status=2, error=MISMATCH)
        desk.wait(desk.now + 1.5)


def with_a_dead_member(desk: Desk) -> None:
    """One member is in; it cannot be read any more when the other comes."""
    desk.see(member("vda"), half("vda"))
    desk.end("md-member@vda", output=OURS)
    desk.wait(30)
    desk.see(member("vdb"))


def test_r5_a_member_that_a_dead_one_keeps_out_is_offered_to_an_array_made_anew() -> None:
    desk = Desk(QUICK._replace(md_timeout=60.0))
    with_a_dead_member(desk)
    refused(desk, "vdb")
    desk.wait(38)
    stop(desk)
    assert "md127: mdadm does not add vdb to it; its members are offered" in desk.reports()
    assert len(desk.runs("md-member@vdb")) == 4
    assert len(desk.runs("md-member@vda")) == 2


def test_r5_so_it_is_where_udev_has_seen_that_the_member_is_dead() -> None:
    desk = Desk(QUICK._replace(md_timeout=60.0))
    with_a_dead_member(desk)
    desk.see(block("vda"))
    refused(desk, "vdb")
    desk.wait(38)
    stop(desk)
    assert len(desk.runs("md-member@vdb")) == 4


def test_r5_one_whose_own_superblock_is_bad_is_no_reason_to_stop_the_array() -> None:
    desk = Desk(QUICK._replace(md_timeout=60.0))
    with_a_dead_member(desk)
    for _ in range(3):
        desk.end("md-member@vdb", status=2, error="failed to add /dev/vdb to existing array")
        desk.wait(desk.now + 1.5)
    desk.wait(50)
    assert desk.runs("md-again@md127") == []


def test_r5_members_that_never_agree_are_not_offered_for_ever() -> None:
    desk = Desk(QUICK._replace(md_timeout=60.0))
    with_a_dead_member(desk)
    for again in range(1, 4):
        refused(desk, "vdb")
        desk.wait(desk.now + 3)
        stop(desk, again)
        desk.see(half("vda"))
        desk.end("md-member@vda", output=OURS)
    refused(desk, "vdb")
    desk.wait(desk.now + 70)
    assert len(desk.runs("md-again@md127")) == 3
    assert len(desk.runs("md-start@md127")) == 1


def test_r1_an_array_that_is_not_wanted_is_left_alone() -> None:
    desk = found(settings(), "vda")
    desk.wait(3)
    assert len(desk.runs("md-again@md127")) == 1
    named = LayerPolicy(named=frozenset({"b:b:b:b"}), by="rd.md.uuid=")
    for policy in (named, LayerPolicy(enabled=False, by="rd.md=0")):
        desk = found(settings(layers={Layer.MD: policy}), "vda")
        desk.wait(10)
        assert desk.runs("md-again@md127") == []


def test_a_partition_of_an_array_that_goes_is_not_used() -> None:
    """News of the array may be read when it is gone, while that of its partition's end is late."""
    desk = Desk()
    desk.see(block("md127", DEVTYPE="disk", MD_LEVEL="raid1"))
    desk.see(filesystem("md127p1", on=("md127",), DEVTYPE="partition"))
    desk.wait(5)
    assert desk.actions(Mount) == []
    running = array("md127", ("vda",), "clean", DEVTYPE="disk", ID_PART_TABLE_TYPE="gpt")
    desk.see(running)
    assert len(desk.actions(Mount)) == 1
