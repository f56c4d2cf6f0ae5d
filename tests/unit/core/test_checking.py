"""R19: a file system is checked before it is mounted, and what its check says is heeded."""

import pytest
from desk import Desk, block, filesystem, settings

from initpy.core.actions import EndBoot, Mount, OpenShell, Record, Run, ShowFailure
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceRemoved, JobEnded, Mounted, Progressed, RetryAsked, WaitAsked
from initpy.core.settings import Emergency, ExtraMount, Overlay, Settings

CHECK, MOUNT = "fsck-ext@vda", "mount-root@vda"
USR = ExtraMount("/usr", DeviceSpec(Naming.LABEL, "usr"), checked=True)


def desk_with_root(asked: Settings | None = None) -> Desk:
    """The root's device has just been seen; no job ends by itself."""
    desk = Desk(asked or settings(), load_modules=False)
    desk.see(filesystem("vda"))
    return desk


def mounts(desk: Desk) -> list[str]:
    """What was mounted so far, by device."""
    return [each.source for _, each in desk.actions(Mount) if isinstance(each, Mount)]


def test_root_is_mounted_once_its_check_has_ended() -> None:
    desk = desk_with_root()
    [run] = desk.runs(CHECK)
    assert run.argv == ("e2fsck", "-a", "-C", "1", "/dev/vda")
    assert mounts(desk) == []

    desk.end(CHECK)

    assert mounts(desk) == ["/dev/vda"]
    assert desk.reports().count("vda") == 0  # a clean file system is not worth a line


@pytest.mark.parametrize(("status", "stamped"), [(0, True), (1, True), (8, False), (127, False)])
def test_the_real_system_is_told_only_of_a_check_that_was_made(status: int, stamped: bool) -> None:
    desk = desk_with_root()
    desk.end(CHECK, status)
    desk.wait(2)
    if len(desk.runs(CHECK)) > 1:
        desk.end(CHECK, status)
    stamp = Record("fsck-root", "", "/run/initramfs")
    assert (stamp in [each for _, each in desk.actions(Record)]) is stamped
    assert mounts(desk) == ["/dev/vda"]


def test_corrected_errors_are_told() -> None:
    desk = desk_with_root()
    desk.end(CHECK, 1)
    assert "/dev/vda: its file system had errors, which are corrected" in desk.reports()


@pytest.mark.parametrize("status", [4, 5, 6, 12])
def test_errors_that_are_left_end_in_the_screen_and_the_boot_goes_on_once_they_are_repaired(
    status: int,
) -> None:
    desk = desk_with_root()
    desk.end(CHECK, status, output="/dev/vda: inode 21 has invalid mode\n")
    assert "errors are left" in desk.reports()
    desk.wait(100)
    [(_, screen)] = desk.actions(ShowFailure)
    assert isinstance(screen, ShowFailure)
    assert "errors are left that are not repaired without a person" in screen.reason
    commands = [command for each in screen.advice for command, _ in each.commands]
    assert "e2fsck -y /dev/vda" in commands
    assert "invalid mode" in desk.reports()
    assert desk.actions(OpenShell)
    desk.wait(200)
    assert mounts(desk) == [] and len(desk.runs(CHECK)) == 1

    desk.give(RetryAsked(1))
    desk.end(CHECK, 0)

    assert mounts(desk) == ["/dev/vda"]


@pytest.mark.parametrize("status", [8, 16, 32, 128, -9])
def test_a_check_that_could_not_be_made_is_tried_again_then_left_out(
    status: int,
) -> None:
    desk = desk_with_root()
    desk.end(CHECK, status, error="no memory")
    assert mounts(desk) == []
    desk.wait(2)
    assert len(desk.runs(CHECK)) == 2
    desk.end(CHECK, status, error="no memory")

    assert mounts(desk) == ["/dev/vda"]
    assert "/dev/vda could not be checked, it is mounted as it is: no memory" in desk.reports()


def test_an_image_without_the_program_boots() -> None:
    desk = desk_with_root()
    desk.end(CHECK, 127, error="cannot run e2fsck: No such file or directory")
    assert mounts(desk) == ["/dev/vda"]


def test_a_check_that_asks_for_a_restart_gets_it_after_a_time_to_read_why() -> None:
    desk = desk_with_root(settings(emergency=Emergency.POWEROFF))
    desk.end(CHECK, 3)
    assert "asks for a restart; fsck.mode=skip leaves it out: reboot in 10 s" in desk.reports()
    desk.wait(9)
    assert desk.actions(EndBoot) == []
    desk.wait(11)
    [(when, end)] = desk.actions(EndBoot)
    assert isinstance(end, EndBoot)
    assert when == 10 and end.how is Emergency.REBOOT and "/dev/vda" in end.reason
    assert mounts(desk) == []


def test_the_restart_can_be_called_off() -> None:
    desk = desk_with_root()
    desk.end(CHECK, 2)
    desk.give(WaitAsked(1, None))
    desk.wait(60)
    assert desk.actions(EndBoot) == []
    desk.give(RetryAsked(2))
    desk.end(CHECK)
    assert mounts(desk) == ["/dev/vda"]


def test_r6_the_clock_stands_still_while_the_check_goes_on() -> None:
    desk = desk_with_root(settings(root_wait=20.0))
    desk.wait(300)
    assert desk.actions(ShowFailure) == []
    [root, *_] = desk.nodes()
    assert root.held == (
        "fsck-ext@vda (check the file system of /dev/vda)", "mount-root@vda (waits for its check)"
    )  # fmt: skip


def test_how_far_it_is_is_told_now_and_then() -> None:
    desk = desk_with_root()
    for second in range(1, 20):
        desk.give(Progressed(CHECK, 1, second / 20), at=float(second))
    told = [line for line in desk.reports().splitlines() if line.startswith("check")]
    assert told == [
        f"check the file system of /dev/vda, {share} done" for share in ("25%", "50%", "75%")
    ]


@pytest.mark.parametrize(
    "asked",
    [
        settings(check=None),
        settings(overlay=Overlay("rd.overlay")),
    ],
)
def test_what_is_not_to_be_written_to_is_not_checked(asked: Settings) -> None:
    desk = desk_with_root(asked)
    assert desk.runs(CHECK) == []
    assert mounts(desk) == ["/dev/vda"]


def test_a_read_only_device_is_not_checked() -> None:
    desk = Desk(load_modules=False)
    desk.see(filesystem("vda", ro="1"))
    assert desk.runs(CHECK) == [] and mounts(desk) == ["/dev/vda"]


@pytest.mark.parametrize("kind", ["xfs", "btrfs", "squashfs", "erofs"])
def test_types_whose_check_does_nothing_are_not_checked(kind: str) -> None:
    desk = Desk(load_modules=False)
    desk.see(block("vda", ID_FS_TYPE=kind, ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC="root"))
    assert [each for _, each in desk.actions(Run)] == [] and mounts(desk) == ["/dev/vda"]


def test_usr_is_checked_when_the_roots_fstab_asks_for_it() -> None:
    desk = Desk()
    desk.see(filesystem("vda"), filesystem("vdb", "usr"), filesystem("vdc", "var"))
    [*_, mount] = [each for _, each in desk.actions(Mount) if isinstance(each, Mount)]
    desk.load_modules = False
    var = ExtraMount("/var", DeviceSpec(Naming.LABEL, "var"))
    desk.give(JobEnded(mount.job, mount.run, 0))
    desk.give(Mounted("/sysroot", "/dev/vda", (USR, var)))
    assert mounts(desk) == ["/dev/vda", "/dev/vdc"]

    desk.end("fsck-ext@vdb", 1)

    assert mounts(desk) == ["/dev/vda", "/dev/vdc", "/dev/vdb"]
    stamp = Record("fsck-usr", "", "/run/initramfs")
    assert stamp in [each for _, each in desk.actions(Record)]


def test_a_copy_of_the_root_is_not_written_to() -> None:
    desk = desk_with_root()
    desk.see(filesystem("vdb"))
    desk.end(CHECK)
    desk.mount("/dev/vda")
    assert desk.runs("fsck-ext@vdb") == []
    assert mounts(desk) == ["/dev/vda"]


def test_the_copy_has_its_turn_when_the_first_could_not_be_mounted() -> None:
    desk = desk_with_root()
    desk.see(filesystem("vdb"))
    desk.end(CHECK)
    for _ in range(2):
        [*_, mount] = [each for _, each in desk.actions(Mount) if isinstance(each, Mount)]
        desk.give(JobEnded(mount.job, mount.run, 5, error="input/output error"))
        desk.wait(desk.now + 2)
    assert len(desk.runs("fsck-ext@vdb")) == 1
    desk.end("fsck-ext@vdb")
    assert mounts(desk) == ["/dev/vda", "/dev/vda", "/dev/vdb"]


def test_a_root_that_comes_back_is_checked_again() -> None:
    desk = desk_with_root()
    desk.give(DeviceRemoved("vda"))
    desk.see(filesystem("vda"))
    assert len(desk.runs(CHECK)) == 1  # one process at a time
    desk.give(JobEnded(CHECK, 1, 0))  # of the first, which counts no more
    assert len(desk.runs(CHECK)) == 2
    assert mounts(desk) == []


def test_r6_a_check_that_does_not_get_on_is_told_of_with_what_helps() -> None:
    desk = desk_with_root()
    [run] = desk.runs(CHECK)
    for second in range(1, 60):
        desk.give(Progressed(run.job, run.run, second / 100), at=float(second))
    assert "no progress" not in desk.reports()
    desk.wait(75)
    assert "59% done); no progress for 11 s" not in desk.reports()
    desk.wait(151)
    assert "59% done); no progress for 91 s, and no time limit: Ctrl-Alt-Del" in desk.reports()
    [node] = [each for each in desk.nodes() if each.label.startswith("check the file system")]
    assert "no progress for 92 s" in node.reason
    assert "fsck.mode=skip" in node.reason


def test_a_vfat_whose_checker_did_nothing_is_mounted_unchecked() -> None:
    """fsck.fat(8): 2 is wrong usage, not a restart."""
    desk = Desk(load_modules=False)
    desk.see(block("vda", ID_FS_TYPE="vfat", ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC="root"))
    for _ in range(2):
        desk.end("fsck@vda", 2)
        desk.wait(desk.now + 2)
    assert mounts(desk) == ["/dev/vda"]
    assert "could not be checked" in desk.reports()
