"""Several volume groups with one name: LVM tells them apart by UUID only (R9)."""

from desk import Desk, filesystem, mapping, settings
from test_lvm import command, named, scanned, volume

from initpy.core.events import JobEnded

MULTIPLE = "  Multiple VGs found with the same name: skipping vg\n  Use --select vg_uuid=<uuid>"


def refuse(desk: Desk, job: str) -> None:
    """LVM refuses the name."""
    run = desk.runs(job)[-1].run
    desk.give(JobEnded(job, run, 5, complaints=MULTIPLE))


def two(desk: Desk | None = None) -> Desk:
    """Two physical volumes, each of another group called vg; LVM was asked for their UUIDs."""
    desk = desk or Desk(settings(root_wait=None))
    desk.see(volume("vda"), volume("vdb"))
    for name in ("vda", "vdb"):
        scanned(desk, name)
    refuse(desk, "lvm-activate@vda")
    for name in ("vda", "vdb"):
        desk.end(f"lvm-same-name@{name}", output=f"LVM2_VG_UUID='of-{name}'\n")
    return desk


def test_one_group_is_activated_by_its_uuid_and_the_other_waits() -> None:
    desk = two()
    *_, run = desk.runs("lvm-activate@vda")
    assert run.argv[-2:] == ("--select", "vg_uuid=of-vda")
    desk.end("lvm-activate@vda")
    desk.wait(desk.now + 3)
    assert desk.runs("lvm-activate@vdb") == []


def test_the_other_has_its_turn_once_the_first_is_deactivated() -> None:
    desk = two()
    desk.see(mapping("dm-0", "vda", "LVM-1", DM_VG_NAME="vg", DM_LV_NAME="root"))
    desk.end("lvm-activate@vda")
    desk.wait(desk.now + 8)
    assert command(desk, "lvm-same-name-return@vda")[-2:] == ("--select", "vg_uuid=of-vda")
    assert desk.runs("lvm-activate@vdb") == []
    desk.lose("dm-0")
    desk.end("lvm-same-name-return@vda")
    assert command(desk, "lvm-activate@vdb")[-2:] == ("--select", "vg_uuid=of-vdb")
    desk.end("lvm-activate@vdb")
    desk.wait(desk.now + 60)
    assert len(desk.runs("lvm-same-name-return@vda")) == 1
    assert desk.runs("lvm-same-name-return@vdb") == []


def test_the_other_is_left_alone_if_root_is_on_the_first() -> None:
    desk = two(Desk())
    desk.see(filesystem("dm-0", on=("vda",), DM_VG_NAME="vg", DM_LV_NAME="root", DM_NAME="vg-root"))
    desk.end("lvm-activate@vda")
    desk.mount("/dev/dm-0")
    desk.wait(desk.now + 60)
    assert desk.runs("lvm-same-name-return@vda") == desk.runs("lvm-activate@vdb") == []


def test_a_path_does_not_say_which_group_is_meant() -> None:
    desk = two(named("vg"))
    desk.wait(desk.now + 60)
    assert all("--select" not in run.argv for run in desk.runs("lvm-activate@vda"))
    assert "root=UUID=" in " ".join(node.reason for node in desk.nodes())


def test_one_that_cannot_be_deactivated_keeps_the_other_off() -> None:
    desk = two()
    desk.end("lvm-activate@vda")
    desk.wait(desk.now + 8)
    for _ in range(2):
        desk.end("lvm-same-name-return@vda", status=5)
        desk.wait(desk.now + 3)
    desk.wait(desk.now + 60)
    assert desk.runs("lvm-activate@vdb") == []
    assert "cannot be deactivated" in " ".join(node.reason for node in desk.nodes())


def test_lvm_is_asked_by_name_again_once_one_of_them_is_gone() -> None:
    desk = two()
    desk.end("lvm-activate@vda")
    desk.lose("vdb")
    desk.lose("vda")
    desk.see(volume("vda"))
    scanned(desk, "vda")
    *_, run = desk.runs("lvm-activate@vda")
    assert run.argv[-1] == "vg"
