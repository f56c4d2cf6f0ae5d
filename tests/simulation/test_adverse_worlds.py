"""Commands that survive SIGKILL, disks that do not answer, system calls that fail, odd orders."""

from pathlib import Path

import pytest
from workshop import Workshop

from initpy.core.events import DeviceChanged
from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.kernel import mounts
from initpy.simulation.kernel.process import KILLED, Process
from initpy.simulation.kernel.udev import WORKER_SECONDS
from initpy.simulation.machine import failure
from initpy.simulation.machine.record import Simulated
from initpy.simulation.machine.run import simulate

DISK = '[[disk]]\nname = "{}"\nsize = "96M"\n'
EXT4 = '[[layer]]\nkind = "ext4"\non = ["{}"]\nlabel = "r"\nholds = "root"\n'
PLAIN = DISK.format("a") + EXT4.format("a")
MIRROR = (
    DISK.format("a") + DISK.format("b")
    + '[[layer]]\nkind = "raid1"\nname = "m"\non = ["a", "b"]\n{}\n' + EXT4
)  # fmt: skip
PARTITIONS = (
    DISK.format("a") + "{}\n"
    + '[[layer]]\nkind = "partitions"\non = ["a"]\n[[layer.part]]\nname = "p"\n'
    + EXT4.format("p")
)  # fmt: skip


def boot(folder: Path, text: str, cmdline: str = "root=LABEL=r", within: int = 600) -> Simulated:
    path = folder / "world.toml"
    expect = f'[expect]\noutcome = "booted"\nwithin = {within}\n'
    machine = f'[machine]\ncmdline = "{cmdline}"\n'
    path.write_text(f'title = "a world"\n{machine}{text}{expect}')
    return simulate(load_scenario(path))


def fault(at: float, deed: str) -> str:
    return f'[[fault]]\nat = {at}\ndo = "{deed}"\n'


# Commands


def test_a_command_that_waits_in_the_kernel_ends_when_it_wakes(tmp_path: Path) -> None:
    text = PLAIN + '[[tool]]\nprogram = "mdadm"\nunkillable = 1\nends = 50\n'
    desk = Workshop(tmp_path, text)
    process, answers = desk.start("mdadm", "--examine", "/dev/vda")
    desk.at(5.0, process.stop)
    desk.at(20.0, process.kill)
    desk.at(49.0, lambda: answers and pytest.fail("it has ended before"))
    desk.settle()
    assert [each.status for each in answers] == [KILLED]
    assert desk.world.now == 50.0


def test_one_that_never_wakes_never_ends(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, PLAIN + '[[tool]]\nprogram = "mdadm"\nunkillable = 1\n')
    process, answers = desk.start("mdadm", "--examine", "/dev/vda")
    process.stop()
    process.kill()
    desk.settle()
    assert (process.running, answers) == (True, [])


def test_a_boot_goes_on_without_such_a_command(tmp_path: Path) -> None:
    tool = '[[tool]]\nprogram = "mdadm"\nwith = "--incremental"\nunkillable = 1\n'
    limits = '[limits]\n"md-member" = 4\n'
    found = boot(tmp_path, MIRROR.format("", "m") + tool + limits)
    assert found.outcome is Outcome.BOOTED
    assert "is left behind" in found.console


# Disks that do not answer


def test_a_command_that_reads_a_silent_disk_waits_and_goes_on_when_it_answers(
    tmp_path: Path,
) -> None:
    desk = Workshop(tmp_path, MIRROR.format("", "m"))
    desk.plug("a", "b")
    desk.world.freeze("a")
    process, answers = desk.start("mdadm", "--incremental", "--export", "/dev/vda")
    desk.settle()
    process.stop()
    assert process.running
    desk.world.thaw("a")
    desk.settle()
    assert [each.status for each in answers] == [-15]
    assert "MD_STARTED" in desk.add("vda").output


def test_when_it_is_pulled_out_the_command_fails(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, MIRROR.format("", "m"))
    desk.plug("a")
    desk.world.freeze("a")
    _, answers = desk.start("mdadm", "--incremental", "--export", "/dev/vda")
    desk.slots.unplug("a")
    desk.settle()
    assert [(each.status, each.complaints) for each in answers] == [(1, "Input/output error")]
    assert not desk.world.silent


def test_what_stands_on_a_silent_disk_is_silent(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, MIRROR.format("", "m"))
    desk.plug("a", "b")
    desk.add("vda")
    desk.add("vdb")
    desk.world.modules.add("fs-ext4")
    desk.world.freeze("b")
    ended: list[object] = []
    work = mounts.mount_all(
        desk.world, desk.sabotage, "/dev/md127", "/sysroot", ("ext4",), (), None
    )
    process = Process(desk.world, work, ended.append)
    desk.settle()
    process.kill()
    assert process.running
    desk.world.thaw("b")
    desk.settle()
    assert not process.running


def test_udev_waits_for_it_and_gives_the_worker_up(tmp_path: Path) -> None:
    desk = Workshop(tmp_path, PLAIN)
    desk.world.freeze("a")
    desk.slots.plug(desk.world.disks.disks["a"])
    desk.at(WORKER_SECONDS, lambda: desk.told and pytest.fail("it has been told of"))
    desk.settle()
    bare = [each.device for each in desk.told if isinstance(each, DeviceChanged)]
    assert bare
    assert all("ID_FS_TYPE" not in each.properties for each in bare)
    assert len(bare) == 4  # the engine triggers it three times more, and then leaves it alone
    desk.world.thaw("a")
    desk.udev.announce(desk.block("vda"))
    desk.settle()
    assert desk.properties("vda")["ID_FS_TYPE"] == "ext4"


def test_lvm_reads_every_disk_but_for_a_scan_of_one(tmp_path: Path) -> None:
    text = (DISK.format("a") + DISK.format("b")
            + '[[layer]]\nkind = "lvm"\ngroup = "g"\nname = "v"\non = ["a"]\n')  # fmt: skip
    desk = Workshop(tmp_path, text)
    desk.plug("a", "b")
    desk.world.freeze("b")
    assert desk.run("lvm", "pvscan", "--cache", "/dev/vda").status == 0
    process, answers = desk.start("lvm", "lvchange", "--activate", "y", "--sysinit", "g")
    desk.settle()
    assert process.running
    desk.world.thaw("b")
    desk.settle()
    assert [each.status for each in answers] == [0]


def test_a_disk_that_answers_later_is_mounted_then(tmp_path: Path) -> None:
    found = boot(tmp_path, PLAIN + fault(0.1, "freeze a") + fault(40, "thaw a"))
    assert found.outcome is Outcome.BOOTED
    assert found.ended > 40


def test_a_key_on_a_silent_disk_is_waited_for_beside_the_prompt(tmp_path: Path) -> None:
    uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
    text = (
        DISK.format("a") + DISK.format("stick")
        + '[[layer]]\nkind = "ext4"\non = ["stick"]\nlabel = "STICK"\n'
        + '[layer.files]\n"/key" = "0123456789"\n'
        + f'[[layer]]\nkind = "luks2"\nname = "c"\non = ["a"]\nuuid = "{uuid}"\n'
        + 'passphrase = "horse"\nkeyfile = "/key"\n' + EXT4.format("c")
        + '[[person]]\nwhen = "Passphrase for "\nafter = 5\ntype = "horse\\n"\n'
        + fault(1.9, "freeze stick")
    )  # fmt: skip
    cmdline = f"root=LABEL=r rd.luks.name={uuid}=c rd.luks.key={uuid}=/key:LABEL=STICK"
    found = boot(tmp_path, text, cmdline)
    assert found.outcome is Outcome.BOOTED
    assert found.ended < 20


def test_the_failure_screen_comes_although_a_disk_it_is_about_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DISK.format("a") + fault(8, "freeze a")
    found = boot(tmp_path, text, "root=LABEL=r rd.timeout=20", 90)
    (late,) = found.world.terminals.screens
    assert "the root device has not turned up" in found.console
    monkeypatch.setattr(failure, "looks_in_vain", lambda world, tree: False)
    (usual,) = boot(tmp_path, text, "root=LABEL=r rd.timeout=20", 90).world.terminals.screens
    assert late == pytest.approx(usual + failure.SOON)


# System calls of process 1


def syscall(call: str, fails: int, skip: int = 0) -> str:
    return f'[[syscall]]\ncall = "{call}"\nfails = {fails}\nskip = {skip}\n'


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("spawn-udevd", "cannot start udevd: Cannot allocate memory"),
        ("fork-engine", "cannot start the engine: Cannot allocate memory"),
        ("inotify", "cannot watch the queue of udevd"),
        ("poll", "process 1: poll: Cannot allocate memory; it goes on"),
    ],
)
def test_process_1_goes_on_after_a_system_call_that_fails(
    tmp_path: Path, call: str, says: str
) -> None:
    found = boot(tmp_path, PLAIN + syscall(call, 2))
    assert found.outcome is Outcome.BOOTED
    assert says in found.console


def test_udevd_is_started_again_however_often_it_takes(tmp_path: Path) -> None:
    """After 1, 2 and 4 s."""
    usual = boot(tmp_path, PLAIN + fault(0.5, "kill-udevd")).ended
    text = PLAIN + fault(0.5, "kill-udevd") + syscall("spawn-udevd", 3, 1)
    found = boot(tmp_path, text)
    assert found.console.count("cannot start udevd") == 3
    assert found.ended == pytest.approx(usual + 7.0)


# Order


def test_a_partition_lacks_what_it_has_from_a_disk_that_udev_has_not_told_of(
    tmp_path: Path,
) -> None:
    desk = Workshop(tmp_path, PARTITIONS.format("announced = 9"))
    desk.plug("a")
    names = [each.device.name for each in desk.told if isinstance(each, DeviceChanged)]
    assert names == ["vda1", "vda"]
    assert "ID_SERIAL" not in desk.properties("vda1")
    assert desk.properties("vda1")["ID_FS_TYPE"] == "ext4"
    assert desk.properties("vda")["ID_SERIAL"] == "a"


def test_usually_the_disk_comes_first_and_its_partitions_have_its_serial_number(
    tmp_path: Path,
) -> None:
    desk = Workshop(tmp_path, PARTITIONS.format(""))
    desk.plug("a")
    names = [each.device.name for each in desk.told if isinstance(each, DeviceChanged)]
    assert names == ["vda", "vda1"]
    assert desk.properties("vda1")["ID_SERIAL"] == "a"


@pytest.mark.parametrize(("metadata", "parts"), [("0.90", 1), ("1.0", 1), ("1.2", 0)])
def test_partitions_in_a_mirror_show_on_its_members_when_its_superblock_is_at_their_end(
    tmp_path: Path, metadata: str, parts: int
) -> None:
    layers = '[[layer]]\nkind = "partitions"\non = ["m"]\n[[layer.part]]\nname = "p"\n'
    text = MIRROR.format(f'metadata = "{metadata}"', "p").replace(EXT4.format("p"), "")
    desk = Workshop(tmp_path, text + layers + EXT4.format("p"))
    desk.plug("a")
    assert len([name for name in desk.world.blocks if name.startswith("vda")]) == 1 + parts
