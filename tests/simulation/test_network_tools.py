"""What the models of the network's tools answer: as the real ones do, whose source each names."""

from pathlib import Path

import pytest
from workshop import Workshop

from initpy.simulation.kernel.process import Answer
from initpy.simulation.kernel.reading import Reading, reading

JOBS = """
[image.files]
"/etc/lease" = "#!/bin/sh"
"/etc/initpy/jobs/net.toml" = '''
summary = "a network"
[image]
programs = ["ip", "udhcpc", "nbd-client", "iscsistart", "mount"]
modules = ["virtio_net", "nbd", "iscsi_tcp", "nfs"]
'''
"""
DISKS = '[[disk]]\nname = "a"\nsize = "64M"\n[[disk]]\nname = "b"\nsize = "64M"\n'
NIC = '[[nic]]\nname = "eth0"\nlease = 0.5\n'
TARGET = "iqn.2004-01.org.example:b"
LEASE = ("busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-s", "/etc/lease")
NBD = ("nbd-client", "10.0.2.100", "/dev/nbd0")
ISCSI = ("iscsistart", "-i", "iqn.me", "-t", TARGET, "-g", "1", "-a", "10.0.2.100")


def server(kind: str, disks: str = '["b"]', more: str = "") -> str:
    target = f'target = "{TARGET}"\n' if kind == "iscsi" else ""
    return f'[[server]]\nname = "store"\nkind = "{kind}"\nserves = {disks}\n{target}{more}'


UP = ("ip", "link", "set", "eth0", "up")


def desk_with(folder: Path, text: str, jobs: str = JOBS) -> Workshop:
    """A machine with a network; the drivers and tools are those that `jobs` asks for."""
    return Workshop(folder, text + jobs)


def connect(desk: Workshop, *words: str) -> None:
    """All that goes before, and the login."""
    for each in (("modprobe", "--all", "virtio_net", "nbd", "iscsi_tcp", "nfs"), UP, LEASE):
        assert desk.run(*each).status == 0
    assert desk.run(*words).status == 0


def test_a_card_without_its_driver_is_not_there(tmp_path: Path) -> None:
    """The kernel has no device that no driver has claimed; ip-link(8), busybox's ip."""
    desk = desk_with(tmp_path, NIC)
    assert desk.run(*UP) == Answer(1, complaints='Cannot find device "eth0"')
    assert desk.run("busybox", *UP).status == 2
    assert desk.run(*LEASE).complaints == "udhcpc: SIOCGIFINDEX: No such device"
    assert desk.run("modprobe", "virtio_net").status == 0
    assert desk.run(*UP).status == 0


def test_a_driver_or_tool_that_no_job_file_has_asked_for_is_not_in_the_image(
    tmp_path: Path,
) -> None:
    desk = desk_with(tmp_path, NIC + DISKS + server("nbd"), "")
    assert desk.run("modprobe", "--all", "virtio_net").status == 1
    assert desk.run(*NBD).status == 127
    assert desk.run("busybox", *UP).status == 2


def test_the_lease_takes_as_long_as_the_server_does(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC)
    desk.run("modprobe", "virtio_net")
    desk.run(*UP)
    began = desk.world.now
    answer = desk.run(*LEASE)
    assert answer.status == 0
    assert "lease of 10.0.2.15 obtained" in answer.complaints
    assert desk.world.now - began == pytest.approx(0.55)


@pytest.mark.parametrize("missing", ["carrier", "switched on", "server"])
def test_without_an_answer_udhcpc_gives_up_after_three_pauses(missing: str, tmp_path: Path) -> None:
    """dhcpc.c: -t 3 discoveries, -T 3 seconds after each; -n ends it then with status 1."""
    nic = {"carrier": NIC + 'carrier = "never"\n', "server": '[[nic]]\nname = "eth0"\n'}
    desk = desk_with(tmp_path, nic.get(missing, NIC))
    desk.run("modprobe", "virtio_net")
    if missing != "switched on":
        desk.run(*UP)
    began = desk.world.now
    answer = desk.run(*LEASE)
    assert answer.status == 1
    assert answer.complaints.endswith("udhcpc: no lease, failing")
    assert desk.world.now - began == pytest.approx(9.05)


def test_a_cable_that_comes_meanwhile_is_enough_for_the_next_discovery(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC + "carrier = 4\n")
    desk.run("modprobe", "virtio_net")
    desk.run(*UP)
    began = desk.world.now
    desk.at(4.0, desk.carrier, "eth0", True)
    assert desk.run(*LEASE).status == 0
    assert desk.world.now - began == pytest.approx(6.55)


def test_udhcpc_without_n_goes_on_and_without_q_stays(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC + "carrier = 30\n")
    desk.run("modprobe", "virtio_net")
    desk.run(*UP)
    desk.at(30.0, desk.carrier, "eth0", True)
    assert desk.run("udhcpc", "-q", "-s", "/etc/lease").status == 0  # 9 + 20 s, and once more
    process, answers = desk.start("udhcpc", "-f", "-s", "/etc/lease")
    desk.settle()
    assert process.running
    assert not answers


def test_without_its_script_udhcpc_changes_nothing(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC + DISKS + server("nbd"))
    desk.run("modprobe", "--all", "virtio_net", "nbd")
    desk.run(*UP)
    assert desk.run(*LEASE[:-1], "/etc/nothing").status == 0
    assert "Network is unreachable" in desk.run(*NBD).complaints


def test_an_address_may_be_given_by_hand(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, '[[nic]]\nname = "eth0"\n' + DISKS + server("nbd"))
    desk.run("modprobe", "--all", "virtio_net", "nbd")
    desk.run(*UP)
    assert desk.run("ip", "address", "add", "10.0.2.15/24", "dev", "eth0").status == 0
    assert desk.run(*NBD).status == 0


def test_a_connected_disk_has_its_size_and_its_content(tmp_path: Path) -> None:
    """nbd.c: sixteen devices without a size; nbd_set_size() announces a change."""
    layer = '[[layer]]\nkind = "ext4"\non = ["b"]\nlabel = "far"\nholds = "root"\n'
    desk = desk_with(tmp_path, NIC + DISKS + layer + server("nbd", '["a", "b"]'))
    connect(desk, *NBD[:2], "10809", "/dev/nbd3", "-N", "b")
    assert desk.properties("nbd15")["size"] == "0"
    assert desk.properties("nbd3")["size"] == "131072"
    assert desk.properties("nbd3")["ID_FS_LABEL"] == "far"
    assert "ID_SERIAL" not in desk.properties("nbd3")
    assert desk.run(*NBD[:2], "/dev/nbd3").status == 1  # it is connected
    assert desk.run(*NBD).status == 0  # to the first, without a name
    assert desk.world.plugged == {"a": "nbd0", "b": "nbd3"}
    assert desk.run(*NBD[:2], "/dev/nbd1", "-N", "c").status == 1


def test_partitions_of_a_network_disk_appear_with_it(tmp_path: Path) -> None:
    table = (
        '[[layer]]\nkind = "partitions"\non = ["b"]\n[[layer.part]]\nname = "p"\nlabel = "one"\n'
    )
    desk = desk_with(tmp_path, NIC + DISKS + table + server("nbd"))
    connect(desk, *NBD)
    assert desk.properties("nbd0p1")["ID_PART_ENTRY_NAME"] == "one"
    assert "/dev/disk/by-partlabel/one" in desk.block("nbd0p1").links


def test_modprobe_may_ask_for_fewer_devices(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC)
    desk.run("modprobe", "nbd", "nbds_max=2")
    assert [name for name in desk.world.blocks if name.startswith("nbd")] == ["nbd0", "nbd1"]


@pytest.mark.parametrize(
    ("change", "words", "seconds"),
    [
        ("down", "Connection refused", 0.0),
        ("unplugged", "No route to host", 3.0),  # arp(7)
        ("elsewhere", "No route to host", 3.0),
        ("port", "Connection refused", 0.0),
    ],
)
def test_a_server_that_is_not_there(
    change: str, words: str, seconds: float, tmp_path: Path
) -> None:
    desk = desk_with(tmp_path, NIC + DISKS + server("nbd"))
    for each in (("modprobe", "--all", "virtio_net", "nbd"), UP, LEASE):
        desk.run(*each)
    call = {"elsewhere": ("nbd-client", "10.0.2.7", "/dev/nbd0"),
            "port": ("nbd-client", "10.0.2.100", "99", "/dev/nbd0")}.get(change, NBD)  # fmt: skip
    if change == "down":
        desk.server("store", False)
    if change == "unplugged":
        desk.carrier("eth0", False)
    began = desk.world.now
    answer = desk.run(*call)
    assert answer.status == 1
    assert words in answer.complaints
    assert seconds <= desk.world.now - began < seconds + 0.3


MIRROR = '[[layer]]\nkind = "raid1"\nname = "m"\non = ["a", "b"]\n'


def assembled(desk: Workshop) -> None:
    desk.plug("a")
    connect(desk, *NBD)
    for name in ("vda", "nbd0"):
        desk.add(name)


def test_when_an_nbd_server_goes_every_request_fails_and_the_device_stays(tmp_path: Path) -> None:
    """nbd.c, nbd_handle_cmd(); nbd-client(8): it connects again only with -persist."""
    layer = '[[layer]]\nkind = "ext4"\non = ["b"]\n'
    desk = desk_with(tmp_path, NIC + DISKS + layer + server("nbd"))
    connect(desk, *NBD)
    desk.server("store", False)
    answer = desk.run("e2fsck", "-a", "/dev/nbd0")
    assert (answer.status, answer.complaints) == (1, "Input/output error")
    desk.server("store", True)
    assert reading(desk.world, desk.block("nbd0")) is Reading.FAILS
    desk.run("udevadm", "trigger", "--action=change", "/dev/nbd0")
    assert desk.properties("nbd0")["size"] == "131072"
    assert "ID_FS_TYPE" not in desk.properties("nbd0")


def test_a_running_mirror_does_without_a_member_whose_server_goes(tmp_path: Path) -> None:
    """md(4): a device that cannot be written is failed."""
    desk = desk_with(tmp_path, NIC + DISKS + MIRROR + server("nbd"))
    assembled(desk)
    array = desk.block("md127").array
    assert array is not None
    assert (array.state, array.degraded) == ("read-auto", 0)
    desk.server("store", False)
    assert (array.degraded, desk.block("md127").slaves) == (1, ["vda"])
    assert reading(desk.world, desk.block("md127")) is Reading.WORKS


def test_a_mirror_that_starts_with_a_dead_member_is_read_from_the_other(tmp_path: Path) -> None:
    """raid1_end_read_request() in raid1.c: what one cannot read is read from another."""
    desk = desk_with(tmp_path, NIC + DISKS + MIRROR + server("nbd"))
    desk.plug("a")
    connect(desk, *NBD)
    desk.add("vda")
    desk.add("nbd0")
    array = desk.block("md127").array
    assert array is not None
    desk.network.disks["nbd0"].lost = desk.world.now
    assert reading(desk.world, desk.block("md127")) is Reading.WORKS
    array.state = "inactive"
    assert reading(desk.world, desk.block("md127")) is Reading.FAILS


def test_a_member_is_not_put_beside_one_that_cannot_be_read(tmp_path: Path) -> None:
    """Incremental.c, 5b: "metadata mismatch", status 2; seen in a real boot."""
    desk = desk_with(tmp_path, NIC + DISKS + MIRROR + server("nbd"))
    desk.plug("a")
    connect(desk, *NBD)
    desk.add("nbd0")
    desk.server("store", False)
    answer = desk.add("vda")
    assert (answer.status, answer.complaints) == (
        2,
        "mdadm: metadata mismatch between /dev/vda and chosen array /dev/md/m",
    )
    assert desk.block("md127").slaves == ["nbd0"]
    assert desk.run("mdadm", "--stop", "/dev/md127").status == 0


def test_a_mirrored_volume_does_without_a_dead_leg(tmp_path: Path) -> None:
    """lvmraid(7): a raid1 volume is read from any of its images, a linear one needs all."""
    layers = (
        '[[layer]]\nkind = "lvm"\ngroup = "g"\nname = "twice"\non = ["a", "b"]\ntype = "raid1"\n'
        'size = "16M"\n'
    )
    desk = desk_with(tmp_path, NIC + DISKS + layers + server("nbd"))
    desk.plug("a")
    connect(desk, *NBD)
    desk.run("lvm", "lvchange", "--activate", "ay", "--sysinit", "g")
    whole = next(each for each in desk.world.blocks.values() if each.mapping is not None
                 and each.mapping.name == "g-twice")  # fmt: skip
    assert reading(desk.world, whole) is Reading.WORKS
    desk.server("store", False)
    assert reading(desk.world, whole) is Reading.WORKS
    legs = [reading(desk.world, desk.block(each)) for each in whole.slaves]
    assert Reading.FAILS in legs


def test_while_the_cable_is_out_requests_wait(tmp_path: Path) -> None:
    """TCP sends again; nbd has no time-out unless it is given one (-t)."""
    layer = '[[layer]]\nkind = "ext4"\non = ["b"]\n'
    desk = desk_with(tmp_path, NIC + DISKS + layer + server("nbd"))
    connect(desk, *NBD)
    desk.carrier("eth0", False)
    began = desk.world.now
    desk.at(40.0, desk.carrier, "eth0", True)
    assert desk.run("e2fsck", "-a", "/dev/nbd0").status == 0
    assert desk.world.now - began > 40.0


def test_a_login_finds_the_units_of_the_target(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC + DISKS + server("iscsi", '["a", "b"]'))
    connect(desk, *ISCSI)
    assert desk.world.plugged == {"a": "sda", "b": "sdb"}
    assert desk.properties("sdb")["ID_SERIAL_SHORT"] == "b"
    link = f"/dev/disk/by-path/ip-10.0.2.100:3260-iscsi-{TARGET}-lun-2"
    assert link in desk.block("sdb").links
    assert desk.run(*ISCSI).status != 0  # the session exists
    assert desk.run(*ISCSI[:4], "iqn.other", *ISCSI[5:]).status != 0


def test_iscsistart_tries_a_server_that_is_down_again_every_three_seconds(tmp_path: Path) -> None:
    """initiator.c: ISCSI_CONN_ERR_REOPEN_DELAY; iscsi_retry_initial_login(): 30 times 15 s."""
    desk = desk_with(tmp_path, NIC + DISKS + server("iscsi", more='up = "never"\n'))
    for each in (("modprobe", "--all", "virtio_net", "iscsi_tcp"), UP, LEASE):
        desk.run(*each)
    began = desk.world.now
    assert desk.run(*ISCSI).status == 1
    assert 450.0 <= desk.world.now - began < 456.0
    began = desk.world.now
    desk.at(10.0, desk.server, "store", True)
    assert desk.run(*ISCSI).status == 0
    assert desk.world.now - began < 15.0


def test_a_unit_whose_server_goes_waits_for_two_minutes_and_fails(tmp_path: Path) -> None:
    """iscsi_settings.h: DEF_REPLACEMENT_TIMEO 120."""
    layer = '[[layer]]\nkind = "ext4"\non = ["b"]\n'
    desk = desk_with(tmp_path, NIC + DISKS + layer + server("iscsi"))
    connect(desk, *ISCSI)
    desk.server("store", False)
    began = desk.world.now
    assert desk.run("e2fsck", "-a", "/dev/sda").status == 1
    assert desk.world.now - began >= 120.0


NFS = ("mount", "-t", "nfs", "-o", "nolock", "10.0.2.100:/srv", "/mnt")


def test_a_file_of_an_nfs_server_becomes_a_disk(tmp_path: Path) -> None:
    layer = '[[layer]]\nkind = "ext4"\non = ["b"]\nlabel = "far"\n'
    desk = desk_with(tmp_path, NIC + DISKS + layer + server("nfs"))
    connect(desk, *NFS)
    assert desk.run("losetup", "/dev/loop1", "/mnt/a").status == 1
    assert desk.run("losetup", "/dev/loop1", "/mnt/b").status == 0
    assert desk.properties("loop1")["ID_FS_LABEL"] == "far"
    desk.server("store", False)
    began = desk.world.now
    desk.at(300.0, desk.server, "store", True)
    assert desk.run("e2fsck", "-a", "/dev/loop1").status == 0  # nfs(5): hard
    assert desk.world.now - began > 300.0


def test_mount_tries_nfs_for_two_minutes(tmp_path: Path) -> None:
    """nfs(5), retry=; "Network is unreachable" is for good (nfs_is_permanent_error())."""
    desk = desk_with(tmp_path, NIC + DISKS + server("nfs", more='up = "never"\n'))
    began = desk.world.now
    assert desk.run(*NFS).status == 32
    assert desk.world.now - began < 1.0
    for each in (("modprobe", "--all", "virtio_net", "nfs"), UP, LEASE):
        desk.run(*each)
    began = desk.world.now
    assert desk.run(*NFS).status == 32
    assert 120.0 <= desk.world.now - began < 131.0


@pytest.mark.parametrize(
    "words",
    [("ip", "rule", "show"), ("nbd-client", "-d", "/dev/nbd0"), ("mount", "/dev/sda", "/mnt"),
     ("busybox", "wget", "http://10.0.2.100/"), ("udhcpc", "-Z")],
)  # fmt: skip
def test_what_is_not_modelled_is_said(words: tuple[str, ...], tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC)
    assert desk.run(*words).status == 127
    assert desk.world.unsupported == [f"the program `{' '.join(words)}`"]


def test_a_member_that_was_pulled_out_before_is_no_member_that_fails(tmp_path: Path) -> None:
    desk = desk_with(tmp_path, NIC + DISKS + MIRROR + server("nbd"))
    assembled(desk)
    desk.slots.unplug("a")
    desk.server("store", False)
    array = desk.block("md127").array
    assert array is not None
    assert [name for name, _ in array.members] == ["vda"]  # the kernel keeps what it counts on
