"""Faults of the world that once hung a boot, ended it too soon, or left something behind."""

from desk import JOBS, Desk, array, block, filesystem, luks, mapping, member, settings

from initpy.config.jobs import load_job_file
from initpy.core.actions import (
    Ask,
    Clock,
    EndBoot,
    Fetch,
    HandOver,
    Mount,
    Reply,
    Run,
    ShowFailure,
    Stop,
    Withdraw,
)
from initpy.core.boot import Boot
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    BootStarted,
    Enumerated,
    Fetched,
    JobEnded,
    KeyGiven,
    Mounted,
    ShellEnded,
    TimePassed,
)
from initpy.core.machine.rules import KILL_SECONDS, ORPHAN_SECONDS, STALL_SECONDS
from initpy.core.secret import Secret
from initpy.core.settings import BreakPoint, Emergency, Overlay, RootMount
from initpy.core.unlock.attempts import ATTEMPT_SECONDS
from initpy.core.volumes import KeySpec, VolumeSpec

SOURCE = DeviceSpec(Naming.UUID, "u-1")
IN_IMAGE = VolumeSpec(SOURCE, "crypt", KeySpec("/etc/key"))
OPEN = "luks-open@vda"
JOBS_OF_LUKS = load_job_file(JOBS / "luks.toml").jobs


def stops(desk: Desk, job: str) -> list[int]:
    return [each.run for _, each in desk.actions(Stop) if isinstance(each, Stop)
            and each.job == job]  # fmt: skip


def replies(desk: Desk) -> list[Reply]:
    return [each for _, each in desk.actions(Reply) if isinstance(each, Reply)]


# A key attempt that hangs


def test_an_attempt_that_hangs_keeps_no_prompt_away() -> None:
    desk = Desk(settings(volumes=(IN_IMAGE,)))
    desk.see(luks("vda"))
    desk.wait(ATTEMPT_SECONDS - 1)
    assert desk.asked() == []
    desk.wait(ATTEMPT_SECONDS + 1)
    assert [each.job for each in desk.asked()] == [OPEN]
    assert stops(desk, OPEN) == []  # the key may still open it


def test_what_the_user_types_meanwhile_is_tried_in_its_place() -> None:
    desk = Desk(settings(volumes=(IN_IMAGE,)))
    desk.see(luks("vda"))
    desk.wait(20)
    desk.answer("sesame")
    assert stops(desk, OPEN) == [1]
    desk.end(OPEN, status=-15)
    [_, second] = desk.runs(OPEN)
    assert second.secret is not None and second.secret.reveal() == b"sesame"


def test_what_the_user_typed_before_the_key_hung_is_tried_in_its_place() -> None:
    on_stick = VolumeSpec(SOURCE, "crypt", KeySpec("/key", DeviceSpec(Naming.LABEL, "stick")))
    desk = Desk(settings(volumes=(on_stick,)))
    desk.see(luks("vda"))
    desk.wait(3)
    desk.see(filesystem("sda", "stick"))
    [fetch] = [each for _, each in desk.log if isinstance(each, Fetch)]
    desk.give(Fetched(fetch.job, fetch.number, Secret(b"key")))
    desk.answer("sesame")
    assert stops(desk, OPEN) == []  # the key may be right
    desk.wait(desk.now + ATTEMPT_SECONDS + 1)
    assert stops(desk, OPEN) == [1]
    assert len(desk.asked()) == 1
    desk.end(OPEN, status=-15)
    [_, second] = desk.runs(OPEN)
    assert second.secret is not None and second.secret.reveal() == b"sesame"


def test_an_attempt_that_takes_long_holds_the_clock_though_root_is_there() -> None:
    desk = Desk(settings(volumes=(IN_IMAGE._replace(listed=True),)))
    desk.see(luks("vda"), filesystem("vdb"))
    desk.end("fsck-ext@vdb")
    desk.wait(ATTEMPT_SECONDS - 0.2)
    [(_, mount)] = desk.actions(Mount)
    assert isinstance(mount, Mount)
    desk.give(JobEnded(mount.job, mount.run, 22))  # tried again in a second
    desk.wait(ATTEMPT_SECONDS + 0.2)
    clocks = [each for _, each in desk.actions(Clock) if isinstance(each, Clock)]
    assert [each.owner for each in clocks if each.name == "root wait"][-1] == OPEN


def test_a_key_that_opens_it_late_withdraws_the_prompt() -> None:
    desk = Desk(settings(volumes=(IN_IMAGE,)))
    desk.see(luks("vda"))
    desk.wait(20)
    desk.end(OPEN)
    [(_, gone)] = desk.actions(Withdraw)
    assert isinstance(gone, Withdraw) and "/etc/key fits" in gone.reason


def test_a_typed_attempt_that_hangs_keeps_no_other_prompt_away() -> None:
    desk = Desk()
    desk.see(luks("vda"), luks("vdb", "u-2"))
    desk.answer("sesame")
    assert len(desk.asked()) == 1
    desk.wait(ATTEMPT_SECONDS + 1)
    assert [each.job for each in desk.asked()] == [OPEN, "luks-open@vdb"]


def test_a_prompt_goes_when_a_killed_attempt_has_opened_the_volume_after_all() -> None:
    desk = Desk(settings(volumes=(IN_IMAGE,)))
    desk.see(luks("vda"))
    desk.wait(20)
    assert len(desk.asked()) == 1
    desk.end(OPEN, status=-9)
    desk.see(mapping("dm-0", "vda", "CRYPT-LUKS2-u1-crypt"))
    assert len(desk.actions(Withdraw)) == 1


def test_a_header_check_that_never_returns_holds_no_deadline_and_no_other_prompt() -> None:
    volume = luks("vda")
    desk = Desk(settings(root_wait=20.0))
    desk.see(volume._replace(properties={**volume.properties, "ID_FS_VERSION": "2"}))
    desk.answer("sesame")  # tried once the header is known to be whole
    desk.see(luks("vdb", "u-2"))
    desk.wait(35)
    assert desk.asked()[-1].job == "luks-open@vdb"
    desk.lose("vdb")
    desk.wait(100)
    assert len(desk.actions(ShowFailure)) == 1


# A job that runs once


def test_a_module_is_loaded_though_the_device_that_called_for_it_goes() -> None:
    desk = Desk(load_modules=False)
    desk.see(luks("vda"))
    [run] = desk.runs("luks-modules")
    assert run.subject is None
    desk.lose("vda")
    desk.see(luks("vdb", "u-2"))
    desk.end("luks-modules")
    desk.answer("sesame")
    assert len(desk.runs("luks-open@vdb")) == 1


# Failures that come before root's time is over


def broken(**changes: object) -> Desk:
    desk = Desk(settings(check=None, **changes))
    desk.see(filesystem("vda"))
    for run in (1, 2):
        desk.give(JobEnded("mount-root@vda", run, 22, error="no such log"))
        desk.wait(desk.now + 2)
    return desk


def test_there_is_one_failure_screen_for_one_failure() -> None:
    desk = broken()
    desk.wait(600)
    assert len(desk.actions(ShowFailure)) == 1


def test_panic_counts_from_the_first_failure() -> None:
    desk = broken(root_wait=30.0, emergency=Emergency.REBOOT, emergency_delay=60.0)
    desk.wait(600)
    [(when, _)] = desk.actions(EndBoot)
    assert 60 <= when <= 64


def test_panic_never_ends_a_boot_before_root_has_had_its_time() -> None:
    desk = broken(emergency=Emergency.REBOOT, emergency_delay=5.0)
    desk.wait(600)
    [(when, _)] = desk.actions(EndBoot)
    assert 95 <= when <= 96


def test_panic_without_delay_ends_the_boot_at_once() -> None:
    desk = Desk(settings(root_wait=10.0, emergency=Emergency.REBOOT, emergency_delay=0.0))
    desk.give(TimePassed(), at=10.0)
    assert len(desk.actions(EndBoot)) == 1


def test_a_mount_is_tried_again_when_a_new_device_has_turned_up() -> None:
    desk = broken()
    before = len(desk.actions(Mount))
    desk.see(block("vdb", ID_FS_TYPE="xfs_log"))
    assert len(desk.actions(Mount)) == before + 1
    desk.mount("/dev/vda")
    assert desk.actions(HandOver)


def test_new_devices_do_not_have_it_tried_for_ever() -> None:
    desk = broken()
    for number in range(100):
        desk.see(block(f"sd{number}"))
        for run in (each for _, each in desk.actions(Mount) if isinstance(each, Mount)):
            desk.give(JobEnded(run.job, run.run, 22))
    assert len(desk.actions(Mount)) < 30


def test_a_log_that_rootflags_names_is_waited_for_and_the_tree_says_so() -> None:
    flags = RootMount(flags=("logdev=/dev/disk/by-id/log",))
    desk = Desk(settings(check=None, mount=flags))
    desk.see(filesystem("vda"))
    assert desk.actions(Mount) == []
    assert any("/dev/disk/by-id/log, which rootflags=logdev= names" in each.reason
               for each in desk.nodes())  # fmt: skip
    desk.wait(100)
    assert len(desk.actions(ShowFailure)) == 1  # it holds no clock
    log = block("vdb")._replace(links=frozenset({"/dev/disk/by-id/log"}))
    desk.see(log)
    assert len(desk.actions(Mount)) == 1


def test_a_missing_journal_is_no_error_that_needs_a_person() -> None:
    desk = Desk()
    desk.load_modules = False
    desk.see(filesystem("vda"))
    desk.end("fsck-ext@vda", 4, output="/dev/vda: Can't find external journal\n")
    assert "not repaired without a person" not in desk.reports()
    assert "the journal of its file system is on another device" in desk.reports()
    desk.see(block("vdb", ID_FS_TYPE="jbd"))
    assert len(desk.runs("fsck-ext@vda")) == 2


# A device that goes while a command works on it


def test_a_command_whose_device_has_gone_is_stopped_in_the_end() -> None:
    desk = Desk()
    desk.see(member("vda"))
    desk.lose("vda")
    desk.wait(ORPHAN_SECONDS - 1)
    assert stops(desk, "md-member@vda") == []  # mdadm that is killed leaves an array half made
    desk.wait(ORPHAN_SECONDS + 1)
    assert stops(desk, "md-member@vda") == [1]


def test_flapping_leaves_one_process_and_the_device_is_used_in_the_end() -> None:
    desk = Desk()
    for _ in range(50):
        desk.see(member("vda"))
        desk.lose("vda")
    desk.see(member("vda"))
    assert len(desk.runs("md-member@vda")) == 1
    desk.wait(ORPHAN_SECONDS + KILL_SECONDS + 1)  # and SIGKILL does not end it
    assert len(desk.runs("md-member@vda")) == 2


def test_commands_whose_devices_have_gone_count_for_the_limit() -> None:
    desk = Desk()
    names = [f"sd{number}" for number in range(64)]
    desk.see(*map(member, names[:32]))
    for name in names[:32]:
        desk.lose(name)
    desk.see(*map(member, names[32:]))
    runs = [each for _, each in desk.actions(Run)]
    assert len(runs) == 32
    desk.give(JobEnded("md-member@sd0", 1, 1))
    assert len([each for _, each in desk.actions(Run)]) == 33


# A volume that goes during an attempt


def test_a_typed_passphrase_is_wiped_when_the_attempt_of_a_volume_that_went_has_ended() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("sesame")
    [run] = desk.runs(OPEN)
    assert run.secret is not None
    desk.lose("vda")
    desk.give(JobEnded(OPEN, 1, 1))
    assert run.secret.reveal() == b""


def test_and_at_the_handover_if_it_never_ends() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.answer("sesame")
    [run] = desk.runs(OPEN)
    assert run.secret is not None
    desk.lose("vda")
    desk.see(filesystem("vdb"))
    desk.mount("/dev/vdb")
    desk.wait(100)
    assert desk.actions(HandOver)
    assert run.secret.reveal() == b""


# Requests of the shell


def test_unlock_is_answered_when_both_headers_are_damaged() -> None:
    desk = Desk()
    volume = luks("vda")
    desk.see(volume._replace(properties={**volume.properties, "ID_FS_VERSION": "2"}))
    desk.give(Fetched(OPEN, 1, error="both copies are damaged"))
    desk.give(KeyGiven(7, "", Secret(b"sesame")))
    desk.give(Fetched(OPEN, 2, error="both copies are damaged"))
    [reply] = replies(desk)
    assert (reply.request, reply.done) == (7, False)
    assert "both copies are damaged" in reply.text


def test_unlock_is_answered_when_the_volume_is_pulled() -> None:
    desk = Desk()
    desk.see(luks("vda"))
    desk.give(KeyGiven(7, "", Secret(b"sesame")))
    desk.lose("vda")
    [reply] = replies(desk)
    assert (reply.request, reply.done, reply.text) == (7, False, "vda is gone")


def test_two_that_unlock_at_once_are_both_answered() -> None:
    desk = Desk(load_modules=False)
    desk.see(luks("vda"))
    desk.give(KeyGiven(7, "", Secret(b"sesame")))
    desk.give(KeyGiven(8, "", Secret(b"sesame")))
    assert [each.request for each in replies(desk)] == [8]
    assert "another passphrase" in replies(desk)[0].text
    desk.end("luks-modules")
    desk.end(OPEN)
    assert [(each.request, each.done) for each in replies(desk)] == [(8, False), (7, True)]


def test_unlock_says_what_is_missing_where_the_header_is_elsewhere() -> None:
    from initpy.core.volumes import HeaderSpec

    stick = DeviceSpec(Naming.LABEL, "stick")
    detached = VolumeSpec(SOURCE, "crypt", header=HeaderSpec("/header", stick))
    desk = Desk(settings(volumes=(detached,)))
    desk.see(block("vda", ID_FS_UUID_ENC="u-1"))
    desk.give(KeyGiven(7, "", Secret(b"sesame")))
    [reply] = replies(desk)
    assert "its header /header on LABEL=stick: its device is not there" in reply.text


# An engine that is started again


def test_an_engine_that_finds_root_mounted_still_waits_for_named_volumes() -> None:
    boot = Boot(settings(volumes=(VolumeSpec(SOURCE, "crypt"),)), JOBS_OF_LUKS)
    assert not any(isinstance(each, HandOver) for each in boot.handle(Mounted("/sysroot", "x"), 1))
    assert not any(isinstance(each, HandOver) for each in boot.handle(BootStarted(), 1))
    actions = boot.handle(Enumerated((luks("vda"),)), 1)
    assert not any(isinstance(each, HandOver) for each in actions)
    assert any(isinstance(each, Ask) for each in actions)


def test_unlock_is_answered_while_the_boot_stands_at_its_start() -> None:
    desk = Desk(settings(breaks=frozenset({BreakPoint.START})))
    desk.see(luks("vda"))
    desk.give(KeyGiven(7, "", Secret(b"sesame")))
    [reply] = replies(desk)
    assert not reply.done and "break=" in reply.text


def test_the_user_is_told_what_the_handover_waits_for() -> None:
    desk = Desk(settings(md_timeout=5.0, check=None))
    desk.see(member("vda"))
    desk.see(filesystem("md0", on=("vda",), md__array_state="clean"))
    desk.mount("/dev/md0")
    desk.wait(30)
    assert "the real system waits for this to end: add /dev/vda to its array" in desk.reports()


# Parents in any order


def test_a_partition_is_not_mounted_before_its_disk_is_known() -> None:
    desk = Desk(settings(check=None))
    part = filesystem("vda1", on=("vda",), DEVTYPE="partition")
    desk.see(part)
    assert desk.actions(Mount) == []
    desk.see(member("vda"))  # the disk is a raw member: its partition is the array's
    assert desk.actions(Mount) == []


def test_a_partition_of_a_plain_disk_is_mounted_once_that_is_known() -> None:
    desk = Desk(settings(check=None))
    desk.see(filesystem("vda1", on=("vda",), DEVTYPE="partition"))
    desk.see(block("vda"))
    assert len(desk.actions(Mount)) == 1


# Break points


def test_a_stop_before_the_mount_does_not_restart_the_time_of_missing_devices() -> None:
    flags = RootMount(flags=("degraded",))
    desk = Desk(settings(check=None, mount=flags, breaks=frozenset({BreakPoint.MOUNT})))
    desk.see(filesystem("vda", ID_BTRFS_READY="0"))
    desk.wait(40)
    assert desk.actions(Mount) == []
    desk.give(ShellEnded(), at=100)
    [(when, _)] = desk.actions(Mount)
    assert when == 100


# Commands without a limit


def test_a_check_that_does_not_get_on_does_not_hold_root_for_ever() -> None:
    desk = Desk()
    desk.load_modules = False
    desk.see(filesystem("vda"))
    desk.wait(STALL_SECONDS)
    assert desk.actions(ShowFailure) == []
    desk.wait(STALL_SECONDS + 120)
    assert len(desk.actions(ShowFailure)) == 1
    assert stops(desk, "fsck-ext@vda") == []  # nor is it ended


def test_a_degraded_mirror_below_a_locked_volume_is_one_assembly() -> None:
    """What was degraded once is incomplete again in another life."""
    desk = Desk(settings(md_timeout=5.0, overlay=Overlay("rd.overlay")))
    for life in (1, 2):
        desk.see(member("vda"))
        desk.see(array("md0", ("vda",), "inactive"))
        desk.end("md-member@vda", output="MD_FOREIGN=no\n")
        desk.wait(desk.now + 40)
        assert len(desk.runs("md-start@md0")) == life
        desk.see(array("md0", ("vda",), "clean"))
        desk.end("md-start@md0")
        desk.see(mapping("dm-0", "md0", "x"))
        for name in ("dm-0", "vda", "md0"):
            desk.lose(name)
