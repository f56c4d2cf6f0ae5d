"""Many devices at once: so many tools and no more, and nobody is forgotten."""

from desk import Desk, array, filesystem, luks, member

from initpy.core.actions import HandOver, Mount, Run, ShowFailure, Stop
from initpy.core.events import JobEnded
from initpy.core.machine.rules import KILL_SECONDS
from initpy.core.state.machine import TOOLS_AT_ONCE

NAMES = [f"sd{number}" for number in range(100)]


def members_started(desk: Desk) -> int:
    return len([each for _, each in desk.log if isinstance(each, Run)])


def test_a_hundred_disks_do_not_start_a_hundred_tools() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES))
    assert members_started(desk) == TOOLS_AT_ONCE

    for number, name in enumerate(NAMES, 1):
        desk.end(f"md-member@{name}")
        assert members_started(desk) == min(len(NAMES), TOOLS_AT_ONCE + number)


def test_root_is_mounted_while_others_queue() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES), filesystem("vda"))

    assert len(desk.actions(Mount)) == 1


def test_a_disk_that_goes_while_it_queues_is_passed_over() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES))
    desk.lose(NAMES[TOOLS_AT_ONCE])

    desk.end(f"md-member@{NAMES[0]}")

    assert not desk.runs(f"md-member@{NAMES[TOOLS_AT_ONCE]}")
    assert members_started(desk) == TOOLS_AT_ONCE + 1


def test_an_implementation_of_a_cipher_that_refuses_the_processor_is_no_failure() -> None:
    """modprobe loads all modules with the alias `aes`, and padlock_aes is for VIA's processors."""
    desk = Desk(load_modules=False)
    desk.see(luks("vda"))

    desk.end("luks-ciphers", 1)
    desk.wait(desk.now + 5)

    assert len(desk.runs("luks-ciphers")) == 1
    assert "failed" not in desk.reports()


def test_a_killed_command_that_may_end_as_it_likes_has_failed() -> None:
    desk = Desk(load_modules=False)
    desk.see(luks("vda"))

    desk.end("luks-ciphers", -9)
    desk.wait(desk.now + 5)

    assert len(desk.runs("luks-ciphers")) == 2


def test_r5_a_command_that_survives_sigkill_does_not_keep_the_failure_screen_away() -> None:
    desk = Desk()
    desk.see(member("sda"))

    desk.wait(600)

    assert desk.actions(Stop)
    assert desk.actions(ShowFailure)
    assert "left behind" in desk.reports()


def test_r5_its_late_end_is_not_taken_for_that_of_the_next_try() -> None:
    desk = Desk()
    desk.see(member("sda"))
    first = next(each for _, each in desk.log if isinstance(each, Run))
    for _ in range(300):
        if len(desk.runs(first.job)) < 2:
            desk.wait(desk.now + 1)

    desk.give(JobEnded(first.job, first.run, 0, "MD_UUID=a:a:a:a"))

    second = desk.runs(first.job)[1]
    desk.give(JobEnded(second.job, second.run, 1, error="the second one"))
    assert "the second one" in desk.reports()


def test_r5_a_command_that_ends_when_it_is_killed_is_not_left_behind() -> None:
    desk = Desk()
    desk.see(member("sda"))
    for _ in range(300):
        if not desk.actions(Stop):
            desk.wait(desk.now + 1)
    desk.end("md-member@sda", -9)

    desk.wait(desk.now + KILL_SECONDS - 1)

    assert "left behind" not in desk.reports()


def test_r5_what_hangs_below_the_mounted_root_does_not_keep_the_real_system_away() -> None:
    """Its array runs, and the tool that made it waits for a disk that does not answer."""
    desk = Desk()
    desk.see(member("sda"), member("sdb"), array("md0", ("sda", "sdb"), "clean"))
    desk.see(filesystem("md0", on=("sda", "sdb"), md__array_state="clean", md__raid_disks="2"))
    desk.mount("/dev/md0")

    desk.wait(600)

    assert len(desk.actions(HandOver)) == 1
