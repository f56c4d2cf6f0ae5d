"""Boots that the boot loader counts: they end without root, and never beside a user (R25)."""

from typing import Any

import pytest

from initpy.core.actions import AwaitKey, EndBoot, HandOver, OpenShell, Report, ShowFailure
from initpy.core.events import HandOverRefused, KeyPressed, RetryAsked, ShellEnded
from initpy.core.settings import Counting, Emergency
from tests.unit.core.desk import Desk, filesystem, luks, mapping, settings

COUNTED = Counting(2, 1, "the firmware")
ENDS = EndBoot(Emergency.REBOOT, "the boot has failed")


def counted(**changes: Any) -> Desk:
    """A boot that waits 5 s for root."""
    return Desk(settings(**{"root_wait": 5.0, "counting": COUNTED, **changes}))


def ends(desk: Desk) -> list[float]:
    return [time for time, _ in desk.actions(EndBoot)]


def test_nobody_is_there_and_the_machine_restarts_without_a_shell() -> None:
    desk = counted()
    desk.wait(64.9)
    assert ends(desk) == []
    desk.wait(65)
    assert desk.actions(EndBoot) == [(65, ENDS)]
    assert desk.actions(OpenShell) == []
    assert "a key opens a shell" in desk.reports()


def test_the_screen_and_the_status_tell_the_tries() -> None:
    desk = counted()
    desk.wait(6)
    [(_, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert "2 tries left, 1 used" in "".join(each.text for each in failure.advice)
    assert [each.state for each in desk.nodes() if each.label == "boot counting"] == [
        "2 tries left, 1 used"
    ]


def test_a_key_opens_a_shell_that_holds_the_end_whatever_fails_beside_it() -> None:
    desk = counted()
    desk.wait(60)
    desk.give(KeyPressed())
    assert len(desk.actions(OpenShell)) == 1
    desk.give(RetryAsked(1), at=100)
    desk.wait(1000)
    assert len(desk.actions(ShowFailure)) == 2
    assert ends(desk) == []
    desk.give(ShellEnded())
    desk.wait(1064)
    assert ends(desk) == []
    desk.wait(1066)
    assert ends(desk) == [1065]
    assert len(desk.actions(OpenShell)) == 1


def test_a_key_that_nobody_waits_for_does_nothing() -> None:
    desk = counted()
    desk.give(KeyPressed(), at=2)
    desk.wait(66)
    assert ends(desk) == [65]
    assert desk.actions(OpenShell) == []


@pytest.mark.parametrize(
    "changes",
    [{"shell": False},
     {"shell": False, "emergency": Emergency.REBOOT, "emergency_delay": 60.0}],
)  # fmt: skip
def test_without_a_shell_a_key_tries_again(changes: dict[str, Any]) -> None:
    desk = counted(**changes)
    desk.wait(40)
    desk.give(KeyPressed())
    assert desk.actions(OpenShell) == []
    assert desk.actions(AwaitKey)[-1] == (40, AwaitKey(False))
    desk.wait(200)
    assert ends(desk) == [105]


def test_a_root_that_comes_ends_the_wait_for_a_key() -> None:
    desk = counted()
    desk.wait(10)
    desk.see(filesystem("vda"))
    desk.mount("/dev/vda")
    assert desk.actions(AwaitKey)[-1] == (10, AwaitKey(False))
    assert len(desk.actions(HandOver)) == 1


@pytest.mark.parametrize("emergency", [Emergency.WAIT, Emergency.REBOOT])
def test_a_wrong_passphrase_never_ends_the_boot(emergency: Emergency) -> None:
    waits = emergency is Emergency.WAIT
    desk = counted(emergency=emergency, emergency_delay=5.0, shell=waits)
    desk.see(luks("vda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@vda", status=2)
    desk.wait(5000)
    assert len(desk.actions(ShowFailure)) == 1
    assert ends(desk) == []
    assert "no reboot by itself" in desk.reports()
    assert bool(desk.actions(OpenShell)) is waits
    desk.give(ShellEnded() if waits else KeyPressed())
    assert len(desk.asked()) == 4


def test_a_wrong_passphrase_without_counting_ends_the_boot_as_panic_says() -> None:
    desk = counted(counting=None, emergency=Emergency.REBOOT, emergency_delay=5.0, shell=False)
    desk.see(luks("vda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@vda", status=2)
    desk.wait(100)
    assert len(ends(desk)) == 1
    assert desk.actions(AwaitKey) == []


def test_a_user_who_leaves_the_prompt_never_ends_the_boot() -> None:
    desk = counted()
    desk.see(luks("vda"))
    desk.wait(10_000)
    assert desk.actions(ShowFailure) == []
    assert ends(desk) == []


def test_a_user_who_was_asked_has_the_whole_time_again() -> None:
    desk = counted()
    desk.wait(62)
    desk.see(luks("vda"))
    desk.answer("right", at=80)
    desk.end("luks-open@vda")
    desk.see(mapping("dm-0", "vda", "CRYPT-LUKS2-u-1-luks-u-1"), at=81)
    desk.wait(140)
    assert ends(desk) == []
    desk.wait(400)
    assert len(ends(desk)) == 1


def test_a_key_that_is_being_tried_is_no_user() -> None:
    """No shell opens by itself then, which would hold the end for ever."""
    desk = counted(root=None)
    assert len(desk.actions(ShowFailure)) == 1
    desk.see(luks("vda"))
    desk.give(HandOverRefused("no init"), at=3)
    desk.lose("vda", at=10)
    desk.wait(200)
    assert desk.actions(OpenShell) == []
    assert len(ends(desk)) == 1


def test_a_held_countdown_wakes_nobody_and_goes_on_aloud() -> None:
    desk = counted()
    desk.wait(20)
    desk.see(luks("vda"))
    before = len(desk.actions(Report))
    desk.wait(5000)
    assert "reboot" not in "".join(desk.reports().splitlines()[before:])
    desk.lose("vda")
    assert desk.reports().endswith("reboot in 60 s")
    desk.wait(5059)
    assert ends(desk) == []
    desk.wait(5060)
    assert ends(desk) == [5060]


def test_another_end_that_is_asked_for_stays() -> None:
    desk = counted(emergency=Emergency.HALT, emergency_delay=7.0, shell=False)
    desk.wait(20)
    assert desk.actions(EndBoot) == [(12, EndBoot(Emergency.HALT, "the boot has failed"))]


def test_panic_below_zero_ends_at_once_unless_a_passphrase_was_wrong() -> None:
    asked = {"emergency": Emergency.REBOOT, "emergency_delay": 0.0, "shell": False}
    desk = counted(**asked)
    desk.wait(5)
    assert ends(desk) == [5]
    desk = counted(**asked)
    desk.see(luks("vda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@vda", status=2)
    desk.wait(5000)
    assert ends(desk) == []
