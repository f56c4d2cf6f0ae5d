"""What holds the timers of arrays besides people (R7)."""

from typing import Any

from desk import Desk, array, block, filesystem, luks, member, settings

from initpy.core.actions import HandOver, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import WaitAsked
from initpy.core.jobs.definitions import JobDefinition, Success
from initpy.core.jobs.matching import Match
from initpy.core.settings import Degraded
from initpy.core.state.machine import UNREADY_SECONDS
from initpy.core.volumes import VolumeSpec

LOGIN = JobDefinition(
    name="login",
    does="log in to the storage server",
    source="login.toml",
    match=Match(),
    success=Success(exit=True),
    run=("login",),
    once=True,
    reveals=True,
    tries=3,
    retry_after=10,
    timeout=0,
)


def desk_with(login: JobDefinition) -> Desk:
    desk = Desk(settings(md_timeout=8.0), also=(login,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    return desk


def test_no_degraded_start_while_a_network_disk_is_expected() -> None:
    desk = desk_with(LOGIN)
    desk.wait(30)
    desk.end("login", status=1, error="connection refused")  # tried again in 10 s
    desk.wait(38)
    assert not desk.runs("md-start@md127")

    desk.wait(41)
    desk.end("login")  # the server has no more disks for us: only the timer counts now
    desk.wait(60)

    assert len(desk.runs("md-start@md127")) == 1


def test_a_server_that_is_given_up_holds_nothing() -> None:
    desk = desk_with(LOGIN._replace(tries=1))
    desk.end("login", status=1)
    desk.wait(20)

    assert len(desk.runs("md-start@md127")) == 1


def test_a_login_that_goes_on_for_ever_is_waited_for_until_the_root_deadline() -> None:
    """R16: retried until the deadline; R7: what is pending is started then."""
    desk = Desk(settings(md_timeout=8.0, root_wait=60.0), also=(LOGIN,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(59)
    assert not desk.runs("md-start@md127")

    desk.wait(65)

    assert len(desk.runs("md-start@md127")) == 1
    assert not desk.actions(ShowFailure)


def test_an_array_that_shows_after_the_root_deadline_does_not_wait_for_servers() -> None:
    """R16: they have had their time; what shows now is all that there is."""
    desk = Desk(settings(md_timeout=8.0, root_wait=30.0), also=(LOGIN,))
    desk.wait(40)
    assert desk.actions(ShowFailure)
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(60)

    assert len(desk.runs("md-start@md127")) == 1


def test_after_the_root_deadline_people_are_asked_although_a_login_goes_on() -> None:
    """R8: the question is not taken back again for a server that nobody waits for any more."""
    ask = settings(md_timeout=8.0, root_wait=30.0, md_degraded=Degraded.ASK)
    desk = Desk(ask, also=(LOGIN,))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(45)

    assert [each.text for each in desk.asked()] == [
        "md127 has 1 of 2 members: vda. Start it without the others? (yes or no): "
    ]
    desk.answer("yes")
    assert len(desk.runs("md-start@md127")) == 1


def test_who_asks_for_more_time_waits_for_servers_again() -> None:
    desk = Desk(settings(md_timeout=8.0, root_wait=30.0), also=(LOGIN,))
    desk.wait(40)
    desk.give(WaitAsked(1, 100.0))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(80)

    assert not desk.runs("md-start@md127")


def test_a_job_on_the_boot_that_reveals_no_disk_holds_nothing() -> None:
    desk = desk_with(LOGIN._replace(reveals=False))
    desk.wait(20)

    assert len(desk.runs("md-start@md127")) == 1


# A member that is there but is still being looked at (R7)

RAID: dict[str, Any] = {
    "ID_FS_TYPE": "linux_raid_member",
    "ID_FS_USAGE": "raid",
    "ID_FS_UUID": "a:a:a:a",
}


def incomplete(seconds: float = 8.0, *also: JobDefinition) -> Desk:
    """One member of two is in its array since second 0; the timer counts."""
    desk = Desk(settings(md_timeout=seconds, root_wait=None), also=also)
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(5)
    return desk


def whole_disk() -> Device:
    return block("vdb", partitions="vdb1", **RAID)


def test_a_disk_whose_partitions_are_not_announced_holds_the_timer_of_its_array() -> None:
    desk = incomplete()
    desk.see(whole_disk(), at=7)
    desk.wait(15)
    assert not desk.runs("md-start@md127")

    desk.see(block("vdb1", ("vdb",), DEVTYPE="partition"))

    assert len(desk.runs("md-member@vdb")) == 1
    assert not desk.runs("md-start@md127")


def test_a_partition_that_is_never_announced_holds_the_timer_for_a_while_only() -> None:
    desk = incomplete()
    desk.see(whole_disk(), at=7)
    desk.wait(7 + UNREADY_SECONDS + 6)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_disk_that_comes_and_stays_half_announced_gets_no_more_time_for_each_of_its_events() -> (
    None
):
    desk = incomplete()
    for second in range(7, 40):
        desk.see(whole_disk()._replace(links=frozenset([f"/dev/{second}"])), at=second)
        desk.wait(second + 1)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_member_whose_disk_is_announced_after_it_holds_the_timer() -> None:
    desk = incomplete()
    desk.see(block("vdb1", ("vdb",), DEVTYPE="partition", **RAID), at=7)
    desk.wait(20)
    assert not desk.runs("md-start@md127")

    desk.see(block("vdb", DEVTYPE="disk"))

    assert len(desk.runs("md-member@vdb1")) == 1
    assert not desk.runs("md-start@md127")


SUSPENDED: dict[str, Any] = {"DM_NAME": "x", "DM_UUID": "LVM-x", "DM_SUSPENDED": "1"}


def test_a_suspended_member_holds_the_timer_for_a_while() -> None:
    desk = incomplete()
    desk.see(block("dm-0", **SUSPENDED, **RAID), at=7)
    desk.wait(20)
    assert not desk.runs("md-start@md127")
    desk.wait(7 + UNREADY_SECONDS + 6)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_member_that_is_suspended_again_and_again_holds_the_timer_no_longer_for_it() -> None:
    desk = incomplete()
    plain: dict[str, Any] = {
        key: value for key, value in SUSPENDED.items() if key != "DM_SUSPENDED"
    }
    for second in range(7, 40):
        unready: dict[str, Any] = (
            {"DM_UDEV_DISABLE_OTHER_RULES_FLAG": "1"} if second % 2 else {"DM_SUSPENDED": "1"}
        )
        desk.see(block("dm-0", **plain, **unready, **RAID), at=second)
        desk.wait(second + 1)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_suspended_encrypted_volume_may_hide_a_member() -> None:
    desk = incomplete()
    locked = luks("dm-0")
    desk.see(locked._replace(properties={**locked.properties, **SUSPENDED}), at=7)
    desk.wait(20)
    assert not desk.runs("md-start@md127")


def test_a_device_above_the_array_cannot_hold_it() -> None:
    desk = incomplete()
    desk.see(block("dm-0", ("md127",), **SUSPENDED, **RAID), at=7)
    desk.wait(10)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_root_that_is_not_ready_holds_no_array() -> None:
    """A file system reveals no member."""
    desk = incomplete()
    found = filesystem("dm-0")
    desk.see(found._replace(properties={**found.properties, **SUSPENDED}), at=7)
    desk.wait(10)
    assert len(desk.runs("md-start@md127")) == 1


MULTI = JobDefinition(
    name="multi",
    does="put {DEVNAME} together",
    source="multi.toml",
    match=Match.of({"ID_FS_TYPE": "multi"}),
    success=Success(exit=True),
    run=("multi", "{DEVNAME}"),
    tries=2,
)


def test_a_job_that_waits_before_it_acts_holds_the_timer() -> None:
    """`delay` of a job file."""
    desk = incomplete(8.0, MULTI._replace(delay=9.0))
    desk.see(block("vdb", ID_FS_TYPE="multi"), at=7)
    desk.wait(15.5)
    assert not desk.runs("md-start@md127")
    desk.wait(16.5)
    assert len(desk.runs("multi@vdb")) == 1


def test_a_job_that_is_tried_again_later_holds_the_timer_until_then() -> None:
    """`retry_after` of a job file."""
    desk = incomplete(8.0, MULTI._replace(retry_after=12.0))
    desk.see(block("vdb", ID_FS_TYPE="multi"), at=7)
    desk.end("multi@vdb", 1)
    desk.wait(18.5)
    assert not desk.runs("md-start@md127")
    desk.wait(20)
    assert len(desk.runs("multi@vdb")) == 2


def test_a_member_that_waits_for_the_command_of_its_former_life_holds_the_timer() -> None:
    desk = incomplete()
    desk.see(member("vdb"), at=7)
    desk.lose("vdb", at=8)  # mdadm works on it still
    desk.see(member("vdb"), at=9)
    desk.wait(22)
    assert not desk.runs("md-start@md127")

    desk.end("md-member@vdb")

    assert len(desk.runs("md-member@vdb")) == 2
    assert not desk.runs("md-start@md127")


def test_at_root_s_deadline_a_member_that_has_just_failed_is_tried_again_before_the_start() -> None:
    desk = Desk(settings(md_timeout=40.0, root_wait=15.0))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.see(member("vdb"), at=14)
    desk.wait(14.8)
    desk.end("md-member@vdb", 1)  # tried again in a second
    desk.wait(15.4)
    assert not desk.runs("md-start@md127")

    desk.wait(16)
    assert len(desk.runs("md-member@vdb")) == 2
    desk.end("md-member@vdb", 1)
    desk.wait(18)
    desk.end("md-member@vdb", 1)
    desk.wait(40)

    assert len(desk.runs("md-start@md127")) == 1  # it waits for no member for ever


# What the handover waits for (R1)


def mounted_beside(volume: Device) -> Desk:
    """Root is mounted, while a volume that the user named is there."""
    named = (VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "home"),)
    desk = Desk(settings(volumes=named))
    desk.see(volume)
    desk.see(filesystem("vda"))
    desk.mount("/dev/vda")
    return desk


def test_a_named_volume_whose_disk_is_announced_after_it_is_opened_before_the_handover() -> None:
    locked = luks("vdb1", "u-1", ("vdb",))
    desk = mounted_beside(locked._replace(properties={**locked.properties, "DEVTYPE": "partition"}))
    desk.wait(3)
    assert not desk.actions(HandOver)

    desk.see(block("vdb"))

    assert [each.job for each in desk.asked()] == ["luks-open@vdb1"]
    assert not desk.actions(HandOver)


def test_a_named_volume_that_stays_suspended_keeps_the_real_system_waiting_for_a_while() -> None:
    locked = luks("dm-0", "u-1")
    desk = mounted_beside(locked._replace(properties={**locked.properties, **SUSPENDED}))
    desk.wait(UNREADY_SECONDS - 1)
    assert not desk.actions(HandOver)
    desk.wait(UNREADY_SECONDS + 1)
    assert desk.actions(HandOver)
