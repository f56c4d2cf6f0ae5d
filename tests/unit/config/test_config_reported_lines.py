"""Command lines that users of other initramfs reported: what each of them means here.

Most come from reports that name a failed boot of dracut, mkinitcpio, booster or systemd.
"""

import pytest

from initpy.config.settings import read_settings
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming, SpecTable
from initpy.core.devices.suggestions import names
from initpy.core.layer import Layer
from initpy.core.settings import BreakPoint

ONE = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b0001"


def complaints(command_line: str) -> list[str]:
    """What is wrong with a command line."""
    return [str(each) for each in read_settings(command_line)[1]]


@pytest.mark.parametrize("line", ["rd.luks.key=/k", "rd.luks.options=discard"])
def test_what_is_said_of_no_volume_of_crypttab_is_not_dropped_in_silence(line: str) -> None:
    """Lines of crypttab have keys and options of their own (systemd-cryptsetup-generator(8))."""
    _, problems = read_settings(line, f"c UUID={ONE} none luks\n")
    (found,) = map(str, problems)
    assert f"{line.partition('=')[0]}: " in found
    assert found.endswith("to name the volume that it is for; it is ignored")


def test_what_is_said_of_no_volume_is_for_those_that_nothing_names() -> None:
    line = "rd.luks.key=/k:LABEL=stick rd.luks.options=tries=5 rd.luks.allow-discards=1"
    settings, problems = read_settings(f"root=LABEL=x {line} rd.luks.timeout=1min")
    assert problems == ()
    assert settings.volumes == ()
    found = settings.unnamed
    assert str(found.key) == "the key file /k on LABEL=stick"
    assert (found.tries, found.options, found.timeout) == (5, ("--allow-discards",), 60.0)
    assert found.called("1-2").name == "luks-1-2"


@pytest.mark.parametrize("word", ["", "=1", "=yes", "=on"])
def test_discards_for_all_are_a_flag(word: str) -> None:
    settings, problems = read_settings(f"rd.luks.uuid={ONE} rd.luks.allow-discards{word}")
    assert problems == ()
    assert settings.volumes[0].options == ("--allow-discards",)
    settings, _ = read_settings(f"rd.luks.uuid={ONE} rd.luks.allow-discards{word} "
                                "rd.luks.allow-discards=0")  # fmt: skip
    assert settings.volumes[0].options == ()


@pytest.mark.parametrize("before", ["luks-", "UUID=", ""])
def test_what_users_write_before_a_uuid(before: str) -> None:
    named = f"{before}{ONE}"
    line = f"rd.luks.name={named}=c rd.luks.options={named}=tries=4 rd.luks.key={named}=/k"
    settings, problems = read_settings(f"{line} rd.luks.uuid={named}")
    assert problems == ()
    (volume,) = settings.volumes
    assert (volume.name, volume.tries, str(volume.key)) == ("c", 4, "the key file /k")


def test_the_beginning_of_a_uuid_names_a_volume() -> None:
    """dracut.cmdline(7); crypttab's line for it keeps name, key and options."""
    start = ONE[:9]
    settings, problems = read_settings(f"rd.luks.uuid=luks-{start}")
    assert problems == ()
    (volume,) = settings.volumes
    assert (volume.name, volume.source) == ("", DeviceSpec(Naming.UUID_START, start))
    device = Device("sda2", {"ID_FS_UUID_ENC": ONE.upper()})
    assert volume.source.names(device)
    assert SpecTable([(volume.source, 1)]).first(device) == 1
    assert [each.naming for each in names(device)] == [Naming.UUID]  # on the screen
    other = Device("sda3", {"ID_FS_UUID_ENC": "9" + ONE})
    assert not volume.source.names(other)
    assert SpecTable([(volume.source, 1)]).first(other) is None

    table = f"mine UUID={ONE} /k luks\nother UUID=9{ONE[1:]} /k2 luks\n"
    settings, _ = read_settings(f"rd.luks.uuid={start}", table)
    mine, rest = settings.volumes
    assert (mine.name, str(mine.key), mine.source.value) == ("mine", "the key file /k", ONE)
    assert rest.name == ""
    assert [each.name for each in settings.left_out] == ["other"]


@pytest.mark.parametrize("text", ["", "x", "luks-", "3", "3f5ad5933f", "{3f5ad593}"])
def test_what_is_no_beginning_of_a_uuid(text: str) -> None:
    (found,) = complaints(f"rd.luks.uuid={text}")
    assert "expected the UUID of a LUKS volume, or its first digits" in found


@pytest.mark.parametrize(
    ("line", "source", "name", "options"),
    [
        ("/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part2:root",
         "/dev/disk/by-path/pci-0000:00:1f.2-ata-1-part2", "root", ()),
        ("/dev/disk/by-id/usb-A_B-0:0-part1:root:allow-discards",
         "/dev/disk/by-id/usb-A_B-0:0-part1", "root", ("--allow-discards",)),
        ("/dev/disk/by-id/usb-A_B-0\\:0:root:allow-discards",
         "/dev/disk/by-id/usb-A_B-0:0", "root", ("--allow-discards",)),
        ("/dev/md/host\\:1:root", "/dev/md/host:1", "root", ()),
        ("/dev/md/host:1:root", "/dev/md/host:1", "root", ()),
        ("/dev/sda2:root:allow-discards", "/dev/sda2", "root", ("--allow-discards",)),
        ("ID=ata-X-part2:root", "/dev/disk/by-id/ata-X-part2", "root", ()),
    ],
)  # fmt: skip
def test_a_device_with_colons_in_its_name(
    line: str, source: str, name: str, options: tuple[str, ...]
) -> None:
    settings, problems = read_settings(f"cryptdevice={line}")
    assert problems == ()
    (volume,) = settings.volumes
    assert (str(volume.source), volume.name, volume.options) == (source, name, options)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('BOOT_IMAGE="/vmlinuz root=LABEL=x', "BOOT_IMAGE: '…': expected a second quote"),
        ('root=LABEL=x dyndbg="file a +p', "dyndbg: '…': expected a second quote"),
        ("quiet\xa0root=LABEL=x", "expected a parameter that initpy knows"),
        ("root=live:/dev/sr0", "live images and roots that are fetched are not supported"),
        ("root=ubifs:/dev/ubi0", "another root: one on ubifs is not supported"),
        ("root=aoe:e0.0", "aoe is not supported; NFS, iSCSI, NBD and NVMe over TCP are"),
        ("root=ceph:/srv", "ceph is not supported; NFS, iSCSI, NBD and NVMe over TCP are"),
        ("root=zfs:AUTO", "a device: the image has no ZFS (jobs/extra/zfs.toml)"),
        ("root=ZFS=rpool/ROOT/debian", "a device: the image has no ZFS (jobs/extra/zfs.toml)"),
        ("rpool=rpool", "rpool: 'rpool': not supported: the image has no ZFS"),
        ("root=LABEL=x bootfs.rollback", "bootfs.rollback: not supported: root would have what"),
        ("root=LABEL=x spl_hostid=1", "spl_hostid: '1': not supported: spl.spl_hostid=0x… is"),
        ("root=fd00::1:/srv", "an IPv6 server in brackets, as in [fd00::1]:/DIRECTORY"),
        ("root=live:CDLABEL=Fedora", "live images and roots that are fetched are not supported"),
        ("root=http://a/b.img", "live images and roots that are fetched are not supported"),
        ("root=fstab", "root=fstab is of systemd's initramfs"),
        ("root=bind:/a", "root=bind is of systemd's initramfs"),
        ("root=mtd0", "one on mtd0 is not supported"),
        ("root=ubi1_0", "expected UUID="),
        ("root=/dev/sda2:/dev/sdb2", "one device: a file system of bcachefs on several is not"),
        ("root=//server/share", "CIFS is not supported; NFS, iSCSI, NBD and NVMe over TCP are"),
        ("root=ubi0:rootfs", "one on ubi0 is not supported"),
        ("root=sda1", "expected root=/dev/sda1"),
        ("root='LABEL=x'", "expected root=LABEL=x"),
        ("root=“UUID=a-b”", "expected root=UUID=a-b"),
        ("rd.lvm.vg=a,b", "rd.lvm.vg: 'a,b': expected the name of a volume group"),
        ("rd.lvm.lv=vg/lv,vg/swap", "expected VG/LV"),
    ],
)
def test_what_reports_of_users_had_on_their_command_lines(line: str, said: str) -> None:
    (found,) = complaints(line)
    assert said in found


@pytest.mark.parametrize(
    "line",
    [
        'BOOT_IMAGE="/vmlinuz root=LABEL=x', "quiet\xa0root=LABEL=x", "root=live:/dev/sr0",
        "boot=zfs", "rpool=rpool bootfs=rpool/ROOT/debian", "boot=live findiso=/debian.iso",
    ],
)  # fmt: skip
def test_no_other_root_is_looked_for_than_the_one_that_was_meant(line: str) -> None:
    assert read_settings(line)[0].root is None


def test_a_byte_order_mark_is_no_part_of_the_first_parameter() -> None:
    settings, problems = read_settings("\ufeffroot=LABEL=x")
    assert problems == ()
    assert settings.root == DeviceSpec(Naming.LABEL, "x")


@pytest.mark.parametrize("text", ["/dev/vg/lv", "/dev/mapper/vg-lv", "vg/lv"])
def test_a_logical_volume_by_its_path(text: str) -> None:
    settings, problems = read_settings(f"root=/dev/mapper/vg-lv rd.lvm.lv={text}")
    assert problems == ()
    assert settings.layer(Layer.LVM).named == {"vg"}
    assert settings.lvm.volumes == {"vg/lv"}
    settings, _ = read_settings("root=/dev/mapper/vg-lv rd.lvm.vg=/dev/other")
    assert settings.layer(Layer.LVM).named == {"vg", "other"}


@pytest.mark.parametrize("text", [ONE[:9], f"luks-{ONE[:4]}", ONE.upper()])
def test_discards_for_those_whose_uuid_begins_so(text: str) -> None:
    settings, problems = read_settings(f"rd.luks.uuid={ONE} rd.luks.allow-discards={text}")
    assert problems == ()
    assert settings.volumes[0].options == ("--allow-discards",)
    other = f"rd.luks.uuid=9{ONE[1:]} rd.luks.allow-discards={text}"
    assert "to name the volume that it is for" in complaints(other)[0]
    assert read_settings(other)[0].volumes[0].options == ()


def test_a_volume_may_have_the_key_of_others() -> None:
    """dracut.cmdline(7), keysource."""
    line = f"rd.luks.uuid={ONE} rd.luks.uuid=keysource:cccc rd.luks.key=/keyfile:UUID=aabb"
    settings, problems = read_settings(line)
    assert problems == ()
    assert [str(each.source) for each in settings.volumes] == [f"UUID={ONE}", "UUID=cccc…"]
    assert str(settings.volumes[0].key) == "the key file /keyfile on UUID=aabb…"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/k:LABEL=stick:LABEL=disk", "expected PATH:DEVICE:UUID=…, the whole UUID of the volume"),
        ("/k:LABEL=stick:/dev/sda2", "expected PATH:DEVICE:UUID=…, the whole UUID of the volume"),
        ("/k:LABEL=stick:UUID=3b1f", "expected PATH:DEVICE:UUID=…, the whole UUID of the volume"),
        ("/k.gpg:LABEL=stick", "keys in .gpg and .img files are not supported"),
        ("/k.gpg", "keys in .gpg and .img files are not supported"),
        ("/k.img:LABEL=stick", "keys in .gpg and .img files are not supported"),
        (f"/k::UUID={ONE}", "expected [UUID=]/PATH of a key file in the image, or [UUID=]/PATH:D"),
    ],
)
def test_what_dracut_understands_of_a_key_and_initpy_does_not(text: str, said: str) -> None:
    (found,) = complaints(f"root=LABEL=x rd.luks.key={text}")
    assert said in found


@pytest.mark.parametrize("device", ["UUID=1234-ABCD", "UUID=0123456789ABCDEF", f"UUID={ONE}"])
def test_a_whole_uuid_names_the_device_of_a_key(device: str) -> None:
    key = read_settings(f"rd.luks.key=/k:{device}")[0].unnamed.key
    assert str(key) == f"the key file /k on {device}"


@pytest.mark.parametrize("word", ["fastboot=0", "rd.skipfsck=no", "forcefsck=0", "fsckfix=0"])
def test_a_flag_that_is_off_asks_for_no_other_check(word: str) -> None:
    usual = read_settings("root=LABEL=x")[0].check
    assert read_settings(f"root=LABEL=x {word}")[0].check == usual
    name = word.partition("=")[0]
    assert read_settings(f"root=LABEL=x {name}")[0].check != usual
    assert read_settings(f"root=LABEL=x {name} {word}")[0].check == usual


@pytest.mark.parametrize(
    "flags", ["rootflags=rw,X-mount.subdir=system", "rootflags=X-mount.idmap=/x",
              "rootflags=verity.roothash=12", "mount.usrflags=verity.oncorruption=panic"]
)  # fmt: skip
def test_root_is_left_alone_where_mount_8_would_make_another_one_of_it(flags: str) -> None:
    settings, (problem,) = read_settings(f"root=LABEL=x {flags}")
    assert "options without X-mount.subdir=" in str(problem)
    assert settings.refusal == str(problem)
    assert read_settings("root=LABEL=x rootflags=X-mount.mkdir,x-systemd.growfs")[1] == ()


@pytest.mark.parametrize(("text", "offset"), [("0", 0), ("4294967296", 1 << 32), ("1" * 18, 0)])
def test_a_swap_file_may_begin_anywhere_on_a_large_disk(text: str, offset: int) -> None:
    settings, problems = read_settings(f"root=LABEL=x resume=LABEL=x resume_offset={text}")
    assert problems == ()
    assert settings.resume is not None
    assert settings.resume.offset == (offset or int(text))


@pytest.mark.parametrize(
    ("line", "table", "seconds"),
    [
        ("", "x-systemd.device-timeout=10min", 600.0),
        ("", "x-systemd.device-timeout=5", 90.0),
        ("", "x-systemd.device-timeout=0", None),
        ("", "x-systemd.device-timeout=infinity", None),
        ("", "nofail,x-systemd.device-timeout=10min", 90.0),
        ("rd.timeout=20", "x-systemd.device-timeout=1min", 60.0),
        ("rootwait", "x-systemd.device-timeout=1min", None),
        (f"rd.luks.uuid=9{ONE[1:]}", "x-systemd.device-timeout=10min", 90.0),
        (f"rd.luks.uuid={ONE}", "x-systemd.device-timeout=10min", 600.0),
    ],
)
def test_a_volume_may_take_as_long_as_crypttab_says(
    line: str, table: str, seconds: float | None
) -> None:
    settings, problems = read_settings(f"root=LABEL=x {line}", f"c UUID={ONE} none {table}\n")
    assert problems == ()
    assert settings.root_wait == seconds


def test_of_all_options_of_a_token_one_line_tells() -> None:
    options = "tpm2-device=auto,tpm2-pcrs=7,tpm2-pin=yes,discard,token-timeout=10s"
    _, (problem,) = read_settings("root=LABEL=x", f"c UUID={ONE} none {options}\n")
    assert "option: 'tpm2-device=auto': expected no token" in str(problem)


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ('rootflags=subvol="@ my",compress=zstd', ("subvol=@ my", "compress=zstd")),
        ('rootflags="subvol=@ my,compress=zstd"', ("subvol=@ my", "compress=zstd")),
        ('"rootflags=subvol=@ my"', ("subvol=@ my",)),
        ('rootflags=degraded rootflags=subvol="a b"', ("degraded", "subvol=a b")),
        ('rootflags=context="u:r:t:c0,c1",subvol=@', ('context="u:r:t:c0', 'c1"', "subvol=@")),
    ],
)
def test_blanks_in_the_name_of_a_subvolume(line: str, flags: tuple[str, ...]) -> None:
    assert read_settings(f"root=LABEL=x {line}")[0].mount.flags == flags


@pytest.mark.parametrize(
    ("line", "root"),
    [
        # Gentoo's wiki: for tools that want root= although systemd finds it.
        ("root=/dev/gpt-auto-root", DeviceSpec(Naming.GPT_AUTO, "")),
        # zfs-initramfs of Debian, without root=
        ("boot=zfs root=LABEL=x", DeviceSpec(Naming.LABEL, "x")),
        ("boot=zfs boot=local", DeviceSpec(Naming.GPT_AUTO, "")),
    ],
)
def test_which_root_reported_lines_mean(line: str, root: DeviceSpec) -> None:
    settings, problems = read_settings(line)
    assert (settings.root, problems) == (root, ())


def test_a_swap_file_on_the_root_that_its_partition_type_tells() -> None:
    settings, problems = read_settings("root=/dev/gpt-auto-root resume=/dev/gpt-auto-root "
                                       "resume_offset=38912")  # fmt: skip
    assert problems == ()
    assert settings.resume is not None
    assert (settings.resume.source, settings.resume.offset) == (settings.root, 38912)
    settings, (problem,) = read_settings("root=LABEL=x resume=/dev/gpt-auto-root")
    assert settings.resume is None
    assert "resume: '/dev/gpt-auto-root': expected UUID=" in str(problem)
    assert "or the same as root=" in str(problem)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("boot=zfs rpool=tank bootfs=tank/a", "bootfs: 'tank/a': not supported: the image has"),
        ("boot=zfs", "root: 'zfs:AUTO': expected a device: the image has no ZFS"),
    ],
)  # fmt: skip
def test_no_other_root_is_looked_for_than_a_pool(line: str, said: str) -> None:
    settings, problems = read_settings(line)
    assert settings.root is None
    assert said in settings.unread
    assert settings.unread in map(str, problems)


@pytest.mark.parametrize(
    ("line", "breaks"),
    [
        # kernel-command-line(7) of systemd
        ("rd.emergency", {BreakPoint.START}),
        ("rd.rescue", {BreakPoint.MOUNT}),
        ("rd.rescue=0", set()),
        ("rd.rescue rd.systemd.break=pre-switch-root", {BreakPoint.MOUNT, BreakPoint.HAND_OVER}),
    ],
)
def test_systemds_words_for_a_shell(line: str, breaks: set[BreakPoint]) -> None:
    settings, problems = read_settings(f"root=LABEL=x {line}")
    assert settings.breaks == breaks
    assert problems == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        # The words of booster's and genkernel's users, and of Anaconda.
        ("rd.luks.options=root=discard", "rd.luks.options: option: 'root=discard': expected"),
        ("crypt_roots=UUID=1-2", "crypt_roots: 'UUID=1-2': not supported: cryptdevice=DEVICE:NAME"),
        ("ip=10.0.7.9 netmask=255.255.0.0", "netmask: '255.255.0.0': not supported: ip=ADDRESS::"),
        ("gateway=10.0.7.1", "gateway: '10.0.7.1': not supported: ip=ADDRESS::GATEWAY:NETMASK::"),
        ("rd.lvm.vg=vg rd.lvm.lv=root", "rd.lvm.lv: 'root': expected VG/LV"),
    ],
)  # fmt: skip
def test_what_other_reports_had(line: str, said: str) -> None:
    (found,) = complaints(f"root=LABEL=x {line}")
    assert said in found


@pytest.mark.parametrize("line", ["ro rw=0", "rw=1 ro", "ro rw=yes"])
def test_ro_and_rw_have_no_value(line: str) -> None:
    """The kernel and systemd ignore them with one: root would be writable for rw=0."""
    settings, (problem,) = read_settings(f"root=LABEL=x {line}")
    assert not settings.mount.writable
    assert "rw alone, without a value" in str(problem)
