"""The check judges what lvm.conf and the devices file keep LVM from (R28)."""

from pathlib import Path

import pytest
from writing import archive_of

from initpy.image.check.lvmfilters import Filters
from initpy.image.check.proof import Verdict
from initpy.image.content.lvmconf import read
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File, Tree

PVID = "0123456789abcdefghijklmnopqrstuv"
UUID = "012345-6789-abcd-efgh-ijkl-mnop-qrstuv"
DISK = Layer("block:sda2", Kind.PARTITION, "/dev/sda2", properties=(
    ("INITPY_SECTORS", "8192"),
    ("ID_FS_TYPE", "LVM2_member"), ("ID_FS_UUID", UUID),
    ("DEVLINKS", "/dev/disk/by-id/ata-one-part2 /dev/disk/by-path/pci-1-part2"),
))  # fmt: skip
VOLUME = Layer("block:dm-0", Kind.LVM, "/dev/mapper/vg-root", ("block:sda2",),
               properties=(("DM_VG_NAME", "vg"), ("DM_LV_NAME", "root")))  # fmt: skip
STACK = Stack("/", "6.1", "x86_64", ("block:dm-0",), (VOLUME, DISK))
FILE = "/etc/lvm/devices/system.devices"


def judged(
    conf: str, configured: bool = True, named: tuple[str, ...] = (), **devices: str
) -> dict[str, Verdict]:
    tree = Tree()
    tree.add("/etc/lvm/lvm.conf", File(conf.encode()))
    for name, text in devices.items():
        tree.add(f"/etc/lvm/devices/{name}.devices", File(text.encode()))
    filters = Filters(archive_of(tree, Path("x.img")), STACK, configured=configured, named=named)
    return {row.need: row.verdict for row in filters.rows(VOLUME)}


@pytest.mark.parametrize(
    ("conf", "verdict"),
    [
        ("devices {\n  # filter = [ \"r|.*|\" ]\n}\n", None),
        ('devices/filter = [ "a|.*|" ]', Verdict.OK),
        ('devices { filter = [ "r|.*|" ] }', Verdict.MISSING),
        ('devices/filter = [ "a|^/dev/disk/by-id/ata-one|", "r|.*|" ]', Verdict.OK),
        ('devices/filter = [ "a|^/dev/disk/by-id/ata-two|", "r|.*|" ]', Verdict.MISSING),
        ('devices/filter = [ "r|^/dev/sd[ab]|" ]', Verdict.OK),  # its other names match nothing
        ('devices/filter = [ "a|^/dev/sda2$|", "r/.*/" ]', Verdict.WARNING),
        ('devices/filter=[\n  "a|loop|", # of images\n  "r|.*|"\n]', Verdict.MISSING),
        ('devices/filter = "r|.*|"', Verdict.MISSING),
    ],
)  # fmt: skip
def test_a_filter_accepts_or_rejects_by_names(conf: str, verdict: Verdict | None) -> None:
    assert judged(conf).get("filter of lvm.conf") is verdict


@pytest.mark.parametrize(
    "conf", ['devices/filter = [ "r|[|", "a|x|" ]', "devices {\n", "# nothing\n"]
)
def test_a_file_that_lvm_refuses_keeps_it_from_everything(conf: str) -> None:
    assert judged(conf) == {"lvm.conf": Verdict.MISSING}
    assert judged(conf, configured=False) == {}


@pytest.mark.parametrize(
    ("conf", "need", "verdict"),
    [
        ("activation { udev_rules = 0 }", "udev_rules=0 of lvm.conf", Verdict.MISSING),
        ("activation { udev_rules = 1 }", "udev_rules=0 of lvm.conf", None),
        ('devices { scan = [ "/dev/none" ] }', "scan of lvm.conf", Verdict.MISSING),
        ('devices { scan = [ "/x", "/dev" ] }', "scan of lvm.conf", None),
        ('devices { scan = [ "/dev/mapper" ] }', "scan of lvm.conf", Verdict.MISSING),
        ('devices { scan = [ "/dev/disk/by-id" ] }', "scan of lvm.conf", None),
        ("devices/pv_min_size = 4096", "pv_min_size of lvm.conf", None),
        ("devices/pv_min_size = 4097", "pv_min_size of lvm.conf", Verdict.MISSING),
        ("config/abort_on_errors = 1", "abort_on_errors=1 of lvm.conf", Verdict.UNKNOWN),
        ("config/abort_on_errors = 0", "abort_on_errors=1 of lvm.conf", None),
    ],
)
def test_settings_that_keep_a_boot_from_its_volumes(
    conf: str, need: str, verdict: Verdict | None
) -> None:
    assert judged(conf).get(need) is verdict


def test_a_group_that_is_named_is_activated_whatever_the_list_says() -> None:
    conf = 'activation { auto_activation_volume_list = [ "other" ] }'
    need = "auto_activation_volume_list of lvm.conf"
    assert judged(conf) == {need: Verdict.MISSING}
    assert judged(conf, named=("vg",)) == {}
    assert judged(conf.replace("auto_activation_", ""), named=("vg",)) != {}


def test_the_global_filter_counts_too() -> None:
    assert judged('devices/global_filter = [ "r|.*|" ]') == {
        "global_filter of lvm.conf": Verdict.MISSING
    }
    assert judged('devices/global_filter = [ "r|.*|" ]', configured=False) == {}


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ('[ "vg" ]', Verdict.OK),
        ('[ "vg/root", "other" ]', Verdict.OK),
        ('[ "vg/swap", "other" ]', Verdict.MISSING),
        ("[]", Verdict.MISSING),
        ('[ "@tag" ]', Verdict.UNKNOWN),
    ],
)
def test_a_list_of_volumes_restricts_what_is_activated(values: str, verdict: Verdict) -> None:
    found = judged(f"activation {{ auto_activation_volume_list = {values} }}")
    assert found == {"auto_activation_volume_list of lvm.conf": verdict}


@pytest.mark.parametrize(
    ("conf", "text", "verdict"),
    [
        ("devices/use_devicesfile = 1", f"IDTYPE=devname PVID={PVID}\n", Verdict.OK),
        ("devices/use_devicesfile = 1", "IDTYPE=devname PVID=another\n", Verdict.MISSING),
        ("devices/use_devicesfile = 0", "IDTYPE=devname PVID=another\n", None),
        ("", "IDTYPE=devname PVID=another\n", None),
        # It is not there.
        ('devices/devicesfile = "mine.devices"', f"PVID={PVID}\n", Verdict.MISSING),
    ],
)
def test_the_devices_file_lists_the_physical_volume(
    conf: str, text: str, verdict: Verdict | None
) -> None:
    assert judged(conf, system=text).get("devices file") is verdict


def test_lvm_may_be_told_to_activate_nothing() -> None:
    conf = "global { activation = 0 }"
    assert judged(conf) == {"activation=0 of lvm.conf": Verdict.MISSING}
    assert judged(conf, configured=False) == {}
    assert judged("global { activation = 1 }\nactivation { monitoring = 0 }") == {}


def test_without_a_devices_file_all_devices_count() -> None:
    assert judged("devices/use_devicesfile = 1") == {}


def test_settings_are_read_with_sections_and_comments() -> None:
    text = 'devices {\n filter = [ "a|#|" ] # x = 1\n}\nlocal/system_id = "a b"\nn = 5\n'
    assert read(text) == {
        "devices/filter": ("a|#|",), "local/system_id": ("a b",), "n": ("5",),
    }  # fmt: skip
