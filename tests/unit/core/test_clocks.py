"""R6: which clock counts, and who holds it, is told once each time it changes."""

import pytest
from desk import Desk, array, filesystem, luks, mapping, member

from initpy.core.actions import Arm, Clock, EndBoot, Report
from initpy.core.boot import Boot
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import BootStarted, TimePassed
from initpy.core.settings import Emergency, Settings


def clocks(desk: Desk) -> list[tuple[str, float | None, str]]:
    """Name, seconds left and owner of the hold, in order."""
    return [(each.name, each.left, each.owner) for _, each in desk.log if isinstance(each, Clock)]


def test_the_wait_for_root_is_held_by_a_person_and_ends_with_the_mount() -> None:
    desk = Desk()
    desk.see(luks("vda"), at=1.0)
    desk.answer("secret", at=40.0)
    desk.end("luks-open@vda")
    desk.see(mapping("dm-0", "vda", "CRYPT-LUKS2-u-1-x"))
    desk.see(filesystem("dm-0", on=("vda",), DM_NAME="x", DM_UUID="CRYPT-LUKS2-u-1-x"))
    desk.mount("/dev/dm-0")
    told = clocks(desk)
    assert told[0] == ("root wait", 90.0, "")
    assert told[1] == ("root wait", 89.0, "luks-open@vda")
    assert ("root wait", 89.0, "mount-root@dm-0") in told
    assert told[-1] == ("root wait", None, "")


def test_the_reason_of_a_hold_is_told_anew_when_it_changes() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("secret", at=40.0)
    reasons = [each.reason for _, each in desk.log if isinstance(each, Clock)]
    assert reasons == ["", "waits for a passphrase", "being unlocked with the passphrase typed"]


def test_nothing_is_told_while_nothing_changes() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    before = len(clocks(desk))
    desk.wait(60.0)
    desk.see(luks("vdb", "u-2"))
    assert len(clocks(desk)) == before


def test_the_timer_of_an_array_has_a_clock_of_its_own() -> None:
    desk = Desk()
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(31.0)
    timer = [each for each in clocks(desk) if each[0] == "timer of md-start@md127"]
    assert [each[2] for each in timer] == ["md-member@vda", "", ""]
    assert timer[-1][1] is None


@pytest.mark.parametrize("began", [0.0, 1.8711823337105093, 11.1, 1795261262.3])
def test_r25_a_restart_is_counted_down_to_its_end_by_alarms_alone(began: float) -> None:
    """Whatever sums of times come to: an alarm for this very moment is never answered again."""
    wanted = Settings(
        root=DeviceSpec(Naming.LABEL, "nowhere"), root_wait=10.0, shell=False,
        emergency=Emergency.REBOOT, emergency_delay=5.0,
    )  # fmt: skip
    boot, actions, alarm = Boot(wanted, ()), [], None
    for action in boot.handle(BootStarted(), began):
        alarm = action.at if isinstance(action, Arm) else alarm
    while alarm is not None and alarm < began + 100:
        now, alarm = alarm, None
        for action in boot.handle(TimePassed(), now):
            actions.append(action)
            alarm = action.at if isinstance(action, Arm) else alarm
        if any(isinstance(each, EndBoot) for each in actions):
            break
    assert any(isinstance(each, EndBoot) for each in actions)
    told = [each.text for each in actions if isinstance(each, Report) and " in " in each.text]
    assert told[-4:] == [f"reboot in {left} s" for left in (4, 3, 2, 1)]
