"""R18: what root= means where the device alone does not show it, and what is mounted below root."""

import pytest
from desk import Desk, block, filesystem, luks, mapping, settings

from initpy.config.devicespec import parse_root
from initpy.core.actions import Changes, HandOver, Mount, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Enumerated, JobEnded, Mounted
from initpy.core.settings import ExtraMount, Overlay, RootMount, Settings

TYPE = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
AUTO = Settings(root=DeviceSpec(Naming.GPT_AUTO, TYPE))
USR = ExtraMount("/usr", DeviceSpec(Naming.LABEL, "usr"))


def partition(name: str, disk: str = "8:0", kind: str = TYPE, **known: str) -> Device:
    """A partition with a file system."""
    number = name[-1]
    found = filesystem(
        name,
        "x",
        ID_PART_ENTRY_TYPE=kind,
        ID_PART_ENTRY_DISK=disk,
        ID_PART_ENTRY_NUMBER=number,
        ID_PART_ENTRY_UUID=f"uuid-{name}",
    )
    return found._replace(properties={**found.properties, **known})


def mounts(desk: Desk) -> list[Mount]:
    return [each for _, each in desk.log if isinstance(each, Mount)]


@pytest.mark.parametrize("text", ["8:1", "0801", "0x801", "801"])
def test_the_kernel_s_numbers_name_a_device(text: str) -> None:
    desk = Desk(Settings(root=parse_root(text)))
    desk.see(filesystem("sdb1", MAJOR="8", MINOR="17"), filesystem("sda1", MAJOR="8", MINOR="1"))
    assert [each.source for each in mounts(desk)] == ["/dev/sda1"]


@pytest.mark.parametrize("order", [("sda1", "sda3"), ("sda3", "sda1")])
def test_a_partition_is_named_by_its_distance_from_another(order: tuple[str, ...]) -> None:
    desk = Desk(Settings(root=parse_root("PARTUUID=UUID-sda1/PARTNROFF=2")))
    desk.see(partition("sdb3", "8:16"))
    desk.see(*(partition(name) for name in order))
    assert [each.source for each in mounts(desk)] == ["/dev/sda3"]


def test_gpt_auto_takes_the_first_root_partition_of_the_disk_that_was_booted() -> None:
    desk = Desk(AUTO._replace(boot_partition="uuid-sdb1"))
    desk.see(partition("sda2"), partition("sdb3", "8:16"), partition("sdb2", "8:16"))
    assert mounts(desk) == []
    desk.see(partition("sdb1", "8:16", kind="esp"))
    assert [each.source for each in mounts(desk)] == ["/dev/sdb2"]


def test_gpt_auto_without_the_firmware_s_word_waits_for_a_second_disk_a_little() -> None:
    desk = Desk(AUTO)
    desk.see(partition("sda2"))
    assert mounts(desk) == []
    desk.wait(5)
    assert [each.source for each in mounts(desk)] == ["/dev/sda2"]


def test_gpt_auto_does_not_choose_between_disks() -> None:
    desk = Desk(AUTO)
    desk.see(partition("sda2"), partition("sdb2", "8:16"))
    desk.wait(100)
    assert mounts(desk) == []
    [(_, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert "/dev/sda2, /dev/sdb2" in failure.tree.reason
    desk.lose("sda2")
    assert [each.source for each in mounts(desk)] == ["/dev/sdb2"]


def test_gpt_auto_heeds_the_attributes_of_the_partition() -> None:
    asked = AUTO._replace(boot_partition="uuid-sda1", mount=RootMount(writable=True))
    desk = Desk(asked)
    desk.see(partition("sda1", kind="esp"))
    desk.see(partition("sda2", ID_PART_ENTRY_FLAGS="0x8000000000000000"))
    assert mounts(desk) == []
    desk.see(partition("sda3", ID_PART_ENTRY_FLAGS="0x1000000000000000"))
    assert [(each.source, each.options) for each in mounts(desk)] == [("/dev/sda3", ("ro",))]


def test_gpt_auto_takes_what_is_in_an_encrypted_partition() -> None:
    desk = Desk(AUTO._replace(boot_partition="uuid-sda1"))
    desk.see(partition("sda1", kind="esp"))
    locked = {**partition("sda2").properties, **luks("sda2").properties}
    desk.see(Device("sda2", locked))
    assert mounts(desk) == []
    opened = mapping("dm-0", "sda2", "CRYPT-LUKS2-u-root", ID_FS_TYPE="ext4")
    desk.see(opened)
    assert [each.source for each in mounts(desk)] == ["/dev/dm-0"]


def test_gpt_auto_takes_a_volume_on_its_mapping_of_dm_integrity() -> None:
    """The mapping is private to the volume; with it alone, the volume is not open."""
    desk = Desk(AUTO._replace(boot_partition="uuid-sda1"))
    desk.see(partition("sda1", kind="esp"))
    private = {"DM_UDEV_DISABLE_OTHER_RULES_FLAG": "1"}
    desk.see(mapping("dm-0", "sda2", "CRYPT-INTEGRITY-u-root_dif", **private))
    desk.see(Device("sda2", {**partition("sda2").properties, **luks("sda2").properties}))
    assert len(desk.asked()) == 1
    desk.answer("secret")
    desk.see(mapping("dm-1", "dm-0", "CRYPT-LUKS2-u-root", ID_FS_TYPE="ext4"))
    desk.end("luks-open@sda2")
    assert [each.source for each in mounts(desk)] == ["/dev/dm-1"]
    desk.wait(desk.now + 10)
    assert len(desk.runs("luks-open@sda2")) == 1


# Below the root


def root_mounted(desk: Desk, *table: ExtraMount) -> None:
    """The root is mounted, and its fstab says this."""
    desk.see(filesystem("vda"))
    [mount] = mounts(desk)
    desk.give(JobEnded(mount.job, mount.run, 0))
    desk.give(Mounted("/sysroot", "/dev/vda", table))


def mounted(desk: Desk) -> None:
    """The last mount has worked."""
    mount = mounts(desk)[-1]
    desk.give(JobEnded(mount.job, mount.run, 0))
    desk.give(Mounted(mount.target, mount.source))


def test_usr_of_the_root_s_fstab_is_mounted_before_the_handover() -> None:
    desk = Desk()
    root_mounted(desk, USR)
    assert desk.actions(HandOver) == []
    desk.see(filesystem("vdb", "usr"), at=3)
    assert mounts(desk)[-1][2:] == ("/dev/vdb", "/sysroot/usr", ("ext4",), ("ro",), None)
    mounted(desk)
    assert len(desk.actions(HandOver)) == 1


def test_usr_that_was_there_before_the_root_is_mounted_after_it() -> None:
    desk = Desk(settings(usr=USR._replace(flags=("rw", "noatime"))))
    desk.see(filesystem("vdb", "usr"))
    assert mounts(desk) == []
    root_mounted(desk)
    assert [each.options for each in mounts(desk)] == [("ro",), ("rw", "noatime")]


def test_a_missing_usr_fails_at_the_root_deadline_and_heals() -> None:
    """R6: the clock goes on, with the grace at least."""
    desk = Desk(settings(root_wait=20.0))
    desk.wait(15)
    root_mounted(desk, USR)
    desk.wait(24)
    assert desk.actions(ShowFailure) == []
    desk.wait(26)
    [(_, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert "/usr, LABEL=usr" in failure.reason
    assert failure.tree.children[0].label == "/usr LABEL=usr"
    desk.see(filesystem("vdb", "usr"))
    mounted(desk)
    assert len(desk.actions(HandOver)) == 1


def test_places_below_others_come_after_them_even_from_one_device() -> None:
    same = ExtraMount("/usr/local", DeviceSpec(Naming.LABEL, "usr"), (), ("subvol=local",))
    late = ExtraMount("/usr", DeviceSpec(Naming.LABEL, "late"))
    desk = Desk()
    desk.see(filesystem("vdb", "usr"))
    root_mounted(desk, same, late, ExtraMount("/var", same.source))
    assert [each.target for each in mounts(desk)] == ["/sysroot", "/sysroot/var"]
    mounted(desk)
    desk.see(filesystem("vdc", "late"))
    mounted(desk)
    assert mounts(desk)[-1].target == "/sysroot/usr/local"
    mounted(desk)
    assert len(desk.actions(HandOver)) == 1


def test_an_engine_that_starts_again_finds_what_is_mounted_already() -> None:
    """R5."""
    desk = Desk()
    desk.give(Mounted("/sysroot", "/dev/vda", (USR,)))
    desk.give(Mounted("/sysroot/usr", "/dev/vdb"))
    desk.give(Enumerated((filesystem("vda"),)))
    assert len(desk.actions(HandOver)) == 1


def test_usr_on_a_locked_volume_is_unlocked_although_the_root_is_mounted() -> None:
    desk = Desk()
    root_mounted(desk, USR)
    desk.see(luks("vdb"))
    assert len(desk.asked()) == 1


def test_changes_go_to_memory_or_to_a_disk_that_has_come() -> None:
    desk = Desk(settings(overlay=Overlay("rd.overlay")))
    desk.see(filesystem("vda"))
    assert mounts(desk)[0].overlay == Changes("", "tmpfs")

    desk = Desk(settings(overlay=Overlay("rd.overlay", DeviceSpec(Naming.LABEL, "changes"))))
    desk.see(filesystem("vda"))
    assert mounts(desk) == []
    assert "waits for LABEL=changes" in desk.boot.explain(1.0).reason
    desk.see(filesystem("vdb", "changes"))
    assert mounts(desk)[0].overlay == Changes("/dev/vdb", "ext4")


# btrfs over several devices

RAID = RootMount((), ("degraded",))


def part(name: str, ready: str, number: str, label: str = "root") -> Device:
    """One of three devices of a btrfs."""
    known = {"ID_FS_TYPE": "btrfs", "ID_FS_UUID": "b", "ID_BTRFS_READY": ready}
    numbers = {"btrfs/num_devices": "3", "btrfs/devid": number}
    unready = {"SYSTEMD_READY": "0", **numbers} if ready == "0" else {}
    device = filesystem(name, label)
    return device._replace(properties={**device.properties, **known, **unready})


def test_an_incomplete_btrfs_waits_and_says_what_is_missing() -> None:
    desk = Desk()
    desk.see(part("vda", "0", "1"), part("vdb", "0", "3"))
    desk.wait(80)
    assert mounts(desk) == []
    reasons = [each.reason for each in desk.nodes()]
    expected = "has 2 of 3 devices, devid 2 missing; to boot without, add rootflags=degraded"
    assert expected in reasons
    desk.see(part("vdc", "1", "2"))
    assert [each.source for each in mounts(desk)] == ["/dev/vdc"]


def test_it_is_mounted_degraded_after_its_timer_if_people_say_so() -> None:
    desk = Desk(settings(mount=RAID, md_timeout=8.0))
    desk.see(part("vda", "0", "1"), at=2)
    desk.wait(9.5)
    assert mounts(desk) == []
    desk.wait(10.5)
    assert [(each.source, each.options) for each in mounts(desk)] == [
        ("/dev/vda", ("ro", "degraded"))
    ]
    assert "mounting it degraded: has 1 of 3 devices" in desk.reports()


def test_its_timer_is_held_by_what_may_reveal_a_device() -> None:
    """R7."""
    desk = Desk(settings(mount=RAID, md_timeout=8.0))
    desk.see(part("vda", "0", "1"), luks("vdb"))
    desk.wait(60)
    assert mounts(desk) == []


def test_the_devices_before_the_last_one_are_looked_at_again() -> None:
    desk = Desk(Settings(root=DeviceSpec(Naming.PATH, "/dev/vda")))
    desk.see(part("vda", "0", "1", "x"), part("vdb", "1", "2", "x"))
    [run] = desk.runs("btrfs-complete@vda")
    assert run.argv[-1] == "/dev/vda"
    assert mounts(desk) == []
    desk.see(part("vda", "1", "1", "x"))
    desk.end("btrfs-complete@vda")
    assert [each.source for each in mounts(desk)] == ["/dev/vda"]


def test_a_device_that_goes_is_no_longer_counted() -> None:
    desk = Desk()
    desk.see(part("vda", "0", "1"), part("vdb", "0", "2"))
    desk.lose("vdb")
    desk.wait(1)
    assert any("has 1 of 3 devices" in each.reason for each in desk.nodes())


def test_an_unknown_block_device_gets_no_mark() -> None:
    desk = Desk()
    desk.see(block("vda"))
    assert mounts(desk) == []
