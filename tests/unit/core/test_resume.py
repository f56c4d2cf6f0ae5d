"""A hibernated system is resumed before anything is written, or ruled out in a short time (R20)."""

from typing import Any

from desk import Desk, block, filesystem, luks, mapping, settings

from initpy.core.actions import Mount, Record, Run
from initpy.core.actions import Resume as Act
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import BootStarted, JobEnded, Mounted
from initpy.core.machine.rules import ORPHAN_SECONDS
from initpy.core.settings import RESUME_SECONDS, Resume, Settings
from initpy.core.volumes import VolumeSpec

SWAP = DeviceSpec(Naming.UUID, "s-1")


def asked(**changes: Any) -> Settings:
    return settings(resume=Resume(SWAP)._replace(**changes))


def swap(name: str, kind: str = "swsuspend", on: tuple[str, ...] = ()) -> Device:
    return block(name, on, MAJOR="8", MINOR="2", ID_FS_TYPE=kind, ID_FS_USAGE="other",
                 ID_FS_UUID="s-1", ID_FS_UUID_ENC="s-1")  # fmt: skip


def attempts(desk: Desk) -> list[Act]:
    return [each for _, each in desk.actions(Act) if isinstance(each, Act)]


def written(desk: Desk) -> list[float]:
    """When the first things were done that write: checks and mounts."""
    checks = [at for at, each in desk.log if isinstance(each, Run) and each.job.startswith("fsck")]
    return [*checks, *(at for at, _ in desk.actions(Mount))]


def test_nothing_is_written_before_the_kernel_has_looked() -> None:
    desk = Desk(asked())
    desk.see(filesystem("sda1"))
    assert not written(desk)
    desk.see(swap("sda2"), at=3.0)
    [act] = attempts(desk)
    assert (act.number, act.offset) == ("8:2", 0)
    desk.wait(600.0)  # however long it takes: it may still resume
    assert not written(desk)
    desk.give(JobEnded(act.job, act.run, 0), at=601.0)
    assert min(written(desk)) == 601.0
    assert "refused the hibernated system on /dev/sda2" in desk.reports()


def test_without_a_hibernated_system_nothing_is_waited_for() -> None:
    desk = Desk(asked())
    desk.see(swap("sda2", "swap"), filesystem("sda1"))
    assert not attempts(desk)
    assert min(written(desk)) == 0.0


def test_a_device_that_never_comes_costs_some_seconds_of_a_root_that_is_there() -> None:
    desk = Desk(asked())
    desk.wait(40.0)  # nothing is there: nothing is decided
    desk.see(filesystem("sda1"), at=40.0)
    desk.wait(40.0 + RESUME_SECONDS + 1.0)
    assert 40.0 + RESUME_SECONDS <= min(written(desk)) <= 40.0 + RESUME_SECONDS + 1.0
    desk.see(swap("sdb"))
    assert not attempts(desk)  # too late


def test_root_and_swap_that_come_late_together_are_resumed() -> None:
    desk = Desk(asked())
    desk.see(filesystem("sda1"), at=80.0)
    desk.see(swap("sda2"), at=80.5)
    assert len(attempts(desk)) == 1
    assert not written(desk)


def test_resumewait_waits_for_ever() -> None:
    desk = Desk(asked(seconds=None))
    desk.see(filesystem("sda1"))
    desk.wait(80.0)
    assert not written(desk)
    desk.see(swap("sda2"))
    assert len(attempts(desk)) == 1


def test_a_swap_file_is_known_to_the_kernel_alone() -> None:
    desk = Desk(settings(resume=Resume(DeviceSpec(Naming.LABEL, "root"), 34816)))
    root = filesystem("sda1", MAJOR="8", MINOR="1")
    desk.see(root)
    [act] = attempts(desk)
    assert (act.number, act.offset) == ("8:1", 34816)
    assert not written(desk)
    desk.give(JobEnded(act.job, act.run, 0))
    assert written(desk)
    assert "refused" not in desk.reports()


def test_a_kernel_that_cannot_resume_is_said() -> None:
    desk = Desk(asked())
    desk.see(filesystem("sda1"), swap("sda2"))
    [act] = attempts(desk)
    desk.give(JobEnded(act.job, act.run, 2, error="this kernel cannot resume"))
    assert written(desk)
    told = "the hibernated system on /dev/sda2 is not resumed: this kernel cannot resume"
    assert told in desk.reports()


def test_what_is_no_swap_is_said_and_not_tried() -> None:
    desk = Desk(asked())
    desk.see(swap("sda2", "ext4"), filesystem("sda1"))
    assert not attempts(desk)
    assert written(desk)
    assert "/dev/sda2, which resume= names, is no swap" in desk.reports()


def test_a_named_volume_that_is_locked_may_hold_it() -> None:
    volume = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "swap")
    desk = Desk(asked()._replace(volumes=(volume,)))
    desk.see(filesystem("sda1"), luks("sda2"))
    desk.wait(60.0)  # somebody types slowly
    assert not written(desk)
    desk.answer("right")
    opened = mapping("dm-0", "sda2", "CRYPT-LUKS2-u1-swap", **swap("dm-0").properties)
    desk.see(opened)
    assert len(attempts(desk)) == 1


def test_a_volume_that_nobody_named_does_not_keep_root_waiting() -> None:
    desk = Desk(asked())
    desk.see(filesystem("sda1"), luks("sda2"))
    desk.wait(RESUME_SECONDS + 2.0)
    assert written(desk)


def test_a_device_that_goes_while_the_kernel_looks_is_waited_for_until_it_has_come_back() -> None:
    desk = Desk(asked())
    desk.see(filesystem("sda1"), swap("sdb"))
    [act] = attempts(desk)
    desk.lose("sdb")
    desk.wait(ORPHAN_SECONDS - 1.0)
    assert not written(desk)
    desk.give(JobEnded(act.job, act.run, 5, error="Input/output error"))
    assert written(desk)


def test_a_later_engine_knows_that_it_is_too_late() -> None:
    desk = Desk(asked())
    desk.see(swap("sda2", "swap"), filesystem("sda1"))
    assert any(each.name == "resume-over" for _, each in desk.actions(Record)
               if isinstance(each, Record))  # fmt: skip
    later = Desk(asked())
    later.give(BootStarted(resume_over=True))
    later.see(filesystem("sda1"), swap("sda2"))
    assert not attempts(later)
    assert written(later)
    last = Desk(asked())
    last.give(Mounted("/sysroot", "/dev/sda1"))
    last.see(filesystem("sda1"), swap("sda2"))
    assert not attempts(last)
