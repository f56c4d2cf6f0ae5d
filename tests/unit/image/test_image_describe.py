"""The layers below a root, from sysfs, udev's records and device-mapper tables alone (R28)."""

import json

import pytest
from fake_system import FakeSystem, card, iscsi, nested, nvme_tcp, virtio_disk

from initpy.config.errors import InputError
from initpy.image.stack.describe import StackError, describe
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.system import Recorded, Recording


def asked(stack: Stack, identity: str) -> set[str]:
    return {ask.names[0] for ask in stack.layer(identity).asks}


def below(stack: Stack, layer: Layer) -> list[Kind]:
    """Return the kinds of the layers on the first branch, from the root down."""
    found = [layer.kind]
    while layer.on:
        layer = stack.layer(layer.on[0])
        found.append(layer.kind)
    return found


def test_a_nested_root_has_every_layer_down_to_the_bus() -> None:
    stack = describe("/", nested())
    assert below(stack, stack.layer("fs:/")) == [
        Kind.FILESYSTEM, Kind.LVM, Kind.LUKS, Kind.MD, Kind.DISK, Kind.BUS, Kind.BUS,
    ]  # fmt: skip
    assert stack.layer("block:md127").on == ("block:vda", "block:vdb")
    assert stack.tops == ("fs:/",)
    assert stack.unknown == ()


def test_layers_request_their_drivers_as_the_kernel_does() -> None:
    stack = describe("/", nested())
    assert asked(stack, "fs:/") == {"fs-ext4"}
    assert asked(stack, "block:dm-0") == {
        "dm-mod", "dm-crypt", "crypto-aes", "crypto-xts", "crypto-ecb",
    }  # fmt: skip
    assert asked(stack, "block:md127") == {"md-mod", "md-raid1"}
    node = stack.layer("bus:/sys/devices/pci0000:00/0000:00:01.0/virtio1")
    assert [ask.names[0] for ask in node.asks] == ["virtio:d00000002v00001AF4"]
    assert node.asks[0].using == ("virtio_blk",)
    assert node.asks[0].works


def test_the_header_tells_version_and_key_derivation() -> None:
    luks = describe("/", nested()).layer("block:dm-0")
    assert luks.fact("version") == "2"
    assert luks.fact("derivation") == "argon2id"


def test_without_the_header_the_table_tells_the_cipher() -> None:
    system = nested()
    system.headers.clear()
    stack = describe("/", system)
    assert stack.unknown == ()
    assert stack.layer("block:dm-0").fact("version") == "2"
    assert "crypto-xts" in asked(stack, "block:dm-0")


def test_an_unreadable_table_is_unknown() -> None:
    system = nested()
    del system.outputs["dmsetup table crypt"]
    system.headers.clear()
    stack = describe("/", system)
    assert "/dev/mapper/crypt" in stack.unknown[0]
    assert "LUKS header on /dev/md127" in stack.unknown[1]
    assert "dm-crypt" in asked(stack, "block:dm-0")  # by its UUID


@pytest.mark.parametrize("spec", ["UUID=7a0c", "/dev/mapper/vg0-root", "/dev/dm-1"])
def test_a_root_that_is_not_mounted_is_described_by_its_name(spec: str) -> None:
    system = nested()
    del system.texts["/proc/self/mountinfo"]
    stack = describe(spec, system)
    assert below(stack, stack.layer("fs:/"))[:3] == [Kind.FILESYSTEM, Kind.LVM, Kind.LUKS]


def test_without_udev_a_mapping_has_a_node_of_its_own() -> None:
    system = nested()
    del system.texts["/proc/self/mountinfo"], system.links["/dev/mapper/vg0-root"]
    system.texts["/dev/mapper/vg0-root"] = ""
    system.links["/dev/vg0/root"] = "/dev/mapper/vg0-root"
    stack = describe("/dev/vg0/root", system)
    assert below(stack, stack.layer("fs:/"))[:3] == [Kind.FILESYSTEM, Kind.LVM, Kind.LUKS]


def test_a_name_without_a_device_is_an_error() -> None:
    with pytest.raises(StackError, match="UUID=0000: no device"):
        describe("UUID=0000", nested())


def test_a_stack_survives_json() -> None:
    stack = describe("/", nested())
    assert Stack.from_json(stack.to_json(), "x") == stack


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "JSON"),
        ("[]", "output of"),
        ('{"initpy-stack": 1}', "whole stack"),
    ],
)
def test_a_file_without_a_stack_is_rejected(text: str, expected: str) -> None:
    with pytest.raises(InputError, match=f"stack.json.*{expected}"):
        Stack.from_json(text, "stack.json")


def test_a_layer_with_an_unknown_slave_is_rejected() -> None:
    content = json.loads(describe("/", nested()).to_json())
    content["layers"][0]["on"] = ["block:gone"]
    with pytest.raises(InputError, match="block:gone"):
        Stack.from_json(json.dumps(content), "stack.json")


def test_a_recording_gives_the_same_description_as_its_system() -> None:
    recording = Recording(nested())
    stack = describe("/", recording)
    assert describe("/", Recorded(recording.to_json(), "x")) == stack


def test_a_btrfs_stands_on_all_its_devices() -> None:
    system = FakeSystem()
    for slot, name in enumerate(("vda", "vdb"), 1):
        virtio_disk(system, name, slot, ID_FS_TYPE="btrfs", ID_FS_UUID="b7", ID_FS_UUID_SUB=name)
        system.texts[f"/sys/fs/btrfs/b7/devices/{name}/dev"] = ""
    system.texts["/sys/fs/btrfs/b7/checksum"] = "xxhash64 (xxhash64-generic)\n"
    system.mount("/", "btrfs", "/dev/vdb", "0:31", "rw,subvolid=256,subvol=/@")
    top = describe("/", system).layer("fs:/")
    assert set(top.on) == {"block:vda", "block:vdb"}
    assert top.fact("subvolume") == "/@"
    assert [ask.names[0] for ask in top.asks] == ["fs-btrfs", "crypto-xxhash64"]


def test_a_disk_is_found_outside_a_folder_named_block() -> None:
    """NVMe namespaces lie below their controller."""
    system = FakeSystem()
    pci = system.bus("/sys/devices/pci0000:00/0000:00:04.0", "pci", "nvme", "nvme", "pci:vd")
    system.block("nvme0n1", f"{pci}/nvme/nvme0/nvme0n1", "259:0", ID_FS_TYPE="xfs")
    system.mount("/", "xfs", "/dev/nvme0n1", "259:0")
    stack = describe("/", system)
    assert stack.layer("block:nvme0n1").on == (f"bus:{pci}",)


def test_an_nvme_disk_with_several_controllers_stands_on_all_of_them() -> None:
    system = FakeSystem()
    head = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    system.block("nvme0n1", f"{head}/nvme0n1", "259:0", ID_FS_TYPE="xfs")
    places = [f"/sys/devices/pci0000:00/0000:00:0{number}.0" for number in (4, 5)]
    for number, place in enumerate(places):
        pci = system.bus(place, "pci", "nvme", "nvme", "pci:vd")
        system.texts[f"{pci}/nvme/nvme{number}/state"] = "live\n"
        system.links[f"{head}/nvme{number}"] = f"{pci}/nvme/nvme{number}"
    system.mount("/", "xfs", "/dev/nvme0n1", "259:0")
    stack = describe("/", system)
    assert stack.layer("block:nvme0n1").on == tuple(f"bus:{place}" for place in places)
    assert stack.unknown == ()


def test_devices_of_an_unknown_file_system_are_found_by_its_uuid() -> None:
    system = FakeSystem()
    for slot, name in enumerate(("vda", "vdb", "vdc"), 1):
        uuid = "other" if name == "vdc" else "same"
        virtio_disk(system, name, slot, ID_FS_TYPE="newfs", ID_FS_UUID=uuid, ID_FS_UUID_SUB=name)
    system.mount("/", "newfs", "/dev/vda:/dev/vdb", "0:31")
    top = describe("/", system).layer("fs:/")
    assert top.on == ("block:vda", "block:vdb")
    assert top.asks[0].names == ("fs-newfs", "newfs")


def test_members_of_a_pool_are_found_by_udevs_records() -> None:
    """Such as ZFS: the mount's source is no device, and the members have the pool's name."""
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="zfs_member", ID_FS_LABEL="tank")
    virtio_disk(system, "vdb", 2, ID_FS_TYPE="zfs_member", ID_FS_LABEL="other")
    system.mount("/", "zfs", "tank/ROOT/debian", "0:31")
    assert describe("/", system).layer("fs:/").on == ("block:vda",)


def test_a_volume_of_a_pool_stands_on_the_pools_members() -> None:
    """The kernel names no device below it: the pool is in udev's link (60-zvol.rules)."""
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="zfs_member", ID_FS_LABEL="tank")
    virtio_disk(system, "vdb", 2, ID_FS_TYPE="zfs_member", ID_FS_LABEL="other")
    system.block("zd0", "/sys/devices/virtual/block/zd0", "230:0", ID_FS_TYPE="ext4")
    system.texts["/run/udev/data/b230:0"] += "S:zvol/tank/root\nS:tank/root\n"
    system.mount("/", "ext4", "/dev/zd0", "230:0")
    stack = describe("/", system)
    assert stack.layer("block:zd0").on == ("block:vda",)
    assert asked(stack, "block:zd0") == {"zfs"}
    assert stack.unknown == ()
    system.outputs["zfs get -H -o value encryption tank/root"] = "off\n"
    assert describe("/", system).unknown == ()
    system.outputs["zfs get -H -o value encryption tank/root"] = "aes-256-gcm\n"
    (unknown,) = describe("/", system).unknown
    assert "the encrypted volume tank/root" in unknown


def test_a_separate_usr_is_part_of_the_stack() -> None:
    system = nested()
    virtio_disk(system, "vdc", 3, ID_FS_TYPE="xfs", ID_FS_UUID_ENC="u5")
    system.texts["/etc/fstab"] = "UUID=u5 /usr xfs defaults 0 0\n"
    assert describe("/", system).tops == ("fs:/", "fs:/usr")


def test_volumes_that_crypttab_leaves_to_the_initramfs_are_part_of_the_stack() -> None:
    system = nested()
    virtio_disk(system, "vdc", 3, ID_FS_TYPE="crypto_LUKS")
    table = "0 1 crypt serpent-cbc-essiv:sha256 :0 0 254:48 0"
    system.mapped("dm-2", "253:2", "more", "CRYPT-LUKS1-x-more", table, ["vdc"])
    system.texts["/etc/crypttab"] = "more /dev/vdc none luks,x-initrd.attach\n"
    stack = describe("/", system)
    assert "block:dm-2" in stack.tops
    assert {"crypto-serpent", "crypto-cbc", "crypto-essiv", "crypto-sha256"} <= asked(
        stack, "block:dm-2"
    )


@pytest.mark.parametrize(
    ("kind", "source"), [("overlay", "overlay"), ("rootfs", "rootfs"), ("9p", "root")]
)
def test_the_root_of_a_container_cannot_be_described(kind: str, source: str) -> None:
    system = FakeSystem()
    system.mount("/", kind, source, "0:50", "rw,lowerdir=/l/a:/l/b,upperdir=/u")
    with pytest.raises(StackError, match=rf"/ is {kind}.*cannot be proved.*--root UUID="):
        describe("/", system)


def test_paths_of_a_multipath_disk_and_its_selector_are_found() -> None:
    system = FakeSystem()
    for slot, name in enumerate(("vda", "vdb"), 1):
        virtio_disk(system, name, slot, ID_FS_TYPE="mpath_member", DM_MULTIPATH_DEVICE_PATH="1")
    table = (
        "0 99 multipath 1 queue_if_no_path 1 alua 2 1 "
        "service-time 0 1 2 254:16 1 1 service-time 0 1 2 254:32 1 1"
    )
    system.mapped("dm-0", "253:0", "mpatha", "mpath-0QEMU", table, ["vda", "vdb"])
    system.mapped("dm-1", "253:1", "mpatha-part1", "part1-mpath-0QEMU", "0 9 linear 253:0 1",
                  ["dm-0"], ID_FS_TYPE="xfs")  # fmt: skip
    system.mount("/", "xfs", "/dev/mapper/mpatha-part1", "253:1")
    stack = describe("/", system)
    assert below(stack, stack.layer("fs:/"))[:3] == [
        Kind.FILESYSTEM, Kind.PARTITION, Kind.MULTIPATH,
    ]  # fmt: skip
    assert asked(stack, "block:dm-0") == {
        "dm-mod", "dm-multipath", "scsi_dh_alua", "dm-service-time",
    }  # fmt: skip


def test_the_root_in_a_file_stands_on_the_file_system_that_holds_it() -> None:
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="vfat")
    system.block("loop0", "/sys/devices/virtual/block/loop0", "7:0", ID_FS_TYPE="ext4")
    system.texts["/sys/devices/virtual/block/loop0/loop/backing_file"] = "/run/host/root.img\n"
    system.texts["/proc/devices"] = "Character devices:\n\nBlock devices:\n  7 loop\n"
    system.mount("/run/host", "vfat", "/dev/vda", "254:16")
    system.mount("/", "ext4", "/dev/loop0", "7:0")
    stack = describe("/", system)
    assert asked(stack, "block:loop0") == {"loop"}
    assert {"fs-vfat"} == asked(stack, "fs:/run/host")
    assert stack.layer("file:/run/host/root.img").on == ("fs:/run/host",)


def test_a_file_without_a_visible_file_system_is_unknown() -> None:
    system = FakeSystem()
    system.block("loop0", "/sys/devices/virtual/block/loop0", "7:0", ID_FS_TYPE="ext4")
    system.texts["/sys/devices/virtual/block/loop0/loop/backing_file"] = "/run/host/root.img\n"
    system.mount("/run", "tmpfs", "tmpfs", "0:20")
    system.mount("/", "ext4", "/dev/loop0", "7:0")
    assert "/run/host/root.img" in describe("/", system).unknown[0]


def test_an_iscsi_disk_needs_the_initiator_and_the_card() -> None:
    stack = describe("/", iscsi())
    assert asked(stack, "block:sda") == {"iscsi_tcp"}
    assert "target:10.0.2.2" in stack.layer("block:sda").on
    assert stack.layer("target:10.0.2.2").on == ("net:eth0",)
    assert stack.layer("net:eth0").fact("protocol") == "iSCSI"
    assert asked(stack, "bus:/sys/devices/pci0000:00/0000:00:03.0") == {"pci:v8086"}


def test_an_nvme_namespace_over_tcp_needs_its_driver_and_the_card() -> None:
    stack = describe("/", nvme_tcp())
    subsystem = "target:nqn.2009-06.example:disk"
    assert stack.layer("block:nvme0n1").on == (subsystem,)
    assert asked(stack, "block:nvme0n1") == {"nvme-core"}
    assert asked(stack, subsystem) == {"nvme-tcp"}
    assert stack.layer(subsystem).name.endswith(" at 10.0.2.2, 10.0.2.3")
    assert stack.layer(subsystem).on == ("net:eth0",)
    assert stack.layer(subsystem).fact("host") == "nqn.2009-06.example:me"


def test_an_nfs_root_stands_on_the_card_that_reaches_the_server() -> None:
    system = FakeSystem()
    card(system)
    system.mount("/", "nfs4", "10.0.2.2:/srv/root", "0:40", "rw,vers=4.2,addr=10.0.2.2")
    stack = describe("/", system)
    assert below(stack, stack.layer("fs:/")) == [Kind.FILESYSTEM, Kind.NETWORK, Kind.BUS]
    assert asked(stack, "fs:/") == {"fs-nfs4", "nfsv4"}


def test_suppliers_of_a_controller_in_the_device_tree_are_needed() -> None:
    system = FakeSystem()
    soc = "/sys/devices/platform/soc"
    node = system.bus(f"{soc}/mmc", "platform", "mmc-chip", "mmc_chip", "of:NmmcT(null)Cmmc")
    power = system.bus(f"{soc}/pmic", "platform", "pmic", "pmic_chip", "of:NpmicT(null)Cpmic")
    link = "/sys/devices/virtual/devlink/platform:pmic--platform:mmc"
    system.links[f"{node}/supplier:platform:pmic"] = link
    system.links[f"{link}/supplier"] = power
    system.block("mmcblk0", f"{node}/block/mmcblk0", "179:0", ID_FS_TYPE="ext4")
    system.mount("/", "ext4", "/dev/mmcblk0", "179:0")
    assert asked(describe("/", system), f"bus:{power}") == {"of:NpmicT(null)Cpmic"}
