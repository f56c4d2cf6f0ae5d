"""What the core promises, told as boots (numbers: requirements)."""

import pytest
from desk import Desk, array, block, filesystem, luks, mapping, member, settings

from initpy.core.actions import (
    Arm,
    Ask,
    EndBoot,
    HandOver,
    Mount,
    OpenShell,
    ShowFailure,
    Stop,
    Withdraw,
)
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    Enumerated,
    HandOverRefused,
    JobEnded,
    Mounted,
    ShellEnded,
    TimePassed,
)
from initpy.core.layer import Layer
from initpy.core.settings import Degraded, Emergency, LayerPolicy, RootMount
from initpy.core.volumes import KeySpec, VolumeSpec


def unlocked(uuid: str = "u-1") -> str:
    return f"CRYPT-LUKS2-{uuid}-luks-{uuid}"


def test_root_is_mounted_when_it_appears_and_handed_over() -> None:
    desk = Desk(settings(mount=RootMount(flags=("noatime",)), init="/sbin/my-init"))
    desk.see(filesystem("vdb", label="other"), filesystem("vda"))
    [(_, mount)] = desk.actions(Mount)
    assert isinstance(mount, Mount)
    assert (mount.source, mount.types, mount.options) == ("/dev/vda", ("ext4",), ("ro", "noatime"))
    desk.mount("/dev/vda")
    assert [action for _, action in desk.actions(HandOver)] == [
        HandOver("/sysroot", "/sbin/my-init")
    ]


def test_r3_a_mapping_is_not_used_before_udev_has_probed_it() -> None:
    desk = Desk(settings(root=DeviceSpec(Naming.PATH, "/dev/dm-0")))
    desk.see(block("dm-0"))
    desk.see(filesystem("dm-0", DM_NAME="x", DM_UDEV_DISABLE_OTHER_RULES_FLAG="1"))
    desk.see(filesystem("dm-0", DM_NAME="x", DM_SUSPENDED="1"))
    desk.see(filesystem("dm-0", DM_NAME="x", SYSTEMD_READY="0"))
    assert desk.actions(Mount) == []
    desk.see(filesystem("dm-0", DM_NAME="x"))
    assert len(desk.actions(Mount)) == 1


def test_r6_the_root_clock_stands_still_while_a_person_is_asked() -> None:
    desk = Desk(settings(root_wait=15.0))
    desk.see(luks("vda"), at=5)
    desk.wait(600)
    assert desk.actions(ShowFailure) == []
    desk.answer("secret", at=600)
    desk.wait(700)  # derivation is held for too
    assert desk.actions(ShowFailure) == []


def test_r6_after_the_last_hold_there_is_a_fresh_grace() -> None:
    desk = Desk(settings(root_wait=15.0))
    desk.see(luks("vda"), at=14.5)
    desk.wait(100)
    desk.answer("secret", at=100)
    desk.see(mapping("dm-0", "vda", unlocked()), at=101)
    desk.end("luks-open@vda")
    desk.wait(110)
    assert desk.actions(ShowFailure) == []
    desk.wait(112)
    assert len(desk.actions(ShowFailure)) == 1


def test_r6_zero_means_for_ever() -> None:
    desk = Desk(settings(root_wait=None))
    desk.wait(2000)
    assert desk.actions(ShowFailure) == []


def test_r7_an_array_starts_degraded_after_its_own_timer_and_says_so() -> None:
    desk = Desk()
    desk.see(member("vda"), at=3)
    desk.see(array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output="MD_STARTED=unsafe\n")
    desk.wait(32.5)
    assert desk.runs("md-start@md127") == []
    desk.wait(33.5)
    assert [run.argv for run in desk.runs("md-start@md127")] == [("mdadm", "--run", "/dev/md127")]
    assert "md127: starting degraded, with 1 of 2 members" in desk.reports()


def test_r7_an_array_that_is_made_again_gets_its_full_timer_again() -> None:
    desk = Desk(settings(root_wait=None))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(31)
    desk.see(array("md127", ("vda",), "clean"))
    desk.end("md-start@md127")
    assert len(desk.runs("md-start@md127")) == 1
    desk.lose("md127")
    desk.see(array("md127", ("vda",), "inactive"), at=100)
    desk.end("md-member@vda")  # its holder was gone: it has been offered to mdadm again
    desk.wait(125)
    assert len(desk.runs("md-start@md127")) == 1
    desk.wait(131)
    assert len(desk.runs("md-start@md127")) == 2


def test_r7_a_member_that_arrives_in_time_prevents_the_degraded_start() -> None:
    desk = Desk()
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.see(member("vdb"), at=20)
    desk.see(array("md127", ("vda", "vdb"), "clean"))
    desk.end("md-member@vdb")
    desk.wait(80)
    assert desk.runs("md-start@md127") == []


def test_r7_no_degraded_start_while_a_locked_volume_may_hide_the_member() -> None:
    """RAID1 over two encrypted volumes: the second one is still locked."""
    desk = Desk()
    desk.see(luks("vda", "u-1"), luks("vdb", "u-2"))
    desk.answer("one")
    first = mapping("dm-0", "vda", unlocked("u-1"), ID_FS_TYPE="linux_raid_member")
    desk.see(first, array("md127", ("dm-0",), "inactive"))
    desk.end("luks-open@vda")
    desk.end("md-member@dm-0")
    desk.end("luks-open@vdb", status=2)  # the first passphrase does not open it
    desk.wait(500)
    assert desk.runs("md-start@md127") == []
    desk.answer("two", at=500)
    second = mapping("dm-1", "vdb", unlocked("u-2"), ID_FS_TYPE="linux_raid_member")
    desk.see(second, array("md127", ("dm-0", "dm-1"), "clean"))
    desk.end("luks-open@vdb")
    desk.end("md-member@dm-1")
    desk.wait(600)
    assert desk.runs("md-start@md127") == []


def test_r7_what_stands_on_the_array_does_not_hold_its_timer() -> None:
    desk = Desk()
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.see(luks("md126p1", on=("md127",)))
    desk.wait(40)
    assert len(desk.runs("md-start@md127")) == 1


def test_r7_on_the_root_deadline_degraded_starts_come_first_and_the_wait_goes_on() -> None:
    desk = Desk(settings(root_wait=10.0, md_timeout=60.0))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(11)
    assert len(desk.runs("md-start@md127")) == 1
    assert desk.actions(ShowFailure) == []
    for _ in range(2):
        desk.end("md-start@md127", status=1)
        desk.wait(desk.now + 2)
    desk.wait(30)
    assert len(desk.actions(ShowFailure)) == 1


def test_r8_no_degraded_start_when_people_forbid_it() -> None:
    desk = Desk(settings(md_degraded=Degraded.NO, root_wait=40.0))
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(120)
    assert desk.runs("md-start@md127") == []
    assert len(desk.actions(ShowFailure)) == 1


def test_r9_a_foreign_array_is_never_forced() -> None:
    desk = Desk()
    desk.see(member("vda"), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda", output="MD_FOREIGN=yes\nMD_STARTED=unsafe\n")
    desk.see(array("md127", ("vda",), "inactive"))
    desk.wait(120)
    assert desk.runs("md-start@md127") == []


def test_nested_array_waits_for_the_one_below_to_start_degraded() -> None:
    """md1 = {md0, c}; b, a member of md0, is missing: md0 starts, then md1 is complete."""
    desk = Desk()
    desk.see(member("a"), array("md0", ("a",), "inactive"))
    desk.end("md-member@a")
    desk.see(member("c", "b:b:b:b"), array("md1", ("c",), "inactive"), at=0.2)
    desk.end("md-member@c")
    desk.wait(31)
    assert len(desk.runs("md-start@md0")) == 1
    assert desk.runs("md-start@md1") == []
    started = array("md0", ("a",), "clean", ID_FS_TYPE="linux_raid_member", ID_FS_UUID="b:b:b:b")
    desk.see(started)
    desk.end("md-start@md0")
    desk.see(array("md1", ("c", "md0"), "clean"))
    desk.end("md-member@md0")
    desk.wait(200)
    assert desk.runs("md-start@md1") == []


def test_r10_a_key_file_answers_before_people_are_asked() -> None:
    volume = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "crypt", key=KeySpec("/etc/key"))
    desk = Desk(settings(volumes=(volume,)))
    desk.see(luks("vda"))
    [run] = desk.runs("luks-open@vda")
    assert desk.asked() == []
    assert run.secret is None
    assert run.argv[-4:] == ("--key-file", "/etc/key", "/dev/vda", "crypt")


def test_r10_a_key_file_that_does_not_fit_leads_to_the_prompt() -> None:
    volume = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "crypt", key=KeySpec("/etc/key"))
    desk = Desk(settings(volumes=(volume,)))
    desk.see(luks("vda"))
    desk.end("luks-open@vda", status=2, error="No key available with this passphrase.")
    assert [ask.text for ask in desk.asked()] == ["Passphrase for crypt (/dev/vda): "]


def test_r10_a_tool_that_fails_is_not_a_wrong_key() -> None:
    volume = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "crypt", key=KeySpec("/etc/key"))
    desk = Desk(settings(volumes=(volume,)))
    desk.see(luks("vda"))
    for _ in range(2):
        desk.end("luks-open@vda", status=5, error="name is still in use")
        assert desk.asked() == []
        desk.wait(desk.now + 2)
    assert [run.secret for run in desk.runs("luks-open@vda")] == [None] * 3
    desk.end("luks-open@vda", status=1, error="Failed to open key file.")
    assert len(desk.asked()) == 1


def test_an_unlock_runs_after_the_modules_are_loaded_but_asks_at_once() -> None:
    desk = Desk(load_modules=False)
    desk.see(luks("vda"))
    desk.answer("secret")
    assert desk.runs("luks-open@vda") == []
    desk.end("luks-modules")
    assert len(desk.runs("luks-open@vda")) == 1


def test_r12_one_passphrase_is_tried_on_the_others_before_asking_again() -> None:
    desk = Desk()
    desk.see(luks("vda", "u-1"), luks("vdb", "u-2"))
    assert len(desk.asked()) == 1  # serialised
    desk.answer("same")
    assert len(desk.asked()) == 1  # it may open the other one too
    desk.see(mapping("dm-0", "vda", unlocked("u-1")))
    desk.end("luks-open@vda")
    [run] = desk.runs("luks-open@vdb")
    assert run.secret is not None
    assert bytes(run.secret.reveal()) == b"same"
    assert len(desk.asked()) == 1


def test_r12_a_wrong_passphrase_asks_again_at_once_until_the_tries_are_used() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    for number in range(3):
        assert len(desk.asked()) == number + 1
        desk.answer("wrong")
        desk.end("luks-open@vda", status=2)
    assert len(desk.asked()) == 3
    assert desk.reports().count("wrong passphrase") == 3


def test_just_enter_asks_again_and_uses_up_no_try() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    for _ in range(5):
        desk.answer("")
    assert len(desk.asked()) == 6
    assert desk.runs("luks-open@vda") == []


def test_r7_an_array_that_people_named_starts_degraded_too() -> None:
    """udev tells no UUID of an array that has not started."""
    uuid = "01234567:89abcdef:01234567:89abcdef"
    desk = Desk(settings(layers={Layer.MD: LayerPolicy(True, frozenset({uuid}), "rd.md.uuid=")}))
    desk.see(member("vda", uuid), array("md127", ("vda",), "inactive"))
    desk.end("md-member@vda")
    desk.wait(40)
    assert len(desk.runs("md-start@md127")) == 1


def test_a_failing_tool_does_not_use_up_the_persons_tries() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("right")
    desk.end("luks-open@vda", status=5, error="Device vda is in use.")
    desk.wait(2)
    again = desk.runs("luks-open@vda")[-1]
    assert again.run == 2
    assert again.secret is not None
    assert bytes(again.secret.reveal()) == b"right"
    assert len(desk.asked()) == 1


def test_r13_the_clock_is_held_through_nested_volumes() -> None:
    desk = Desk(settings(root_wait=15.0))
    desk.see(luks("vda", "u-1"))
    desk.wait(60)
    desk.answer("outer", at=60)
    desk.see(mapping("dm-0", "vda", unlocked("u-1"), ID_FS_TYPE="LVM2_member"))
    desk.end("luks-open@vda")
    desk.end("lvm-scan@dm-0", output="LVM_VG_NAME_COMPLETE='vg'\n")
    inner = mapping(
        "dm-1", "dm-0", "LVM-x", DM_VG_NAME="vg", ID_FS_TYPE="crypto_LUKS", ID_FS_UUID="i"
    )
    desk.see(inner)
    desk.end("lvm-activate@dm-0")
    desk.end("luks-open@dm-1", status=2)  # the outer passphrase does not open it
    desk.wait(200)
    assert desk.actions(ShowFailure) == []
    assert desk.asked()[-1].job == "luks-open@dm-1"


def test_r14_secrets_are_wiped_once_root_is_mounted() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("secret")
    [run] = desk.runs("luks-open@vda")
    desk.see(mapping("dm-0", "vda", unlocked()))
    desk.end("luks-open@vda")
    desk.see(filesystem("vdb"))
    desk.mount("/dev/vdb")
    assert run.secret is not None
    assert run.secret.reveal() == b""


def test_r1_volumes_that_people_did_not_name_are_left_alone() -> None:
    volume = VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "crypt")
    desk = Desk(settings(volumes=(volume,)))
    desk.see(luks("vdb", "u-2"), luks("vda", "u-1"))
    assert [ask.job for ask in desk.asked()] == ["luks-open@vda"]


def test_r1_a_layer_that_is_switched_off_is_not_touched() -> None:
    desk = Desk(settings(layers={Layer.MD: LayerPolicy(False, frozenset(), "rd.md=0")}))
    desk.see(member("vda"))
    assert desk.runs("md-member@vda") == []


def test_r1_only_named_arrays_are_assembled_however_their_uuid_is_written() -> None:
    uuid = "01234567:89abcdef:01234567:89abcdef"
    named = frozenset({"01234567-89ab-cdef-0123-456789abcdef"})
    desk = Desk(settings(layers={Layer.MD: LayerPolicy(True, named, "rd.md.uuid=")}))
    desk.see(member("vda", uuid), member("vdb", "ffffffff:ffffffff:ffffffff:ffffffff"))
    assert len(desk.runs("md-member@vda")) == 1
    assert desk.runs("md-member@vdb") == []


def test_the_handover_waits_for_tools_at_work() -> None:
    """The mapping shows before cryptsetup, which waits for udev, has ended."""
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("secret")
    desk.see(filesystem("dm-0", on=("vda",), DM_NAME="c", DM_UUID=unlocked()))
    desk.mount("/dev/dm-0")
    assert desk.actions(HandOver) == []
    desk.see(member("vdb"))
    assert desk.runs("md-member@vdb") == []  # nothing new is begun
    desk.end("luks-open@vda")
    assert len(desk.actions(HandOver)) == 1


def test_a_tool_that_root_does_not_stand_on_keeps_the_real_system_waiting_for_seconds_only() -> (
    None
):
    desk = Desk()
    desk.see(member("vdb"), filesystem("vda"))
    desk.mount("/dev/vda")
    desk.wait(4.5)
    assert desk.actions(HandOver) == []
    desk.wait(5.5)
    assert len(desk.actions(HandOver)) == 1
    assert "add /dev/vdb to its array" in desk.reports()


def test_r1_the_prompt_goes_away_when_root_is_found_without_it() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.see(filesystem("vdb"))
    desk.mount("/dev/vdb")
    assert len(desk.actions(Withdraw)) == 1
    assert len(desk.actions(HandOver)) == 1


def test_a_named_volume_is_opened_before_the_handover() -> None:
    desk = Desk(settings(volumes=(VolumeSpec(DeviceSpec(Naming.UUID, "u-1"), "swap"),)))
    desk.see(luks("vda"), filesystem("vdb"))
    desk.mount("/dev/vdb")
    desk.wait(200)
    assert desk.actions(HandOver) == []
    desk.answer("secret")
    desk.see(mapping("dm-0", "vda", unlocked()))
    desk.end("luks-open@vda")
    assert len(desk.actions(HandOver)) == 1


def test_r2_doubled_and_spurious_events_change_nothing() -> None:
    desk = Desk()
    for _ in range(50):
        desk.see(member("vda"), member("vdb"))
    desk.see(array("md127", ("vda", "vdb"), "clean"))
    desk.end("md-member@vda")
    desk.end("md-member@vdb")
    for _ in range(50):
        desk.see(member("vda"), array("md127", ("vda", "vdb"), "clean"))
    assert len(desk.runs("md-member@vda")) == 1


def test_r2_a_member_that_goes_and_comes_back_is_added_again() -> None:
    desk = Desk()
    desk.see(member("vda"))
    desk.lose("vda")
    desk.see(member("vda"))
    assert [run.run for run in desk.runs("md-member@vda")] == [1]  # one process at a time
    desk.give(JobEnded("md-member@vda", 1, 1))
    assert [run.run for run in desk.runs("md-member@vda")] == [1, 2]


def test_r5_a_new_engine_finds_everything_done_and_goes_on() -> None:
    """The engine was killed at the prompt: array up, volume locked."""
    desk = Desk()
    desk.give(Enumerated((
        member("vda"), member("vdb"),
        array("md127", ("vda", "vdb"), "clean", ID_FS_TYPE="crypto_LUKS", ID_FS_UUID="u-1"),
    )))  # fmt: skip
    assert desk.runs("md-member@vda") == []
    assert [ask.job for ask in desk.asked()] == ["luks-open@md127"]


def test_r5_a_new_engine_hands_over_a_root_that_is_mounted_already() -> None:
    desk = Desk()
    desk.give(Mounted("/sysroot", "/dev/vda"))
    assert desk.actions(HandOver) == []  # a named volume may be among the devices
    desk.give(Enumerated((filesystem("vda"),)))
    assert len(desk.actions(HandOver)) == 1


def test_r2_enumeration_heals_lost_removals() -> None:
    desk = Desk()
    desk.see(luks("vda"), luks("vdb", "u-2"))
    desk.give(Enumerated((luks("vdb", "u-2"),)))
    assert isinstance(desk.actions(Withdraw)[0][1], Withdraw)
    assert desk.asked()[-1].job == "luks-open@vdb"


def test_a_command_that_takes_too_long_is_stopped_and_tried_again() -> None:
    desk = Desk()
    desk.see(member("vda"))
    desk.wait(61)
    [(_, stop)] = desk.actions(Stop)
    assert stop == Stop("md-member@vda", 1)
    desk.end("md-member@vda", status=-15)
    desk.wait(63)
    assert [run.run for run in desk.runs("md-member@vda")] == [1, 2]


def test_a_job_gives_up_after_its_tries_and_a_change_storm_does_not_revive_it() -> None:
    desk = Desk()
    desk.see(member("vda"))
    for _ in range(3):
        desk.end("md-member@vda", status=1, error="bad superblock")
        desk.wait(desk.now + 2)
    for _ in range(20):
        desk.see(member("vda"))
        desk.wait(desk.now + 2)
    assert len(desk.runs("md-member@vda")) == 3


def test_success_is_a_fact_not_an_exit_status() -> None:
    desk = Desk()
    desk.see(member("vda"))
    desk.end("md-member@vda")  # status 0, but no array is seen
    desk.wait(19)
    assert len(desk.runs("md-member@vda")) == 1
    desk.wait(23)
    assert len(desk.runs("md-member@vda")) == 2


def test_the_end_of_an_earlier_run_is_not_taken_for_the_present_one() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("wrong")
    desk.end("luks-open@vda", status=2)
    desk.answer("right")
    desk.give(JobEnded("luks-open@vda", 1, 2))
    assert desk.reports().count("wrong passphrase") == 1


def test_r23_when_root_never_appears_the_screen_names_what_is_there() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.see(filesystem("vda", label="boot"))
    desk.wait(6)
    [(_, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert "LABEL=root" in failure.reason
    assert any("LABEL=boot" in child.reason for child in failure.tree.children)
    assert len(desk.actions(OpenShell)) == 1


def test_r24_the_boot_goes_on_when_root_turns_up_while_the_shell_is_open() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.wait(6)
    desk.see(filesystem("vda"), at=400)
    desk.mount("/dev/vda")
    assert len(desk.actions(HandOver)) == 1


def test_r24_leaving_the_shell_tries_again() -> None:
    desk = Desk(settings(root_wait=5.0))
    desk.see(luks("vda"))
    for _ in range(3):
        desk.answer("wrong")
        desk.end("luks-open@vda", status=2)
    desk.wait(20)
    assert len(desk.actions(ShowFailure)) == 1
    desk.give(ShellEnded())
    assert len(desk.asked()) == 4


@pytest.mark.parametrize("how", [Emergency.REBOOT, Emergency.POWEROFF])
def test_r24_panic_ends_the_boot_after_its_delay_and_opens_no_shell(how: Emergency) -> None:
    desk = Desk(settings(root_wait=5.0, emergency=how, emergency_delay=5.0, shell=False))
    desk.wait(9)
    assert desk.actions(EndBoot) == []
    desk.wait(11)
    assert [action for _, action in desk.actions(EndBoot)] == [EndBoot(how, "the boot has failed")]
    assert desk.actions(OpenShell) == []


def test_r25_the_end_of_the_boot_is_held_while_a_person_is_asked() -> None:
    desk = Desk(settings(root_wait=5.0, emergency=Emergency.REBOOT, emergency_delay=5.0))
    desk.wait(6)
    desk.see(luks("vda"))
    desk.wait(300)
    assert desk.actions(EndBoot) == []


def test_a_mount_that_fails_is_told_at_once_and_shown_when_root_is_overdue() -> None:
    desk = Desk()
    desk.see(filesystem("vda"))
    for run in (1, 2):
        desk.give(JobEnded("mount-root@vda", run, 22, error="ext4: bad superblock"))
        desk.wait(desk.now + 2)
    assert "bad superblock" in desk.reports()
    assert desk.actions(ShowFailure) == []  # what it lacks may still come
    desk.wait(200)
    [(when, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert "bad superblock" in failure.reason
    assert 90 <= when < 100


def test_a_root_without_init_leads_to_the_screen_and_leaving_the_shell_tries_again() -> None:
    desk = Desk()
    desk.see(filesystem("vda"))
    desk.mount("/dev/vda")
    desk.give(HandOverRefused("no init"))
    assert len(desk.actions(ShowFailure)) == 1
    desk.give(ShellEnded())
    assert len(desk.actions(HandOver)) == 2


def test_without_root_on_the_command_line_the_failure_comes_at_once() -> None:
    desk = Desk(settings(root=None))
    assert len(desk.actions(ShowFailure)) == 1


def test_no_notice_is_written_into_a_prompt() -> None:
    desk = Desk()
    desk.wait(11)
    assert "still waiting for root" in desk.reports()
    before = desk.reports()
    desk.see(luks("vda"))
    desk.wait(100)
    assert "still waiting" not in desk.reports().removeprefix(before)


def test_two_devices_with_the_name_of_root_are_not_both_mounted() -> None:
    desk = Desk()
    desk.see(filesystem("vda"), filesystem("vdb"))
    assert len(desk.actions(Mount)) == 1


def test_asking_is_once_per_volume_until_answered() -> None:
    desk = Desk()
    for _ in range(5):
        desk.see(luks("vda"))
    assert len(desk.actions(Ask)) == 1


def test_an_alarm_that_goes_off_too_early_is_set_again() -> None:
    """Whoever carries actions out may mix up two alarms; a boot must not stop for it."""
    desk = Desk()
    [*_, (_, first)] = desk.actions(Arm)
    [again] = [each for each in desk.give(TimePassed(), 1.0) if isinstance(each, Arm)]
    assert again == first
