"""`break=`: the boot stops for a shell at a point and goes on when it ends (R24)."""

import pytest
from desk import Desk, filesystem, member, settings

from initpy.core.actions import HandOver, Mount, OpenShell, ShowFailure
from initpy.core.events import ShellEnded
from initpy.core.settings import BreakPoint


def stopped_at(*points: BreakPoint, **changes: object) -> Desk:
    return Desk(settings(breaks=frozenset(points), **changes))


def test_at_the_start_nothing_is_begun_and_no_clock_runs() -> None:
    desk = stopped_at(BreakPoint.START)
    desk.see(member("sda"), filesystem("sdb"))
    [(_, shell)] = desk.actions(OpenShell)
    assert isinstance(shell, OpenShell)
    assert "before anything is done" in shell.stop
    desk.wait(500)
    assert not desk.runs("md-member@sda")
    assert not desk.actions(Mount)
    assert not desk.actions(ShowFailure)
    desk.give(ShellEnded())
    assert desk.runs("md-member@sda")
    assert desk.actions(Mount)


def test_at_the_start_it_stops_before_any_device_has_come() -> None:
    assert stopped_at(BreakPoint.START).actions(OpenShell)


def test_before_the_mount_layers_are_assembled_all_the_same() -> None:
    desk = stopped_at(BreakPoint.MOUNT)
    desk.see(member("sda"))
    assert desk.runs("md-member@sda")
    assert not desk.actions(OpenShell)
    desk.see(filesystem("sdb"))
    assert desk.actions(OpenShell)
    desk.wait(500)
    assert not desk.actions(Mount)
    assert not desk.actions(ShowFailure)
    desk.give(ShellEnded())
    assert desk.actions(Mount)
    assert len(desk.actions(OpenShell)) == 1


def test_before_the_mount_nothing_is_checked_either() -> None:
    """A user stops there to look at the file system or to copy it; all peers check it later."""
    desk = stopped_at(BreakPoint.MOUNT, check=("-a",))
    desk.see(filesystem("sda"))
    assert desk.actions(OpenShell)
    desk.wait(500)
    assert not desk.runs("fsck-ext@sda")
    assert not desk.actions(ShowFailure)
    desk.give(ShellEnded())
    assert desk.runs("fsck-ext@sda")
    assert len(desk.actions(OpenShell)) == 1


def test_before_the_handover_root_is_mounted() -> None:
    desk = stopped_at(BreakPoint.HAND_OVER)
    desk.see(filesystem("sda"))
    desk.mount("/dev/sda")
    assert desk.actions(OpenShell)
    desk.wait(500)
    assert not desk.actions(HandOver)
    desk.give(ShellEnded())
    assert len(desk.actions(HandOver)) == 1


def test_all_three_in_turn() -> None:
    desk = stopped_at(*BreakPoint)
    desk.see(filesystem("sda"))
    for shells, after in ((1, Mount), (2, Mount), (3, HandOver)):
        assert len(desk.actions(OpenShell)) == shells
        assert not desk.actions(after)
        desk.give(ShellEnded())
        if shells == 2:
            desk.mount("/dev/sda")
    assert desk.actions(HandOver)


@pytest.mark.parametrize("point", BreakPoint)
def test_where_shells_are_not_allowed_the_boot_does_not_stop(point: BreakPoint) -> None:
    desk = stopped_at(point, shell=False)
    desk.see(filesystem("sda"))
    desk.mount("/dev/sda")
    assert desk.actions(HandOver)
    assert not desk.actions(OpenShell)
    assert desk.reports().count("no shell (rd.shell=0, panic= or rd.emergency=)") == 1
