"""What the models of tools, kernel and udev answer: as the real ones do, whose source each names.

Every test builds a machine from a scenario's disks and layers and calls the tools by hand.
"""

import errno
from pathlib import Path

import pytest
from workshop import Workshop

from initpy.core.events import DeviceChanged, DeviceRemoved
from initpy.simulation.kernel import mounts
from initpy.simulation.kernel.process import KILLED, TERMINATED, Process
from initpy.simulation.kernel.udev import Told
from initpy.simulation.world.random_faults import Chance, RandomFaults
from initpy.simulation.world.redundancy import enough

UNSAFE, YES, NO = "MD_STARTED=unsafe", "MD_STARTED=yes", "MD_STARTED=no"


def disks(*names: str, more: str = "") -> str:
    return "".join(f'[[disk]]\nname = "{name}"\nsize = "96M"\n{more}\n' for name in names)


def array(level: str, *names: str, more: str = "") -> str:
    on = ", ".join(f'"{name}"' for name in names)
    return f'{disks(*names)}[[layer]]\nkind = "{level}"\nname = "data"\non = [{on}]\n{more}\n'


LUKS = disks("a") + '[[layer]]\nkind = "luks2"\nname = "c"\non = ["a"]\npassphrase = "horse"\n'
OPEN = ("cryptsetup", "open", "--type", "luks", "--batch-mode", "--tries", "1", "--key-file", "-")
GROUP = (
    disks("a", "b") + '[[layer]]\nkind = "lvm"\ngroup = "vg0"\nname = "root"\non = ["a", "b"]\n{}\n'
)
SCAN = ("lvm", "pvscan", "--cache", "--listvg", "--checkcomplete", "--udevoutput")
ACTIVATE = ("lvm", "lvchange", "--activate", "y", "--sysinit")


# md


def test_an_array_starts_when_the_active_members_of_its_metadata_are_there(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b"))
    desk.plug("a", "b")
    assert UNSAFE in desk.add("vda").output
    assert desk.state("md127") == "inactive"
    answer = desk.add("vdb")
    assert answer.output == "MD_DEVICE=md127\nMD_DEVNAME=data\nMD_FOREIGN=no\nMD_STARTED=yes\n"
    assert desk.state("md127") == "read-auto"


@pytest.mark.parametrize(
    ("level", "first", "second"), [("raid0", NO, YES), ("raid5", NO, UNSAFE), ("raid1", UNSAFE, "")]
)
def test_too_few_members_are_no_and_enough_are_unsafe(
    tmp_path: Path, level: str, first: str, second: str
) -> None:
    names = ("a", "b") if level == "raid0" else ("a", "b", "c")
    desk = Workshop(tmp_path, array(level, *names))
    desk.plug(*names)
    assert first in desk.add("vda").output
    assert second in desk.add("vdb").output


def test_an_array_that_is_recorded_degraded_starts_with_what_is_left(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b", more='left = "degraded"'))
    desk.plug("a")
    assert YES in desk.add("vda").output


def test_a_member_is_not_taken_twice_nor_by_a_running_array(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b", "c", more='metadata = "1.2"'))
    desk.plug("a", "b", "c")
    desk.add("vda")
    assert "Device or resource busy" in desk.add("vda").complaints
    assert desk.run("mdadm", "--run", "/dev/md127").status == 0
    late = desk.add("vdb")
    assert (late.status, "not adding /dev/vdb to active array" in late.complaints) == (2, True)


@pytest.mark.parametrize(
    ("patterns", "permitted"),
    [("/dev/sd*", False), ("/dev/vd[a-z]", True), ("partitions", True), ("containers", False),
     ("/dev/disk/by-id/virtio-a", True)],
)  # fmt: skip
def test_mdadm_leaves_out_what_no_device_line_permits(
    tmp_path: Path, patterns: str, permitted: bool
) -> None:
    """As User Mode Linux showed: links count, as mdadm compares the numbers of devices."""
    conf = f'[image.files]\n"/etc/mdadm/mdadm.conf" = "DEVICE {patterns}\\n"\n'
    desk = Workshop(tmp_path, array("raid1", "a", "b") + conf)
    desk.plug("a", "b")
    answer = desk.add("vda")
    assert (answer.status == 0) is permitted
    assert ("/dev/vda not permitted by mdadm.conf" in answer.complaints) is not permitted


def test_two_members_at_once_are_added_one_after_the_other(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b"))
    desk.plug("a", "b")
    words = ("mdadm", "--incremental", "--export", "--offroot")
    answers = [desk.start(*words, f"/dev/{name}")[1] for name in ("vda", "vdb")]
    desk.settle()
    assert [UNSAFE in answers[0][0].output, YES in answers[1][0].output] == [True, True]


def test_a_tool_that_is_killed_gives_the_lock_back(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b"))
    desk.plug("a", "b")
    process, answers = desk.start("mdadm", "--incremental", "--export", "--offroot", "/dev/vda")
    while not desk.world.array_map.held:
        desk.world.agenda.step()
    process.stop()
    assert answers[0].status == TERMINATED
    assert desk.add("vdb").status == 0


def test_a_dirty_raid5_starts_without_a_member_only_when_it_is_forced(tmp_path: Path) -> None:
    text = array("raid5", "a", "b", "c", more='left = "dirty"')
    for cmdline, status in (("", 1), ("md_mod.start_dirty_degraded=1", 0)):
        desk = Workshop(tmp_path, text, cmdline)
        desk.plug("a", "b")
        assert [NO in desk.add(name).output for name in ("vda", "vdb")] == [True, True]
        assert desk.run("mdadm", "--run", "/dev/md127").status == status


def test_an_array_that_was_refused_takes_no_member_until_it_is_stopped(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid5", "a", "b", "c"))
    desk.plug("a", "b")
    desk.add("vda")
    refused = desk.run("mdadm", "--run", "/dev/md127")
    assert (refused.status, "Input/output error" in refused.complaints) == (1, True)
    assert "Invalid argument" in desk.add("vdb").complaints
    assert desk.run("mdadm", "--stop", "/dev/md127").status == 0
    assert "md127" not in desk.world.blocks
    assert [NO in desk.add("vda").output, UNSAFE in desk.add("vdb").output] == [True, True]


def test_mdadm_takes_the_name_of_an_array_that_is_being_stopped(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b") + array("raid1", "c", "d").replace(
        '"data"', '"other"'))  # fmt: skip
    desk.plug("a", "c")
    desk.add("vda")
    _, stopped = desk.start("mdadm", "--stop", "/dev/md127")
    while "md127" in desk.world.blocks:
        desk.world.agenda.step()
    refused = desk.add("vdb")
    assert stopped[0].status == 0
    assert (refused.status, "unexpected failure opening /dev/md127" in refused.complaints) == (
        1, True,
    )  # fmt: skip
    assert UNSAFE in desk.add("vdb").output


def test_an_array_of_another_host_has_its_name_in_its_own(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b", more='homehost = "elsewhere"'))
    desk.plug("a")
    output = desk.add("vda").output
    assert "MD_DEVNAME=elsewhere:data" in output
    assert "MD_FOREIGN=yes" in output


def identity(hostname: str = "", conf: str = "") -> str:
    name = f'hostname = "{hostname}"\n' if hostname else ""
    return f"[image]\n{name}[image.files]\n" + (
        f'"/etc/mdadm/mdadm.conf" = """\n{conf}"""\n' if conf else ""
    )


OWN_UUID = "11111111:22222222:33333333:44444444"
NAMED = f"ARRAY /dev/md/0 metadata=1.2 UUID={OWN_UUID} name=deb:0\n"


@pytest.mark.parametrize(
    ("host", "image", "conf", "cmdline", "foreign", "name", "node"),
    [
        ("deb", "deb", "", "", "no", "data", "md127"),
        ("deb", "", "", "", "yes", "deb:data", "md127"),
        ("deb", "other", "", "", "yes", "deb:data", "md127"),
        ("deb", "", "", "systemd.hostname=deb", "no", "data", "md127"),
        ("deb", "deb", "", "systemd.hostname=other", "yes", "deb:data", "md127"),
        ("deb", "", "", "hostname=deb", "no", "data", "md127"),  # of the kernel
        ("deb", "deb.example.org", "", "", "yes", "deb:data", "md127"),
        ("deb.example.org", "deb.example.org", "", "", "no", "data", "md127"),
        ("(none)", "", "", "", "no", "data", "md127"),  # made in such an initramfs
        ("localhost", "localhost", "", "", "no", "data", "md127"),
        ("any", "deb", "", "", "no", "data", "md127"),
        ("<none>", "deb", "", "", "yes", "data_0", "md127"),
        ("<none>", "deb", "HOMEHOST <ignore>\n", "", "no", "data", "md127"),
        ("deb", "other", "HOMEHOST deb\n", "", "no", "data", "md127"),
        ("deb", "other", "HOMEHOST <system>\n", "", "yes", "deb:data", "md127"),
        ("deb", "", "HOMEHOST <ignore>\n", "", "no", "data", "md127"),
        ("deb", "deb", "HOMEHOST <none>\n", "", "no", "data", "md127"),
        ("deb", "other", "homehost other <ignore>\n", "", "no", "data", "md127"),
        ("deb", "other", "AUTO +1.x -all\n", "", "yes", "deb:data", "md127"),
        ("deb", "other", NAMED.replace("deb:0", "deb:data"), "", "no", "0", "md0"),
        ("deb", "other", NAMED, "", "yes", "deb:data", "md127"),  # the name differs
        ("deb", "other", f"ARRAY /dev/md5 UUID={OWN_UUID}\n", "", "no", "/dev/md5", "md5"),
        ("deb", "other", f"ARRAY pool UUID={OWN_UUID}\n", "", "no", "pool", "md127"),
        ("deb", "", "HOMEHOST <ignore>\nARRAY deb:data UUID=0:0:0:1\n", "", "yes", "deb:data",
         "md127"),
        ("any", "", "ARRAY /dev/md127 UUID=0:0:0:1\n", "", "no", "data", "md126"),
    ],
)  # fmt: skip
def test_whose_array_it_is_and_what_it_is_called(
    tmp_path: Path, host: str, image: str, conf: str, cmdline: str, foreign: str, name: str,
    node: str,
) -> None:  # fmt: skip
    """mdadm.conf(5); main() of mdadm.c, Incremental.c step 3, create_mddev() of mdopen.c."""
    more = f'homehost = "{host}"\nuuid = "{OWN_UUID}"'
    text = array("raid1", "a", "b", more=more) + identity(image, conf)
    desk = Workshop(tmp_path, text, cmdline)
    desk.plug("a")
    said = dict(line.split("=", 1) for line in desk.add("vda").output.splitlines())
    assert (said["MD_FOREIGN"], said["MD_DEVNAME"], said["MD_DEVICE"]) == (foreign, name, node)


@pytest.mark.parametrize(
    ("conf", "image", "refused"),
    [
        ("AUTO -all\n", "other", True),
        ("AUTO homehost -all\n", "other", False),  # contrary to mdadm.conf(5)
        ("AUTO homehost -all\n", "deb", False),
        ("AUTO -1.x\n", "deb", True),
        ("AUTO -0.90 +all\n", "other", False),
        ("AUTO -all\n" + NAMED.replace("deb:0", "deb:data"), "other", False),
    ],
)
def test_auto_may_forbid_arrays_of_others(
    tmp_path: Path, conf: str, image: str, refused: bool
) -> None:
    more = f'homehost = "deb"\nuuid = "{OWN_UUID}"'
    desk = Workshop(tmp_path, array("raid1", "a", "b", more=more) + identity(image, conf))
    desk.plug("a")
    assert ("auto-assembly is disabled" in desk.add("vda").complaints) is refused


@pytest.mark.parametrize(
    ("host", "image", "uuid", "foreign", "name", "node"),
    [
        ("deb", "deb", "", "no", "100", "md100"),
        ("deb", "other", "", "yes", "100_0", "md127"),
        ("any", "", "", "no", "100", "md100"),
        ("deb", "deb", OWN_UUID, "yes", "100_0", "md127"),  # the host is in the UUID
    ],
)
def test_an_old_array_has_its_host_in_its_uuid(
    tmp_path: Path, host: str, image: str, uuid: str, foreign: str, name: str, node: str
) -> None:
    more = f'homehost = "{host}"\nuuid = "{uuid}"\nmetadata = "0.90"'
    desk = Workshop(tmp_path, array("raid1", "a", "b", more=more) + identity(image))
    desk.plug("a")
    said = dict(line.split("=", 1) for line in desk.add("vda").output.splitlines())
    assert (said["MD_FOREIGN"], said["MD_DEVNAME"], said["MD_DEVICE"]) == (foreign, name, node)


def test_mdadm_conf_may_say_that_an_array_is_ignored(tmp_path: Path) -> None:
    uuid = "11111111:22222222:33333333:44444444"
    conf = f'[image.files]\n"/etc/mdadm/mdadm.conf" = "ARRAY <ignore> UUID={uuid}\\n"\n'
    desk = Workshop(tmp_path, array("raid1", "a", "b", more=f'uuid = "{uuid}"') + conf)
    desk.plug("a")
    assert "explicitly ignored by mdadm.conf" in desk.add("vda").complaints
    assert desk.add("vda", "--config=none").status == 0


@pytest.mark.parametrize(
    ("level", "there", "clean", "is_enough"),
    [
        ("raid1", {1}, False, True),
        ("raid10", {0, 2}, True, True),
        ("raid10", {0, 1}, True, False),
        ("raid5", {0, 1, 2}, True, True),
        ("raid5", {0, 1, 2}, False, False),
        ("raid4", {0, 1, 2}, False, True),
        ("raid6", {0, 1}, True, True),
        ("raid6", {0}, True, False),
        ("linear", {0, 1, 2}, True, False),
    ],
)
def test_how_many_members_are_enough(
    tmp_path: Path, level: str, there: set[int], clean: bool, is_enough: bool
) -> None:
    desk = Workshop(tmp_path, array(level, "a", "b", "c", "d"))
    desk.plug("a")
    desk.add("vda")
    plan = desk.world.blocks["md127"].array
    assert plan is not None
    assert enough(plan.plan, clean, there) is is_enough


# cryptsetup


def test_cryptsetup_tells_by_its_status_what_is_wrong(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, LUKS)
    desk.plug("a")
    wrong = desk.run(*OPEN, "/dev/vda", "c", secret=b"cow")
    assert (wrong.status, wrong.complaints) == (2, "No key available with this passphrase.")
    assert desk.run(*OPEN, "/dev/vdz", "c", secret=b"horse").status == 4
    assert desk.run(*OPEN, "/dev/vda", "c", secret=b"horse").status == 0
    assert desk.run(*OPEN, "/dev/vda", "c", secret=b"horse").status == 5
    assert desk.run(*OPEN, "/dev/vda", "other", secret=b"horse").status == 5


def test_a_mapping_is_seen_without_its_name_first(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, LUKS)
    desk.plug("a")
    desk.told.clear()
    desk.run(*OPEN, "/dev/vda", "c", secret=b"horse")
    seen = [
        each.device
        for each in desk.told
        if isinstance(each, DeviceChanged) and each.device.name == "dm-0"
    ]
    assert [each.ready for each in seen] == [False, True]
    assert seen[1].properties["DM_UUID"].startswith("CRYPT-LUKS2-")


def test_cryptsetup_waits_for_udev_and_is_released_when_udevd_starts_again(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, LUKS)
    desk.plug("a")
    _, answers = desk.start(*OPEN, "/dev/vda", "c", secret=b"horse")
    while "dm-0" not in desk.world.blocks:
        desk.world.agenda.step()
    desk.udev.die("killed by signal 9")
    desk.settle()
    assert answers == []
    desk.udev.release()
    assert answers[0].status == 0


@pytest.mark.parametrize("seed", range(8))
def test_events_of_one_device_stay_in_their_order(tmp_path: Path, seed: int) -> None:
    """Those of others may overtake them; what is told twice is told as it is by then."""
    desk = Workshop(tmp_path, disks("a") + disks("b"))
    desk.world.chance = Chance(seed, RandomFaults(reordered=0.7, doubled=0.7))
    plans = [desk.world.disks.disks[each] for each in ("a", "b")]
    for second in range(6):
        for plan in plans:
            call = desk.slots.unplug if second % 2 else desk.slots.plug
            desk.at(second, call, plan.name if second % 2 else plan)
    desk.settle()
    for name in ("vda", "vdb"):
        told = [isinstance(each, DeviceRemoved) for each in desk.told if _of(each) == name]
        changes = [now for before, now in zip((True, *told), told, strict=False) if now != before]
        assert changes == [False, True] * (len(changes) // 2)
        assert len(changes) >= 2


def _of(event: Told) -> str:
    return event.name if isinstance(event, DeviceRemoved) else event.device.name


# LVM


def test_a_group_is_complete_with_its_last_physical_volume(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, GROUP.format(""))
    desk.plug("a", "b")
    assert desk.run(*SCAN, "/dev/vda").output == "LVM_VG_NAME_INCOMPLETE='vg0'\n"
    assert desk.run(*SCAN, "/dev/vdb").output == "LVM_VG_NAME_COMPLETE='vg0'\n"
    desk.slots.unplug("b")
    desk.settle()
    assert desk.run(*SCAN, "/dev/vda").output == "LVM_VG_NAME_INCOMPLETE='vg0'\n"


@pytest.mark.parametrize(("kind", "status", "there"), [("linear", 5, False), ("raid1", 0, True)])
def test_what_lacks_a_disk_is_activated_if_it_can_lose_it(
    tmp_path: Path, kind: str, status: int, there: bool
) -> None:
    desk = Workshop(tmp_path, GROUP.format(f'type = "{kind}"'))
    desk.plug("a")
    answer = desk.run(*ACTIVATE, "vg0")
    assert "is missing PV" in answer.complaints
    assert answer.status == status
    names = [each.mapping.name for each in desk.world.blocks.values() if each.mapping]
    assert ("vg0-root" in names) is there


def test_two_disks_with_the_same_physical_volume_are_not_used(tmp_path: Path) -> None:
    text = disks("a") + disks("b", more='copy_of = "a"')
    text += '[[layer]]\nkind = "lvm"\ngroup = "vg0"\nname = "root"\non = ["a"]\n'
    desk = Workshop(tmp_path, text)
    desk.plug("a", "b")
    desk.run(*SCAN, "/dev/vda")
    assert "is duplicate for PVID" in desk.run(*SCAN[:-1], "/dev/vdb").complaints
    assert "duplicate devices" in desk.run(*ACTIVATE, "vg0").complaints


def test_a_physical_volume_on_a_volume_counts_only_with_scan_lvs(tmp_path: Path) -> None:
    lower = '[[layer]]\nkind = "lvm"\ngroup = "vg0"\nname = "root"\non = ["a"]\n'
    text = (
        disks("a")
        + lower
        + lower.replace("vg0", "vg1").replace("root", "up", 1).replace('["a"]', '["root"]')
    )
    conf = '[image.files]\n"/etc/lvm/lvm.conf" = "devices/scan_lvs = 1"\n'
    for more, found in (("", ""), (conf, "LVM_VG_NAME_COMPLETE='vg1'\n")):
        desk = Workshop(tmp_path, text + more)
        desk.plug("a")
        desk.run(*SCAN, "/dev/vda")
        desk.run(*ACTIVATE, "vg0")
        assert desk.run(*SCAN, "/dev/dm-0").output == found
        excluded = desk.run(*SCAN[:-1], "/dev/dm-0").complaints
        assert ("device is an LV" in excluded) is not bool(found)


# File systems


def ext4(more: str = "", on: str = "a") -> str:
    return f'[[layer]]\nkind = "ext4"\non = ["{on}"]\nlabel = "root"\nholds = "root"\n{more}\n'


@pytest.mark.parametrize(
    ("left", "words", "status"),
    [("", "-a", 0), ("errors", "-a", 1), ("errors", "-n", 0), ("spoilt", "-n", 4),
     ("spoilt", "-a", 4), ("spoilt", "-y", 1)],
)  # fmt: skip
def test_e2fsck_mends_what_it_may(tmp_path: Path, left: str, words: str, status: int) -> None:
    desk = Workshop(tmp_path, disks("a") + ext4(f'left = "{left}"'))
    desk.plug("a")
    assert desk.run("e2fsck", words, "-C", "1", "/dev/vda").status == status
    if status == 1:
        assert desk.run("e2fsck", words, "-C", "1", "/dev/vda").status == 0


def mount(desk: Workshop, source: str, kind: str, *options: str) -> int:
    found: list[tuple[int, str]] = []
    work = mounts.mount_all(desk.world, desk.sabotage, source, "/sysroot", (kind,), options, None)
    Process(desk.world, work, found.append)
    desk.settle()
    return found[0][0]


def test_mount_answers_with_the_errno_of_what_is_wrong(tmp_path: Path) -> None:
    text = LUKS + disks("b") + ext4(on="c") + '[image]\nwithout = ["f2fs"]\n'
    desk = Workshop(tmp_path, text)
    desk.plug("a", "b")
    desk.run(*OPEN, "/dev/vda", "c", secret=b"horse")
    assert mount(desk, "/dev/vda", "ext4") == errno.EBUSY
    assert mount(desk, "/dev/vdb", "ext4") == errno.EINVAL
    assert mount(desk, "/dev/vdb", "f2fs") == errno.ENODEV
    assert mount(desk, "/dev/vdz", "ext4") == errno.ENOENT
    assert mount(desk, "/dev/dm-0", "ext4", "ro") == 0
    assert desk.world.mounts["/sysroot"].options == "ro,relatime"


def test_a_btrfs_waits_for_all_its_devices_unless_it_may_be_degraded(tmp_path: Path) -> None:
    text = '[[layer]]\nkind = "btrfs"\non = ["a", "b"]\nprofile = "raid1"\nholds = "root"\n'
    desk = Workshop(tmp_path, disks("a", "b") + text)
    desk.plug("a")
    device = desk.told[-1]
    assert isinstance(device, DeviceChanged)
    assert device.device.properties["ID_BTRFS_READY"] == "0"
    assert not device.device.ready
    assert mount(desk, "/dev/vda", "btrfs") == errno.EINVAL
    assert mount(desk, "/dev/vda", "btrfs", "degraded") == 0


# udev, disks, tools as such


def test_a_disk_that_is_held_keeps_its_name(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, array("raid1", "a", "b"))
    desk.plug("a", "b")
    desk.add("vda")
    desk.slots.unplug("a")
    desk.slots.unplug("b")
    desk.settle()
    assert [each for each in desk.told if isinstance(each, DeviceRemoved)]
    desk.plug("b", "a")
    assert [desk.world.plugged[name] for name in ("b", "a")] == ["vdb", "vdc"]


def test_a_dead_udevd_hears_nothing_and_what_it_missed_can_be_announced(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, disks("a") + ext4())
    desk.udev.alive = False
    desk.plug("a")
    assert (desk.told, desk.udev.present()) == ([], ())
    desk.udev.alive = True
    desk.udev.announce(desk.world.blocks["vda"])
    desk.settle()
    assert [each.name for each in desk.udev.present()] == ["vda"]


def test_a_worker_that_is_killed_has_its_device_looked_at_again(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, disks("a") + ext4())
    desk.slots.plug(desk.world.disks.disks["a"])
    assert desk.udev.kill_workers() == ["vda"]
    desk.settle()
    seen = [each.device.properties.get("ID_FS_TYPE") for each in desk.told
            if isinstance(each, DeviceChanged)]  # fmt: skip
    assert seen == [None, "ext4"]


def test_tools_misbehave_as_often_as_the_scenario_says(tmp_path: Path) -> None:
    text = disks("a") + ext4() + '[[tool]]\nprogram = "modprobe"\nkilled = 1\n'
    desk = Workshop(tmp_path, text)
    assert [desk.run("modprobe", "loop").status for _ in range(2)] == [KILLED, 0]


def test_a_program_that_no_model_knows_is_said_and_fails(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, disks("a") + ext4())
    assert desk.run("bcachefs", "mount", "/dev/vda").status == 127
    assert desk.run("mdadm", "--grow", "/dev/md0").status == 127
    assert desk.world.unsupported == [
        "the program `bcachefs mount /dev/vda`", "the program `mdadm --grow /dev/md0`"
    ]  # fmt: skip


def test_each_disk_with_several_paths_is_a_map_of_its_own(tmp_path: Path) -> None:
    """multipath(8) joins the paths that have the same WWN; two LUNs of a server have two."""
    disks = "".join(
        f'[[disk]]\nname = "{lun}"\nsize = "64M"\nbus = "scsi"\n'
        f'[[disk]]\nname = "{lun}-b"\npath_of = "{lun}"\n'
        f'[[layer]]\nkind = "ext4"\nlabel = "{lun}"\non = ["{lun}"]\n'
        for lun in ("one", "two")
    )
    conf = '[image.files]\n"/etc/multipath.conf" = "find_multipaths greedy"\n'
    shop = Workshop(tmp_path, f'{disks}[image]\njobs = ["multipath"]\n{conf}')
    shop.plug("one", "one-b", "two", "two-b")
    assert shop.run("multipathd").status == 0
    assert shop.run("multipathd", "show", "daemon").status == 0  # it has settled by now
    for name in ("sda", "sdb", "sdc", "sdd"):
        assert shop.run("multipathd", "add", "path", name).status == 0
    maps = [block for block in shop.world.blocks.values() if block.mapping is not None]
    assert [sorted(block.slaves) for block in maps] == [["sda", "sdb"], ["sdc", "sdd"]]


def test_options_of_other_file_systems_and_absent_subvolumes(tmp_path: Path) -> None:
    text = disks("a", "b") + ext4()
    text += '[[layer]]\nkind = "btrfs"\non = ["b"]\nsubvolume = "@"\nholds = "root"\n'
    desk = Workshop(tmp_path, text)
    desk.plug("a", "b")
    assert mount(desk, "/dev/vda", "ext4", "ro", "subvol=@") == errno.EINVAL
    assert mount(desk, "/dev/vdb", "btrfs", "ro", "data=ordered") == errno.EINVAL
    for option, expected in (
        ("subvol=@root", errno.ENOENT),
        ("subvolid=300", errno.ENOENT),
        ("subvolid=5", 0),
        ("subvolid=256", 0),
    ):
        assert mount(desk, "/dev/vdb", "btrfs", "ro", option) == expected, option
