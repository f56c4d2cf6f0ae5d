"""Volume groups of another system: used if named, else looked at without a write (R9)."""

from typing import Any

import pytest
from desk import Desk, block, settings
from test_lvm import command, named, scanned, tree, volume

from initpy.core.actions import Mount, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.layer import Layer
from initpy.core.settings import LayerPolicy

REFUSED = "  Cannot access VG vg with system ID other with unknown local system ID."
OTHER = 'local/system_id="other"'
OWNER = ("LVM2_VG_NAME='{}'\nLVM2_VG_SYSTEMID='{}'\nLVM2_VG_EXPORTED='{}'\n"
         "LVM2_VG_LOCK_TYPE='{}'\n")  # fmt: skip


def refuse(desk: Desk, name: str, group: str = "vg") -> None:
    """LVM refuses to activate the group for its system ID."""
    job = f"lvm-activate@{name}"
    run = desk.runs(job)[-1]
    complaint = REFUSED.replace("vg", group)
    desk.give(JobEnded(job, run.run, 5, "", "refused", complaint))


def own(desk: Desk, name: str, group: str = "vg", system: str = "other", **known: str) -> None:
    """LVM says whose group it is."""
    found = OWNER.format(group, system, known.get("exported", ""), known.get("lock", ""))
    desk.end(f"lvm-owner@{name}", output=found)


def ignore(desk: Desk, name: str, why: str) -> None:
    """The scan says nothing, and then why."""
    desk.end(f"lvm-scan@{name}")
    desk.end(f"lvm-scan@{name}", output=f"  pvscan[1] PV /dev/{name} ignore {why} VG.")


def logical(read_only: bool = True, on: str = "vda", **known: str) -> Device:
    """A logical volume of the group vg, with an ext4."""
    found: dict[str, Any] = {
        "DM_NAME": "vg-lv", "DM_VG_NAME": "vg", "DM_LV_NAME": "lv", "DM_SUSPENDED": "0",
        "DM_UUID": "LVM-1", "ro": "1" if read_only else "0", "ID_FS_TYPE": "ext4",
        "ID_FS_USAGE": "filesystem", **known,
    }  # fmt: skip
    return block("dm-0", (on,), **found)


def foreign(desk: Desk) -> None:
    """The group vg on vda is another system's."""
    desk.see(volume("vda"))
    scanned(desk, "vda")
    refuse(desk, "vda")
    own(desk, "vda")


def looked(desk: Desk) -> None:
    """The group was activated read-only."""
    foreign(desk)
    desk.wait(desk.now + 10)
    desk.end("lvm-activate@vda")


def test_a_named_group_is_activated_as_its_owner_would() -> None:
    desk = named("vg")
    foreign(desk)
    words = desk.runs("lvm-activate@vda")[-1].argv
    assert OTHER in " ".join(words)
    assert "read_only_volume_list" not in " ".join(words)
    assert "vg belongs to the system other: activated, since it is named" in desk.reports()


def test_a_refusal_is_no_failure() -> None:
    desk = named("vg")
    foreign(desk)
    desk.end("lvm-activate@vda", status=5, error="busy")
    assert "1 of 3 tries used" in tree(desk)


def test_a_group_named_by_a_parameter_counts_as_named() -> None:
    policy = LayerPolicy(True, frozenset({"vg"}), "rd.lvm.vg=")
    desk = Desk(settings(layers={Layer.LVM: policy}))
    foreign(desk)
    assert "read_only_volume_list" not in " ".join(desk.runs("lvm-activate@vda")[-1].argv)


def test_another_group_is_looked_at_read_only_when_nothing_is_at_work() -> None:
    desk = Desk()
    foreign(desk)
    assert len(desk.runs("lvm-activate@vda")) == 1  # which LVM refused
    desk.wait(desk.now + 10)
    words = " ".join(desk.runs("lvm-activate@vda")[-1].argv)
    assert 'activation/read_only_volume_list=["vg"]' in words
    assert "lv_layout=[linear]" in words


def test_a_volume_that_is_looked_at_is_not_used_until_it_is_writable() -> None:
    desk = Desk()
    looked(desk)
    desk.see(logical(ID_FS_LABEL="root", ID_FS_LABEL_ENC="root"))
    assert not desk.runs("fsck-ext@dm-0")
    assert command(desk, "lvm-writable@dm-0")[-2:] == ("--refresh", "vg/lv")
    desk.end("lvm-writable@dm-0")
    desk.see(logical(False, ID_FS_LABEL="root", ID_FS_LABEL_ENC="root"))
    assert desk.runs("fsck-ext@dm-0")
    assert not desk.runs("lvm-return@dm-0")


def test_a_volume_that_does_not_lead_to_root_is_given_back() -> None:
    desk = Desk()
    looked(desk)
    desk.see(logical(ID_FS_LABEL="other", ID_FS_LABEL_ENC="other"))
    assert command(desk, "lvm-return@dm-0")[-3:] == ("--activate", "n", "vg/lv")
    assert not desk.runs("lvm-writable@dm-0")


def test_a_locked_volume_becomes_writable_before_the_prompt() -> None:
    desk = Desk()
    looked(desk)
    locked = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_USAGE": "crypto", "ID_FS_UUID": "u-1"}
    desk.see(logical(True, **locked))
    assert desk.runs("lvm-writable@dm-0")
    assert not desk.asked()
    desk.see(logical(False, **locked))
    assert desk.asked()


def test_a_read_only_volume_of_this_systems_group_is_used() -> None:
    desk = Desk()
    desk.see(volume("vda"))
    scanned(desk, "vda")
    desk.end("lvm-activate@vda")
    desk.see(logical(ID_FS_LABEL="root", ID_FS_LABEL_ENC="root"))
    assert not desk.runs("lvm-writable@dm-0")
    assert desk.actions(Mount)


def test_what_pvscan_ignores_is_scanned_again_with_the_owners_name() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    ignore(desk, "vda", "foreign")
    own(desk, "vda")
    assert OTHER in " ".join(command(desk, "lvm-scan-foreign@vda"))
    desk.end("lvm-scan-foreign@vda", output="LVM_VG_NAME_COMPLETE='vg'")
    assert OTHER in " ".join(command(desk, "lvm-activate@vda"))


def test_of_two_groups_of_one_name_this_systems_is_activated() -> None:
    desk = named("vg")
    desk.see(volume("vda"), volume("vdb"))
    ignore(desk, "vda", "foreign")
    own(desk, "vda")
    scanned(desk, "vdb")
    desk.end("lvm-scan-foreign@vda", output="LVM_VG_NAME_COMPLETE='vg'")
    assert not desk.runs("lvm-activate@vda")
    assert OTHER not in " ".join(command(desk, "lvm-activate@vdb"))


@pytest.mark.parametrize(
    ("why", "known", "words"),
    [
        ("exported", {"exported": "exported"}, "lvm vgimport vg"),
        ("shared", {"lock": "sanlock"}, "Several systems may use vg"),
    ],
)
def test_a_group_that_no_system_may_use_is_left_alone(
    why: str, known: dict[str, str], words: str
) -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    ignore(desk, "vda", why)
    own(desk, "vda", system="", **known)
    desk.wait(desk.now + 100)
    assert not desk.runs("lvm-activate@vda")
    (shown,) = desk.actions(ShowFailure)
    assert words in repr(shown)


def test_an_owner_that_lvm_cannot_tell_leaves_the_refusal() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    refuse(desk, "vda")
    for _ in range(2):
        desk.end("lvm-owner@vda", status=5)
        desk.wait(desk.now + 2)
    for _ in range(3):
        refuse(desk, "vda")
        desk.wait(desk.now + 2)
    assert "3 of 3 tries used" in tree(desk)


def test_an_invalid_system_id_is_reported_and_not_used() -> None:
    desk = named("vg")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    refuse(desk, "vda")
    own(desk, "vda", system='x" evil="1')
    assert "is not valid" in desk.reports()
    assert "evil" not in " ".join(desk.runs("lvm-activate@vda")[-1].argv)


def test_a_system_id_source_without_an_id_is_reported_once() -> None:
    desk = Desk()
    for name, group in (("vda", "vg"), ("vdb", "other")):
        desk.see(volume(name))
        scanned(desk, name, group)
        run = desk.runs(f"lvm-activate@{name}")[-1]
        warning = "  WARNING: No system ID found from system_id_source nonsense."
        desk.give(JobEnded(run.job, run.run, 0, "", "", warning))
    assert desk.reports().count("No system ID found") == 1
