"""R19: other file systems are checked while root is awaited, and the real system takes over."""

from typing import Any

import pytest
from desk import Desk, block, filesystem, luks, mapping, settings

from initpy.core.actions import Ask, HandOver, Record, StartCheck, Stop
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import DeviceRemoved, Enumerated, JobEnded, Mounted, Progressed
from initpy.core.settings import OtherCheck, Resume

HOME = OtherCheck("/home", DeviceSpec(Naming.LABEL, "home"))
EFI = OtherCheck("/boot/efi", DeviceSpec(Naming.UUID, "AB-CD"))
CHECK = "fsck-other-ext@vdb"


def desk_with(*devices: Device, **changes: Any) -> Desk:
    """These devices were found, and root was not; no job ends by itself."""
    desk = Desk(settings(**{"other_checks": (HOME, EFI), **changes}), load_modules=False)
    desk.give(Enumerated(devices))
    return desk


def checks(desk: Desk) -> list[tuple[float, StartCheck]]:
    """The checks that were started, with their times."""
    return [(at, each) for at, each in desk.actions(StartCheck) if isinstance(each, StartCheck)]


def mount_root(desk: Desk, *wanted: OtherCheck, continues: bool = True) -> None:
    """Root appears, is checked and mounted; its fstab and init are these."""
    desk.see(filesystem("vda"))
    desk.end("fsck-ext@vda")
    desk.give(JobEnded("mount-root@vda", 1, 0))
    desk.give(Mounted("/sysroot", "/dev/vda", (), wanted, continues))


def ended(desk: Desk, status: int, output: str = "") -> None:
    """The check of /home ends."""
    desk.give(JobEnded(CHECK, 1, status, output))


def records(desk: Desk) -> dict[str, str]:
    """The files that the real system finds of checks, by name."""
    found = [each for _, each in desk.actions(Record) if isinstance(each, Record)]
    start = "/run/initpy/checks"
    return {
        f"{each.folder}/{each.name}".removeprefix(f"{start}/"): each.text
        for each in found
        if each.folder.startswith(start) or "systemd" in each.folder
    }


def test_a_file_system_is_checked_once_nothing_is_at_work_for_root() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    assert checks(desk) == []
    desk.wait(3)
    [(at, check)] = checks(desk)
    assert at == 2
    assert check.argv == ("e2fsck", "-a", "-C", "1", "/dev/vdb")
    assert check.name == "vdb"


def test_a_check_begins_at_once_while_the_user_is_asked() -> None:
    desk = desk_with(luks("vdc"), filesystem("vdb", "home"))
    for each in ("luks-modules", "luks-ciphers"):
        if desk.runs(each):
            desk.end(each)
    assert desk.actions(Ask)
    [(at, _)] = checks(desk)
    assert at == 0


def test_no_check_begins_while_roots_own_check_runs() -> None:
    desk = desk_with(filesystem("vda"), filesystem("vdb", "home"))
    desk.wait(30)
    assert checks(desk) == []
    desk.end("fsck-ext@vda")
    desk.wait(60)  # the mount takes long
    assert checks(desk) == []


def test_a_check_holds_no_deadline() -> None:
    desk = desk_with(filesystem("vdb", "home"), root_wait=20.0)
    desk.wait(19)
    assert checks(desk)
    assert "the root device" not in desk.reports() and not desk.boot.explain(desk.now).held


def test_the_handover_does_not_wait_for_a_check_that_goes_on() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    mount_root(desk, HOME)
    [(at, _)] = desk.actions(HandOver)
    assert at == 3
    assert desk.actions(Stop) == []
    found = records(desk)
    assert "expected/vdb" in found and "status/vdb" not in found
    drop_in = found["/run/systemd/system/systemd-fsck@.service.d/50-initpy.conf"]
    assert "ExecStart=\nExecStart=/bin/sh /run/initpy/checks/take-over %f" in drop_in


def test_another_init_is_started_once_the_check_has_ended() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    mount_root(desk, HOME, continues=False)
    desk.wait(60)
    assert desk.actions(HandOver) == []
    assert desk.reports().count("the real system starts after this") == 1
    ended(desk, 0)
    assert len(desk.actions(HandOver)) == 1
    assert not any("systemd" in name for name in records(desk))


def test_another_init_does_not_wait_for_ever_for_a_check_without_progress() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    mount_root(desk, HOME, continues=False)
    desk.give(Progressed(CHECK, 1, 0.3), at=500)
    desk.wait(1099)
    assert desk.actions(HandOver) == []
    desk.wait(1200)
    assert len(desk.actions(HandOver)) == 1
    assert [each.job for _, each in desk.actions(Stop) if isinstance(each, Stop)] == [CHECK]


@pytest.mark.parametrize("status", [0, 1, 4, 2, 6])
def test_the_real_system_is_told_what_a_check_has_found(status: int) -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    ended(desk, status, "home: clean\n")
    mount_root(desk, HOME)
    found = records(desk)
    assert (found["status/vdb"], found["output/vdb"]) == (f"{status}\n", "home: clean\n")
    assert "expected/vdb" in found
    assert ("errors are left" in desk.reports()) is (status > 1)
    assert ("corrected" in desk.reports()) is (status == 1)


@pytest.mark.parametrize("status", [8, 32, 127, -15])
def test_a_check_without_a_result_is_left_to_the_real_system(status: int) -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    ended(desk, status)
    desk.wait(20)
    mount_root(desk, HOME)
    assert len(checks(desk)) == 1
    assert records(desk) == {}


def test_status_2_of_the_checker_of_vfat_is_no_result() -> None:
    vfat = block("vdb", ID_FS_TYPE="vfat", ID_FS_USAGE="filesystem", ID_FS_UUID="AB-CD",
                 ID_FS_UUID_ENC="AB-CD")  # fmt: skip
    desk = desk_with(vfat)
    desk.wait(3)
    [(_, check)] = checks(desk)
    assert check.argv == ("fsck.vfat", "-a", "/dev/vdb")
    desk.give(JobEnded("fsck-other@vdb", 1, 2))
    mount_root(desk, EFI)
    assert records(desk) == {}


def test_a_check_that_the_roots_own_fstab_does_not_ask_for_is_stopped() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    mount_root(desk)
    [(_, stop)] = desk.actions(Stop)
    assert isinstance(stop, Stop) and stop.job == CHECK
    assert desk.actions(HandOver) == []
    ended(desk, 32)
    assert len(desk.actions(HandOver)) == 1
    assert records(desk) == {}


def test_a_device_that_has_gone_has_no_result() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    ended(desk, 0)
    desk.give(DeviceRemoved("vdb"))
    mount_root(desk, HOME)
    assert records(desk) == {}


def test_nothing_is_checked_before_it_is_known_that_no_system_is_resumed() -> None:
    swap = Resume(DeviceSpec(Naming.LABEL, "swap"))
    desk = desk_with(filesystem("vdb", "home"), resume=swap)
    desk.wait(30)
    assert checks(desk) == []


@pytest.mark.parametrize(
    "devices",
    [
        (filesystem("vdb", "home"), filesystem("vdc", "home")),  # which of them?
        (filesystem("vdb", "home"), mapping("dm-0", "vdb", "x")),
        (filesystem("vdb", "home", ro="1"),),
        (filesystem("vdb", "home", INITPY_LOOK="open"),),
        (filesystem("vdb", "other"),),
        (
            block("vdc", ID_FS_USAGE="raid", ID_FS_TYPE="linux_raid_member"),
            filesystem("vdb", "home", on=("vdc",), DEVTYPE="partition"),
        ),
        (block("vdb", ID_FS_TYPE="xfs", ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC="home"),),
        (block("vdb", ID_FS_TYPE="btrfs", ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC="home"),),
    ],
)
def test_what_must_not_be_written_to_is_not_checked(devices: tuple[Device, ...]) -> None:
    desk = desk_with(*devices)
    desk.wait(30)
    assert checks(desk) == []


def test_two_file_systems_of_one_disk_are_checked_one_after_the_other() -> None:
    part = {"DEVTYPE": "partition"}
    efi = block("vdb2", ("vdb",), ID_FS_TYPE="vfat", ID_FS_UUID_ENC="AB-CD", **part)
    desk = desk_with(block("vdb"), filesystem("vdb1", "home", ("vdb",), **part), efi)
    desk.wait(30)
    assert [each.job for _, each in checks(desk)] == ["fsck-other-ext@vdb1"]
    desk.give(JobEnded("fsck-other-ext@vdb1", 1, 0))
    desk.wait(33)
    assert [each.job for _, each in checks(desk)] == ["fsck-other-ext@vdb1", "fsck-other@vdb2"]


def test_how_far_it_is_is_in_the_tree() -> None:
    desk = desk_with(filesystem("vdb", "home"))
    desk.wait(3)
    desk.give(Progressed(CHECK, 1, 0.34), at=4)
    [node] = [each for each in desk.nodes() if each.label.startswith("check the file system")]
    assert (node.state, node.reason) == ("running", "check the file system of /dev/vdb, 34% done")


def test_fsck_mode_skip_is_for_all() -> None:
    desk = desk_with(filesystem("vdb", "home"), check=None)
    desk.wait(30)
    assert checks(desk) == []
