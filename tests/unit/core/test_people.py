"""What people see and ask for: the tree, the advice, the countdown, the shell's commands."""

from typing import cast

import pytest
from desk import Desk, array, block, filesystem, luks, member, settings

from initpy.core.actions import EndBoot, Mount, Reply, Report, ShowFailure
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceRemoved, Event, KeyGiven, RetryAsked, ShellEnded, WaitAsked
from initpy.core.secret import Secret
from initpy.core.settings import BreakPoint, Emergency
from initpy.core.volumes import VolumeSpec
from initpy.report.tree import render


def shown(desk: Desk) -> str:
    """The tree as it is now, without line breaks."""
    return " ".join(render(desk.boot.explain(desk.now), desk.now).split())


def screen(desk: Desk) -> ShowFailure:
    """The last failure screen."""
    return cast(ShowFailure, desk.actions(ShowFailure)[-1][1])


def advised(desk: Desk) -> str:
    """All that the last failure screen advises."""
    return "\n".join(
        line
        for advice in screen(desk).advice
        for line in (advice.text, *(command for command, _ in advice.commands))
    )


def replies(desk: Desk) -> list[Reply]:
    """The answers to requests."""
    return [each for _, each in desk.log if isinstance(each, Reply)]


# The tree


def test_r6_a_wait_that_is_held_tells_by_whom_and_what_is_left() -> None:
    desk = Desk(settings(root_wait=90.0))
    desk.wait(28.0)
    desk.see(luks("sda"))
    desk.wait(60.0)
    tree = desk.boot.explain(desk.now)
    assert (tree.left, tree.since) == (62.0, 0.0)
    assert tree.held == ("luks-open@sda (waits for a passphrase)",)
    assert "/dev/sda: locked crypto_LUKS, UUID u-1" in shown(desk)
    assert "waits for a passphrase; the prompt is up; a candidate" in shown(desk)


def test_r7_an_array_tells_how_many_members_it_has_and_when_it_starts() -> None:
    desk = Desk(settings(md_timeout=30.0))
    desk.see(member("sda"), array("md127", ("sda",), "inactive", size="0"))
    desk.end("md-member@sda")
    desk.wait(18.0)
    found = {each.label: each for each in desk.nodes()}
    assert found["/dev/md127"].state == "incomplete"
    start = found["start the array /dev/md127 without its missing members"]
    assert start.left == pytest.approx(12.0, abs=1)
    assert "1 of 2 members" in start.reason
    assert found["/dev/sda"].state == "in use"


def test_r1_what_is_not_wanted_says_why() -> None:
    named = settings(volumes=(VolumeSpec(DeviceSpec(Naming.UUID, "u-2"), "crypt"),))
    desk = Desk(named)
    desk.see(luks("sda", "u-1"))
    assert "not wanted" in shown(desk)
    assert "not among the volumes that the user named" in shown(desk)


def test_a_running_tool_tells_its_limit_and_a_failed_one_its_complaint_and_next_try() -> None:
    desk = Desk()
    desk.see(block("sda", ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid"))
    [scan] = [each for each in desk.nodes() if "physical volume" in each.label]
    assert (scan.state, scan.left) == ("running", 60.0)
    desk.end("lvm-scan@sda", 5, error="Cannot read the label")
    [scan] = [each for each in desk.nodes() if "physical volume" in each.label]
    assert (scan.state, scan.left) == ("failed", 1.0)
    assert "Cannot read the label (status 5); 1 of 3 tries used" in scan.reason


def test_every_wait_is_in_the_tree_once() -> None:
    """R6: every wait is shown by `initpy status`."""
    desk = Desk(settings(emergency=Emergency.REBOOT, emergency_delay=9.0, root_wait=4.0))
    desk.see(member("sda"), array("md127", ("sda",), "inactive"))
    desk.end("md-member@sda")
    waits = [each for each in desk.nodes() if each.left is not None]
    assert [each.label[:9] for each in waits].count("start the") == 1
    desk.lose("md127")
    desk.lose("sda")
    desk.wait(6.0)
    assert any(each.label == "reboot of the machine" for each in desk.nodes())


def test_a_device_is_told_of_once() -> None:
    desk = Desk()
    desk.see(
        block("sda"), block("dm-0", ("sda",), DM_NAME="a"), block("dm-1", ("sda",), DM_NAME="b")
    )
    labels = [each.label for each in desk.nodes()]
    assert labels.count("/dev/sda") == 1
    assert "on /dev/sda (above)" in shown(desk)


def test_that_another_device_has_roots_name_is_said() -> None:
    desk = Desk(settings(check=None, breaks=frozenset({BreakPoint.MOUNT})))
    desk.see(filesystem("sda"), filesystem("sdb"))
    desk.give(ShellEnded())
    [(_, mount)] = desk.actions(Mount)
    assert isinstance(mount, Mount)
    other = {"/dev/sda": "/dev/sdb", "/dev/sdb": "/dev/sda"}[mount.source]
    assert f"names {other}, too: a copied disk? Root is {mount.source}" in desk.reports()


# The failure screen


def test_r23_no_disk_at_all() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.wait(6.0)
    assert "not one disk has been seen" in screen(desk).tree.reason
    assert "No disk has been seen" in advised(desk)


def test_of_a_root_that_is_not_understood_nothing_is_said_about_disks() -> None:
    """The boot ends before the first device has come."""
    desk = Desk(settings(root=None, unread="command line: root: 'fstab': expected a device"))
    desk.wait(5)
    assert "No disk has been seen" not in advised(desk)
    assert "the forms of root=" in advised(desk)


def test_r23_a_typing_error_is_seen_and_the_nearest_name_comes_first() -> None:
    uuid = "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001"
    wrong = uuid.replace("52b5", "525b")
    desk = Desk(settings(root=DeviceSpec(Naming.UUID, wrong), root_wait=5.0))
    desk.see(
        filesystem("sda1", "home", ID_FS_UUID_ENC="11111111-2222-3333-4444-555555555555"),
        filesystem("sdb1", "root", ID_FS_UUID_ENC=uuid),
    )
    desk.wait(6.0)
    assert [each.label for each in screen(desk).tree.children] == ["/dev/sdb1", "/dev/sda1"]
    assert f"is UUID={uuid} meant?" in screen(desk).tree.reason
    assert f"There is UUID={uuid}." in advised(desk)


def test_r23_a_name_of_another_kind_is_seen() -> None:
    desk = Desk(settings(root=DeviceSpec(Naming.UUID, "ABCD-1"), root_wait=5.0))
    desk.see(filesystem("sda1", "x", ID_PART_ENTRY_UUID="abcd-1"))
    desk.wait(6.0)
    assert "is PARTUUID=abcd-1 meant?" in screen(desk).tree.reason


def test_r23_a_root_that_names_the_container_is_explained() -> None:
    desk = Desk(settings(root=DeviceSpec(Naming.UUID, "u-1"), root_wait=5.0))
    desk.see(luks("sda", "u-1"))
    assert "/dev/sda has this name, but holds crypto_LUKS" in shown(desk)
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@sda", 2)
    desk.wait(30.0)
    assert "typing error" not in advised(desk)


def test_r23_a_mapping_that_no_crypttab_names_is_explained() -> None:
    desk = Desk(settings(root=DeviceSpec(Naming.PATH, "/dev/mapper/vda5_crypt"), root_wait=5.0))
    desk.see(filesystem("dm-0", "x", DM_NAME="luks-u-1"))
    desk.wait(30.0)
    assert "rd.luks.name=u-1=vda5_crypt" in advised(desk)
    assert "opens as vda5_crypt" in advised(desk)


def test_r23_a_locked_volume_after_wrong_passphrases() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.see(luks("sda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@sda", 2)
    desk.wait(30.0)
    assert "3 wrong passphrases" in shown(desk)
    assert "initpy unlock luks-u-1" in advised(desk)


def test_r23_many_devices_are_counted_not_listed() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.see(*(filesystem(f"sd{number}", f"data{number}") for number in range(50)))
    desk.wait(6.0)
    assert [each.label for each in screen(desk).tree.children][-1] == "42 more devices"
    assert len(desk.boot.explain(desk.now).children) == 50


def test_without_a_shell_no_command_is_advised() -> None:
    desk = Desk(settings(root_wait=5.0, emergency=Emergency.REBOOT, shell=False))
    desk.wait(6.0)
    assert all(not each.commands for each in screen(desk).advice)
    assert "without them there is one" in advised(desk)


# Waiting and counting down


def test_people_are_told_less_and_less_often() -> None:
    desk = Desk(settings(root_wait=None))
    desk.wait(600.0)
    told = [when for when, each in desk.log if "still waiting" in str(getattr(each, "text", ""))]
    assert told == [10.0, 30.0, 70.0, 150.0, 310.0, 470.0]


def test_r25_the_restart_is_counted_down() -> None:
    desk = Desk(settings(root_wait=5.0, emergency=Emergency.REBOOT, emergency_delay=15.0))
    desk.wait(30.0)
    told = [
        (when, each.text)
        for when, each in desk.log
        if isinstance(each, Report) and each.text.startswith("reboot in ")
    ]
    assert [text for _, text in told[1:]] == [f"reboot in {n} s" for n in (10, 5, 4, 3, 2, 1)]
    [(when, _)] = desk.actions(EndBoot)
    assert (told[1][0], when) == (10.0, 20.0)


# The commands of the shell


def failed_shell(**changes: object) -> Desk:
    """A boot whose root has not come."""
    desk = Desk(settings(root_wait=5.0, **changes))
    desk.wait(6.0)
    return desk


@pytest.mark.parametrize("seconds", [30.0, None])
def test_r24_wait_starts_the_clock_anew(seconds: float | None) -> None:
    desk = failed_shell()
    desk.give(WaitAsked(7, seconds))
    assert [(each.request, each.done) for each in replies(desk)] == [(7, True)]
    desk.wait(35.0)
    assert len(desk.actions(ShowFailure)) == 1
    desk.wait(40.0)
    assert len(desk.actions(ShowFailure)) == (2 if seconds else 1)


def test_r24_wait_calls_off_a_restart() -> None:
    desk = failed_shell(emergency=Emergency.REBOOT, emergency_delay=20.0)
    desk.give(WaitAsked(1, None))
    desk.wait(120.0)
    assert desk.actions(EndBoot) == []


def test_r24_retry_runs_again_what_has_failed() -> None:
    desk = Desk()
    desk.see(member("sda"))
    for _ in range(3):
        desk.end("md-member@sda", 1)
        desk.wait(desk.now + 2.0)
    assert len(desk.runs("md-member@sda")) == 3
    desk.give(RetryAsked(1))
    assert len(desk.runs("md-member@sda")) == 4
    assert "add /dev/sda to its array" in replies(desk)[0].text


def give_key(desk: Desk, volume: str, text: str = "secret") -> Secret:
    """`initpy unlock`."""
    secret = Secret(text.encode())
    desk.give(KeyGiven(1, volume, secret))
    return secret


@pytest.mark.parametrize(
    "name", ["", "luks-u-1", "sda", "/dev/sda", "u-1", "UUID=u-1"], ids=lambda name: name or "none"
)
def test_r24_unlock_takes_a_key_and_answers_when_it_was_tried(name: str) -> None:
    desk = Desk()
    desk.see(luks("sda"))
    give_key(desk, name)
    [run] = desk.runs("luks-open@sda")
    assert run.secret is not None and run.secret.reveal() == b"secret"
    assert replies(desk) == []
    desk.end("luks-open@sda", 2)
    assert [(each.done, each.text) for each in replies(desk)] == [
        (False, "luks-u-1: that does not open it")
    ]
    give_key(desk, name)
    desk.end("luks-open@sda")
    assert replies(desk)[-1].text == "luks-u-1: unlocked"


def test_r24_unlock_works_when_all_tries_are_used() -> None:
    desk = Desk()
    desk.see(luks("sda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@sda", 2)
    give_key(desk, "sda")
    assert len(desk.runs("luks-open@sda")) == 4


@pytest.mark.parametrize(("volumes", "name"), [(0, ""), (2, ""), (2, "other")])
def test_a_volume_that_is_not_clear_gets_no_key(volumes: int, name: str) -> None:
    """R14: and the key is wiped."""
    desk = Desk()
    desk.see(*(luks(f"sd{number}", f"u-{number}") for number in range(volumes)))
    secret = give_key(desk, name)
    assert not replies(desk)[0].done
    assert ("luks-u-0, luks-u-1" if volumes else "locked are: none") in replies(desk)[0].text
    assert secret.reveal() == b""


def test_while_another_key_is_tried_none_is_taken() -> None:
    desk = Desk()
    desk.see(luks("sda"))
    desk.answer("typed")
    secret = give_key(desk, "sda")
    assert "not now" in replies(desk)[0].text
    assert secret.reveal() == b""


@pytest.mark.parametrize(
    "request_made", [RetryAsked(1), WaitAsked(1, 5.0), KeyGiven(1, "", Secret(b"x"))]
)
def test_when_root_is_handed_over_nothing_is_done(request_made: Event) -> None:
    desk = Desk()
    desk.see(filesystem("sda"))
    desk.mount("/dev/sda")
    desk.give(request_made)
    assert [(each.done, each.text) for each in replies(desk)] == [
        (False, "root is mounted already")
    ]
    desk.give(DeviceRemoved("sda"))
