"""LVM volume groups: which are activated, when, and what is said of those that are not (R1, R7)."""

from typing import Any

from desk import Desk, array, filesystem, luks, member, settings

from initpy.core.actions import Run, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Enumerated, JobEnded
from initpy.core.layer import Layer
from initpy.core.settings import Degraded, GroupPolicy, LayerPolicy
from initpy.report.tree import render

TIMEOUT = 30.0
MISSING = "WARNING: VG vg is missing PV u-2 (last written to /dev/vdb)."


def volume(name: str, on: tuple[str, ...] = ()) -> Device:
    """A physical volume."""
    known = {"KERNEL": name, "DEVNAME": f"/dev/{name}", "ID_FS_TYPE": "LVM2_member"}
    return Device(name, known, frozenset(), frozenset(on))


def scanned(desk: Desk, name: str, group: str = "vg", complete: bool = True) -> None:
    """LVM says what group it is of."""
    desk.end(f"lvm-scan@{name}", output=f"LVM_VG_NAME_{'' if complete else 'IN'}COMPLETE='{group}'")


def named(group: str, *volumes: str, **changes: Any) -> Desk:
    """A boot whose root= names this group, and other parameters these volumes."""
    root = DeviceSpec(Naming.PATH, "/dev/vg/root")
    policy = GroupPolicy(hinted=frozenset({group}), volumes=frozenset(volumes))
    return Desk(settings(root=root, lvm=policy, **changes))


def command(desk: Desk, job: str) -> tuple[str, ...]:
    (run,) = desk.runs(job)
    return run.argv


def tree(desk: Desk) -> str:
    return render(desk.boot.explain(desk.now), desk.now)


def test_a_complete_group_is_activated_at_once() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    scanned(desk, "vda")
    assert command(desk, "lvm-activate@vda") == (
        "lvm", "lvchange", "--activate", "ay", "--sysinit", "vg",
    )  # fmt: skip


def test_a_group_named_by_root_is_activated_even_if_excluded_from_automatic_activation() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    assert "y" in command(desk, "lvm-activate@vda")


def test_of_a_group_of_which_volumes_are_named_only_those_are_activated() -> None:
    desk = named("vg", "vg/root", "vg/swap", "other/x")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    assert command(desk, "lvm-activate@vda")[-2:] == ("vg/root", "vg/swap")


def test_without_configuration_lvm_gets_none() -> None:
    desk = Desk(settings(lvm=GroupPolicy(configured=False)))
    desk.see(volume("vda"))
    assert command(desk, "lvm-scan@vda")[:3] == ("env", "LVM_SYSTEM_DIR=", "lvm")


def test_an_incomplete_group_waits_for_its_own_timer() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    scanned(desk, "vda", complete=False)
    desk.wait(TIMEOUT - 1)
    assert not desk.runs("lvm-start@vda")
    assert "vg is incomplete: waits for its other physical volumes" in tree(desk)
    desk.wait(TIMEOUT + 1)
    assert command(desk, "lvm-start@vda")[:4] == ("lvm", "lvchange", "--activate", "ay")
    assert "vg: activating it without its missing physical volumes" in desk.reports()


def test_the_activation_mode_is_lvms_unless_people_say() -> None:
    desk = Desk(settings(lvm=GroupPolicy(timeout=5, mode="partial")))
    desk.see(volume("vda"))
    scanned(desk, "vda", complete=False)
    desk.wait(6)
    assert command(desk, "lvm-start@vda")[5:7] == ("--activationmode", "partial")


def test_a_group_that_becomes_complete_is_never_forced() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    scanned(desk, "vda", complete=False)
    desk.see(volume("vdb"), at=TIMEOUT - 1)
    scanned(desk, "vdb")
    desk.wait(2 * TIMEOUT)
    desk.end("lvm-activate@vdb")
    desk.wait(4 * TIMEOUT)
    assert not desk.runs("lvm-start@vda")


def test_several_volumes_of_an_incomplete_group_make_one_attempt() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(volume("vda"), volume("vdc"))
    scanned(desk, "vda", complete=False)
    desk.give(Enumerated((volume("vda"), volume("vdc"))), 5)
    scanned(desk, "vdc", complete=False)
    desk.wait(5 + TIMEOUT + 1)
    desk.end("lvm-start@vda", 0, error=MISSING)
    desk.wait(4 * TIMEOUT)
    assert not desk.runs("lvm-start@vdc")


def test_when_the_volume_that_speaks_for_the_group_goes_another_one_does() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(volume("vda"), volume("vdc"))
    scanned(desk, "vda", complete=False)
    scanned(desk, "vdc", complete=False)
    desk.lose("vda", at=10)
    desk.wait(10 + TIMEOUT + 1)
    assert desk.runs("lvm-start@vdc")


def test_what_cannot_be_activated_names_the_missing_volume_once() -> None:
    desk = Desk(settings(root_wait=60.0))
    desk.see(volume("vda"), volume("vdc"))
    scanned(desk, "vda", complete=False)
    scanned(desk, "vdc", complete=False)
    desk.wait(TIMEOUT + 1)
    refusal = (
        "Refusing activation of partial LV vg/root.  Use '--activationmode partial' to override."
    )
    desk.give(end_of(desk, "lvm-start@vda", 5, refusal, f"{MISSING}\n  {MISSING}\n  {refusal}"))
    desk.wait(200)
    assert len(desk.runs("lvm-start@vda")) == 1
    assert not desk.runs("lvm-start@vdc")
    shown = [each for _, each in desk.actions(ShowFailure)]
    assert len(shown) == 1
    assert "u-2 (last written to /dev/vdb)" in tree(desk)
    assert "rd.lvm.activationmode=partial" in tree(desk)


def end_of(desk: Desk, job: str, status: int, error: str, complaints: str) -> JobEnded:
    """The end of a job's last run, with all that it said."""
    return JobEnded(job, desk.runs(job)[-1].run, status, "", error, complaints)


def test_an_activation_that_was_killed_is_tried_again() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(volume("vda"), volume("vdc"))
    scanned(desk, "vda", complete=False)
    scanned(desk, "vdc", complete=False)
    desk.wait(TIMEOUT + 1)
    desk.end("lvm-start@vda", -9)
    desk.wait(TIMEOUT + 5)
    assert len(desk.runs("lvm-start@vda")) == 2
    assert not desk.runs("lvm-start@vdc")


def test_a_third_volume_gives_an_incomplete_group_another_chance() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(volume("vda"))
    scanned(desk, "vda", complete=False)
    desk.wait(TIMEOUT + 1)
    desk.end("lvm-start@vda", 5, error="Refusing activation")
    desk.see(volume("vdc"), at=50)
    scanned(desk, "vdc", complete=False)
    desk.wait(50 + TIMEOUT + 1)
    assert desk.runs("lvm-start@vdc")


def test_a_locked_volume_that_may_hide_the_missing_one_holds_the_timer() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(volume("vda"), luks("vdb"))
    scanned(desk, "vda", complete=False)
    desk.wait(10 * TIMEOUT)
    assert not desk.runs("lvm-start@vda")


def test_a_group_waits_for_an_array_that_is_still_to_start_degraded() -> None:
    desk = Desk(settings(root_wait=None, md_timeout=60.0))
    desk.see(volume("vda"), member("vdb"))
    scanned(desk, "vda", complete=False)
    desk.end("md-member@vdb")
    desk.see(array("md0", ("vdb",), "inactive"))
    desk.wait(59)
    assert not desk.runs("lvm-start@vda")
    desk.wait(61)
    desk.end("md-start@md0")
    desk.see(Device("md0", {**volume("md0").properties, "md/array_state": "clean"},
                    frozenset(), frozenset({"vdb"})))  # fmt: skip
    scanned(desk, "md0")
    assert desk.runs("lvm-activate@md0")
    assert not desk.runs("lvm-start@vda")


def test_a_group_that_root_does_not_name_is_the_last_way() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    scanned(desk, "vda", "other")
    assert not desk.runs("lvm-activate@vda")
    desk.wait(6)
    assert "ay" in command(desk, "lvm-activate@vda")


def test_the_last_way_is_not_taken_while_something_else_may_lead_to_the_root() -> None:
    desk = named("vg")
    desk.see(volume("vda"), luks("vdb"))
    scanned(desk, "vda", "other")
    desk.wait(60)
    assert not desk.runs("lvm-activate@vda")


def test_a_group_that_is_not_named_is_left_alone_once_the_root_is_there() -> None:
    desk = named("vg")
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda", "other")
    scanned(desk, "vdb")
    desk.end("lvm-activate@vdb")
    root = filesystem("dm-0", on=("vdb",))
    desk.see(root._replace(links=frozenset({"/dev/vg/root"}),
                           properties={**root.properties, "DM_NAME": "vg-root"}))  # fmt: skip
    desk.wait(4)
    desk.mount("/dev/dm-0")
    desk.wait(60)
    assert not desk.runs("lvm-activate@vda")


def test_an_incomplete_group_that_root_does_not_name_is_never_forced() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    scanned(desk, "vda", "other", complete=False)
    desk.wait(300)
    assert not desk.runs("lvm-start@vda")
    assert "root= names another group" in tree(desk)


def test_groups_beside_those_named_by_parameter_are_never_activated() -> None:
    policy = LayerPolicy(named=frozenset({"vg"}), by="rd.lvm.vg=")
    desk = Desk(settings(layers={Layer.LVM: policy}))
    desk.see(volume("vda"))
    scanned(desk, "vda", "other")
    desk.wait(300)
    assert not desk.runs("lvm-activate@vda")


def test_a_volume_that_lvm_leaves_alone_is_explained_in_its_words() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    desk.end("lvm-scan@vda")
    assert "--udevoutput" not in desk.runs("lvm-scan@vda")[-1].argv
    excluded = "/dev/vda excluded: device is not in devices file"
    desk.end("lvm-scan@vda", output=f"  pvscan[42] {excluded}.\n")
    assert f"left alone by LVM: {excluded}" in tree(desk)
    desk.wait(60)
    assert len(desk.runs("lvm-scan@vda")) == 2


def test_a_volume_that_lvm_cannot_use_is_explained_after_some_tries() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    for at in (2, 4, 6):
        desk.end("lvm-scan@vda", 5)
        desk.wait(at)
    duplicate = "PV /dev/vda 254:0 is duplicate for PVID x on 254:16 /dev/vdb"
    desk.give(end_of(desk, "lvm-scan@vda", 5, "last", f"  pvscan[7] {duplicate}.\n  last"))
    assert f"{duplicate}; last" in tree(desk)
    assert "--udevoutput" not in desk.runs("lvm-scan@vda")[-1].argv


def test_a_new_engine_activates_again_although_some_volumes_are_there() -> None:
    """The one before may have been killed half-way (R5)."""
    desk = Desk()
    desk.see(volume("vda"))
    known = {"DM_NAME": "vg-home", "DM_VG_NAME": "vg", "DM_UUID": "LVM-x"}
    desk.see(Device("dm-0", {"KERNEL": "dm-0", **known}, frozenset(), frozenset({"vda"})))
    scanned(desk, "vda")
    assert desk.runs("lvm-activate@vda")


def test_a_group_that_goes_and_comes_back_is_activated_again() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    scanned(desk, "vda")
    desk.end("lvm-activate@vda")
    desk.lose("vda")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    assert (
        len([each for _, each in desk.log if isinstance(each, Run) and "lvchange" in each.argv])
        == 2
    )


def test_a_group_that_a_later_volume_has_completed_is_not_called_incomplete() -> None:
    """Each volume tells what there was when it was looked at."""
    desk = Desk(settings(root_wait=60.0))
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda", complete=False)
    assert "volume group vg, which is incomplete" in tree(desk)
    scanned(desk, "vdb")
    assert "which is incomplete" not in tree(desk)
    desk.end("lvm-activate@vdb")
    desk.wait(130)
    ((_, failure),) = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert not any("lacks disks" in each.text for each in failure.advice)


def test_volumes_that_come_at_once_have_their_group_activated_once() -> None:
    """Each of the scans has found the other's record: both say that the group is complete."""
    desk = Desk()
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda")
    scanned(desk, "vdb")
    assert len(desk.runs("lvm-activate@vda")) == 1
    assert not desk.runs("lvm-activate@vdb")
    desk.end("lvm-activate@vda")
    assert not desk.runs("lvm-activate@vdb")


def test_the_other_volume_tries_where_the_first_has_failed() -> None:
    desk = Desk()
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda")
    scanned(desk, "vdb")
    desk.end("lvm-activate@vda", status=5)
    assert len(desk.runs("lvm-activate@vdb")) == 1


def test_a_volume_that_has_come_again_has_its_group_activated_again() -> None:
    desk = Desk()
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda")
    scanned(desk, "vdb")
    desk.end("lvm-activate@vda")
    desk.lose("vdb")
    desk.see(volume("vdb"))
    scanned(desk, "vdb")
    assert len(desk.runs("lvm-activate@vdb")) == 1


def on_another_group(**changes: Any) -> Desk:
    """An array that lacks a member, and a group that root= does not name."""
    desk = named("vg", **changes)
    lacking = array("md127", ("vda",), "inactive", md__raid_disks="")
    desk.see(member("vda"), lacking, volume("vdb"))
    desk.end("md-member@vda")
    scanned(desk, "vdb", "other")
    return desk


def test_r7_a_group_that_is_not_named_is_activated_before_an_array_starts_degraded() -> None:
    desk = on_another_group()
    desk.wait(29)
    assert desk.runs("lvm-activate@vdb") == []
    desk.wait(31)
    assert len(desk.runs("lvm-activate@vdb")) == 1
    desk.wait(60)
    assert desk.runs("md-start@md127") == []
    desk.see(member("sda"))  # what is on the group
    desk.end("lvm-activate@vdb")
    desk.end("md-member@sda")
    desk.see(filesystem("md127", on=("vda", "sda"), md__array_state="clean"))
    desk.wait(90)
    assert desk.runs("md-start@md127") == []


def test_r7_the_array_starts_when_that_group_holds_no_member() -> None:
    desk = on_another_group()
    desk.wait(31)
    desk.end("lvm-activate@vdb")
    desk.see(filesystem("dm-0", "data", on=("vdb",)))
    desk.wait(60)
    assert len(desk.runs("md-start@md127")) == 1


def test_r1_a_question_to_people_does_not_keep_that_group_from_being_looked_at() -> None:
    """They may never answer, and the root may be on it."""
    desk = on_another_group(md_degraded=Degraded.ASK)
    desk.wait(31)
    desk.end("lvm-activate@vdb")
    desk.see(filesystem("dm-0", "data", on=("vdb",)))
    desk.wait(50)
    assert len(desk.asked()) == 1
    desk.see(volume("vdc"))
    scanned(desk, "vdc", "third")
    desk.wait(60)
    assert len(desk.runs("lvm-activate@vdc")) == 1


def test_r7_a_group_that_is_not_named_comes_before_an_incomplete_one_that_is() -> None:
    desk = named("vg")
    desk.see(volume("vda"), volume("vdb"))
    scanned(desk, "vda", "vg", complete=False)
    scanned(desk, "vdb", "other")
    desk.wait(TIMEOUT - 1)
    assert desk.runs("lvm-activate@vdb") == []
    desk.wait(TIMEOUT + 3)
    assert len(desk.runs("lvm-activate@vdb")) == 1
    assert desk.runs("lvm-start@vda") == []
    desk.end("lvm-activate@vdb")
    desk.see(filesystem("sda", "data", on=("vdb",)))
    desk.wait(TIMEOUT + 40)
    assert len(desk.runs("lvm-start@vda")) == 1
