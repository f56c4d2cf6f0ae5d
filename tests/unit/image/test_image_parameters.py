"""The check judges the command line with which an image will be started, and the names at boot."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from fake_system import FakeSystem, nested, virtio_disk
from writing import archive_of

from initpy.config.jobs import json_text
from initpy.config.project import PROJECT
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.mapper import asks, parse_table
from initpy.image.tree import File, Tree

LUKS = "3b1f0000-0000-4000-8000-000000000001"


def image(crypttab: str = "") -> Archive:
    """Return an initpy image with its job files; it has no programs and no drivers."""
    tree = Tree()
    for path in sorted((PROJECT / "jobs").glob("*.toml")):
        tree.add(f"/usr/lib/initpy/jobs/{path.stem}.json", File(json_text(path).encode()))
    if crypttab:
        tree.add("/etc/crypttab", File(crypttab.encode()))
    return archive_of(tree, Path("test.img"))


def proved(archive: Archive, system: FakeSystem, cmdline: str | None = None) -> Proof:
    stack: Stack = describe("/", system)
    return prove(archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False,
                 cmdline=cmdline)  # fmt: skip


def about(proof: Proof) -> dict[str, tuple[Verdict, str]]:
    """Return the verdicts about the command line: by need for the whole, by layer for layers."""
    return {
        (row.need if row.layer == "the command line" else row.layer): (row.verdict, row.reason)
        for row in proof.rows
        if "the command line" in (row.layer, row.need)
    }


def encrypted(**texts: str) -> FakeSystem:
    """Return Debian's encrypted root without LVM: ext4 on LUKS on a partition."""
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="crypto_LUKS", ID_FS_UUID=LUKS)
    table = "0 160000 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:16 32768"
    uuid = f"CRYPT-LUKS2-{LUKS.replace('-', '')}-vda5_crypt"
    system.mapped("dm-0", "253:0", "vda5_crypt", uuid, table, ["vda"],
                  ID_FS_TYPE="ext4", ID_FS_UUID="7a0c")  # fmt: skip
    system.mount("/", "ext4", "/dev/mapper/vda5_crypt", "253:0")
    system.texts |= {"/proc/cmdline": "root=/dev/mapper/vda5_crypt ro quiet\n", **texts}
    return system


LINE = f"vda5_crypt UUID={LUKS} none luks,discard"


@pytest.mark.parametrize(
    ("crypttab", "cmdline", "verdict", "words"),
    [
        (f"{LINE},x-initrd.attach\n", "root=/dev/mapper/vda5_crypt", Verdict.OK, "vda5_crypt"),
        (f"{LINE}\n", "root=/dev/disk/by-id/dm-name-vda5_crypt", Verdict.OK, "vda5_crypt"),
        ("", "root=UUID=7a0c", Verdict.OK, "UUID=7a0c"),
        ("", f"root=/dev/mapper/luks-{LUKS}", Verdict.OK, "luks-"),
        ("", f"root=/dev/mapper/vda5_crypt rd.luks.name={LUKS}=vda5_crypt", Verdict.OK, "vda5"),
        ("", "root=/dev/mapper/x cryptdevice=/dev/vda:x", Verdict.OK, "/dev/mapper/x"),
        # root= names the volume, of which crypttab says nothing: what it opens as is root.
        ("", f"root=UUID={LUKS}", Verdict.OK, "is the volume that opens as ext4 on"),
        ("", "root=/dev/vda", Verdict.WARNING, "is the volume that opens as ext4 on"),
        ("home /dev/vdb none\n", f"root=UUID={LUKS}", Verdict.OK, "is the volume that opens as"),
        # The volume opens, and root never appears.
        ("", "root=/dev/mapper/vda5_crypt", Verdict.MISSING, f"as luks-{LUKS}, so that there"),
        (f"{LINE}\n", "root=/dev/mapper/vda5_crypt rd.luks.crypttab=0", Verdict.MISSING, "as luks"),
        (f"other UUID={LUKS} none\n", "root=/dev/mapper/vda5_crypt", Verdict.MISSING, "as other,"),
        (f"{LINE}\n", f"root=/dev/mapper/luks-{LUKS}", Verdict.MISSING, "is not the device"),
        ("", f"root=/dev/mapper/vda5_crypt rd.luks.name={LUKS}=x", Verdict.MISSING, "as x,"),
        # dracut's beginning of a UUID; a byte order mark and the ends of lines of other systems.
        ("", f"root=/dev/mapper/luks-{LUKS} rd.luks.uuid={LUKS[:8]}", Verdict.OK, "luks-"),
        (f"{LINE}\n", f"root=/dev/mapper/vda5_crypt rd.luks.uuid=luks-{LUKS[:13]}", Verdict.OK,
         "vda5_crypt"),
        ("", f"root=/dev/mapper/vda5_crypt rd.luks.uuid={LUKS[:8]}", Verdict.MISSING, "as luks-"),
        (f"\ufeff{LINE}\r\n", "root=/dev/mapper/vda5_crypt", Verdict.OK, "vda5_crypt"),
        (f"{LINE}\n", 'BOOT_IMAGE="x root=/dev/mapper/vda5_crypt', Verdict.MISSING, "no root="),
    ],
)  # fmt: skip
def test_the_name_of_an_encrypted_root_at_boot(
    crypttab: str, cmdline: str, verdict: Verdict, words: str
) -> None:
    found = about(proved(image(crypttab), encrypted(), cmdline))["root="]
    assert found[0] is verdict, found
    assert words in found[1]


@pytest.mark.parametrize(
    ("crypttab", "cmdline"),
    [
        ("vda5_crypt UUID=11110000-0000-4000-8000-000000000001 none luks\n", ""),
        ("data UUID=11110000-0000-4000-8000-000000000001 none luks,initramfs\n", ""),
        ("", "rd.luks.uuid=11110000-0000-4000-8000-000000000001"),
        ("", "rd.luks.uuid=1111"),
    ],
)
def test_a_volume_beside_named_ones_stays_closed(crypttab: str, cmdline: str) -> None:
    found = about(proved(image(crypttab), encrypted(), f"root=UUID=7a0c {cmdline}"))
    verdict, reason = found["/dev/mapper/vda5_crypt (LUKS)"]
    assert verdict is Verdict.MISSING
    assert "and only those are opened" in reason


@pytest.mark.parametrize(
    ("crypttab", "cmdline", "need", "words"),
    [
        ("", "rd.luks.options=headless", "key", "forbids a prompt"),
        ("", "rd.luks.key=/k rd.luks.options=headless", "key file", "forbids a prompt"),
        (f"vda5_crypt UUID={LUKS} none plain,cipher=aes\n", "", "type", "opens no LUKS volume"),
    ],
)
def test_what_keeps_a_volume_closed(crypttab: str, cmdline: str, need: str, words: str) -> None:
    """Also what is said of volumes in general, where nothing names this one."""
    proof = proved(image(crypttab), encrypted(), f"root=UUID=7a0c {cmdline}")
    (row,) = (each for each in proof.rows if each.need == need and "LUKS" in each.layer)
    assert row.verdict is Verdict.MISSING
    assert words in row.reason


@pytest.mark.parametrize(
    ("cmdline", "where", "verdict", "words"),
    [
        ("root=UUID=7a0c rd.auto=0", "/dev/mapper/vg0-root (logical volume)", Verdict.MISSING,
         "rd.auto=0 leaves it out"),
        ("root=UUID=7A0C", "root=", Verdict.OK, "UUID=7A0C"),
        ("root=/dev/vg0/root", "root=", Verdict.OK, "/dev/vg0/root"),
        ("root=/dev/mapper/vg0-root", "root=", Verdict.OK, "vg0-root"),
        ("root=253:1", "root=", Verdict.WARNING, "may number its disks in another order"),
        ("root=0xfd01", "root=", Verdict.WARNING, "may number its disks in another order"),
        ("root=253:9", "root=", Verdict.MISSING, "is not the device of ext4 on"),
        ("root=UUID=7a0c ro resume=/dev/vda resume= resume=", "root=", Verdict.OK, "7a0c"),
        ("root=UUID=stale", "root=", Verdict.MISSING, "root=UUID=7a0c is it"),
        ("root=/dev/vda1", "root=", Verdict.MISSING, "is not the device of ext4 on"),
        ("root=/dev/dm-1", "root=", Verdict.WARNING, "may number its disks in another order"),
        ("root=/dev/disk/by-id/x", "root=", Verdict.UNKNOWN, "cannot know"),
        ("root=x y", "root=", Verdict.MISSING, "'x' names no device"),
        ("ro", "root=", Verdict.MISSING, "no root="),
        ("root=UUID=7a0c rootfstype=xfs", "rootfstype=", Verdict.MISSING, "but root is ext4"),
        ("root=UUID=7a0c rootfstype=ext3", "rootfstype=", Verdict.WARNING, "but root is ext4"),
        ("root=UUID=7a0c noinitrd", "noinitrd", Verdict.UNKNOWN, "takes no image then"),
        ("root=UUID=7a0c rd.md=0", "/dev/md127 (md)", Verdict.MISSING, "rd.md=0 switches it"),
        ("root=UUID=7a0c rd.luks=no", "/dev/mapper/crypt (LUKS)", Verdict.MISSING, "rd.luks=0"),
        ("root=UUID=7a0c luks=0", "/dev/mapper/crypt (LUKS)", Verdict.MISSING, "rd.luks=0"),
        ("root=UUID=7a0c rd.lvm=0", "/dev/mapper/vg0-root (logical volume)", Verdict.MISSING,
         "rd.lvm=0 switches it off"),
        ("root=UUID=7a0c rd.lvm.vg=other", "/dev/mapper/vg0-root (logical volume)", Verdict.MISSING,
         "rd.lvm.vg= names others: other"),
        ("root=UUID=7a0c rd.lvm.lv=vg0/swap", "/dev/mapper/vg0-root (logical volume)",
         Verdict.MISSING, "rd.lvm.lv= names other volumes of vg0: vg0/swap"),
        ("root=UUID=7a0c rd.md.uuid=00000000:00000000:00000000:00000001", "/dev/md127 (md)",
         Verdict.MISSING, "rd.md.uuid= names others"),
        ("root=UUID=7a0c rd.md.uuid=wrong", "its parameters", Verdict.WARNING, "rd.md.uuid"),
        ("root=UUID=x", "root=", Verdict.MISSING, "is the encrypted volume that ext4 on"),
        ("root=UUID=7a0c root=mistyped", "root=", Verdict.MISSING, "'mistyped' names no device"),
        ("root=block:UUID=7a0c", "root=", Verdict.OK, "UUID=7a0c"),
        ("root=UUID=7a0c rootflags=subvol=@", "rootflags=", Verdict.MISSING, "ext4 has no sub"),
        ("root=UUID=7a0c roothash=1", "the root's protection", Verdict.MISSING, "left alone"),
        ("root=UUID=7a0c rd.overlay=/dev/vdz", "rd.overlay", Verdict.UNKNOWN, "whether it is"),
        ("root=UUID=7a0c rd.overlay=/dev/vda", "rd.overlay", Verdict.OK, "/dev/vda"),
        ("root=UUID=7a0c mount.usr=LABEL=u", "mount.usr=", Verdict.UNKNOWN, "/usr is on root"),
        ("root=UUID=7a0c resume=LABEL=s", "resume=", Verdict.WARNING, "for 10 s"),
        ("root=UUID=7a0c resume=/dev/vda", "resume=", Verdict.OK, "/dev/vda"),
        ("root=UUID=7a0c loop=/root.img", "loop=", Verdict.UNKNOWN, "not in a file now"),
    ],
)  # fmt: skip
def test_parameters_that_lead_elsewhere(
    cmdline: str, where: str, verdict: Verdict, words: str
) -> None:
    found = about(proved(image(), nested(), cmdline))
    assert found[where][0] is verdict, found
    assert words in found[where][1]


@pytest.mark.parametrize(
    "cmdline",
    [
        "root=UUID=7a0c rd.lvm.vg=vg0 rd.luks.uuid=luks-3b1f0000-0000-4000-8000-000000000001",
        "root=/dev/vg0/root rd.lvm.lv=vg0/root rd.md.uuid=15266e43c7bf5d06fb348b96f173b958",
        "root=UUID=7a0c rd.lvm.lv=vg0/swap rd.lvm.vg=vg0",
    ],
)
def test_parameters_that_name_this_root(cmdline: str) -> None:
    system = nested()
    system.texts["/run/udev/data/b9:127"] = f"E:ID_FS_TYPE=crypto_LUKS\nE:ID_FS_UUID={LUKS}\n"
    for slot in (16, 32):
        record = system.texts[f"/run/udev/data/b254:{slot}"]
        uuid = "15266e43-c7bf-5d06-fb34-8b96f173b958"
        system.texts[f"/run/udev/data/b254:{slot}"] = f"{record}E:ID_FS_UUID={uuid}\n"
    found = about(proved(image(), system, cmdline))
    assert {verdict for verdict, _ in found.values()} == {Verdict.OK}, found


@pytest.mark.parametrize(
    ("texts", "origin"),
    [
        ({"/etc/kernel/cmdline": "root=UUID=stale"}, "/etc/kernel/cmdline"),
        ({"/boot/loader/entries/a.conf": "linux /6.1.0-test/vmlinuz\noptions root=UUID=stale\n"},
         "/boot/loader/entries/a.conf"),
        ({"/boot/grub/grub.cfg": "linux /vmlinuz-6.1.0-test root=UUID=stale"},
         "/boot/grub/grub.cfg"),
        ({"/proc/cmdline": "root=UUID=stale"}, "/proc/cmdline"),
    ],
)  # fmt: skip
def test_the_command_line_of_the_boot_loader_is_judged(
    texts: Mapping[str, str], origin: str
) -> None:
    system = nested()
    system.texts |= texts
    found = about(proved(image(), system))
    verdict, reason = found["its source"]
    assert verdict is Verdict.OK
    assert reason.partition(",")[0] == origin
    assert found["root="][0] is Verdict.MISSING
    # One that is given goes first.
    found = about(proved(image(), system, "root=UUID=7a0c"))
    assert found["root="][0] is Verdict.OK


def test_that_of_a_unified_image_goes_before_the_boot_loader() -> None:
    system = nested()
    system.texts["/etc/kernel/cmdline"] = "root=UUID=stale"
    archive = image()
    own = {".cmdline": b"root=UUID=7a0c\n\0"}
    unified = Archive(archive.path, 0, entries=archive.entries, sections=own)
    found = about(proved(unified, system))
    assert found["its source"][1] == "the unified kernel image"
    assert found["root="][0] is Verdict.OK


def test_a_command_line_that_nothing_tells_is_no_ok() -> None:
    system = nested()
    del system.texts["/proc/cmdline"]
    proof = proved(image(), system)
    assert about(proof) == {"its source": (Verdict.UNKNOWN, about(proof)["its source"][1])}
    assert not proof.certain
    stack = describe("/", system)
    later = prove(image(), stack, stack.kernel, modules=Path("/nonexistent"), run=False,
                  configured=False)  # fmt: skip
    assert about(later)["its source"][0] is Verdict.WARNING


USR = "/dev/mapper/usr_crypt /usr ext4 defaults 0 2\n"


def with_usr(fstab: str) -> FakeSystem:
    system = encrypted()
    virtio_disk(system, "vdb", 2, ID_FS_TYPE="crypto_LUKS", ID_FS_UUID="2222")
    table = "0 160000 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:32 32768"
    system.mapped("dm-2", "253:2", "usr_crypt", "CRYPT-LUKS2-2222-usr_crypt", table, ["vdb"],
                  ID_FS_TYPE="ext4", ID_FS_UUID="8b1d")  # fmt: skip
    system.mount("/usr", "ext4", "/dev/mapper/usr_crypt", "253:2")
    system.texts["/etc/fstab"] = fstab
    return system


@pytest.mark.parametrize(
    ("fstab", "crypttab", "verdict"),
    [
        (USR, "usr_crypt UUID=2222 none\n", Verdict.OK),
        (USR, "", Verdict.MISSING),
        (USR.replace("/dev/mapper/usr_crypt", "UUID=8b1d"), "", Verdict.OK),
        (USR.replace("/dev/mapper/usr_crypt", "UUID=stale"), "", Verdict.MISSING),
        (USR.replace("defaults", "nofail"), "", Verdict.MISSING),
        (USR.replace("defaults", "noauto"), "", Verdict.MISSING),
    ],
)
def test_the_name_in_fstab_of_what_is_mounted_below_root(
    fstab: str, crypttab: str, verdict: Verdict
) -> None:
    line = f"{LINE}\n{crypttab}" if crypttab else ""
    found = about(proved(image(line), with_usr(fstab), "root=UUID=7a0c"))
    assert found["fstab's name of /usr"][0] is verdict, found


@pytest.mark.parametrize(
    ("fstab", "words", "verdict"),
    [
        (USR.replace("ext4", "xfs"), "", Verdict.MISSING),
        (USR.replace("ext4", "ext3"), "", Verdict.WARNING),
        (USR, "mount.usr=UUID=8b1d mount.usrfstype=btrfs", Verdict.MISSING),
        (USR.replace("ext4", "xfs"), "mount.usr=UUID=8b1d mount.usrfstype=ext4", None),
        (USR.replace("ext4", "auto"), "", None),
        (USR.replace("ext4", "xfs,ext4"), "", None),
    ],
)
def test_the_type_in_fstab_of_what_is_mounted_below_root(
    fstab: str, words: str, verdict: Verdict | None
) -> None:
    found = about(proved(image(), with_usr(fstab), f"root=UUID=7a0c {words}"))
    row = found.get("the type of /usr")
    assert (row[0] if row else None) is verdict, found


@pytest.mark.parametrize(("name", "verdict"), [("@usr", None), ("@old", Verdict.UNKNOWN)])
def test_the_subvolume_in_fstab_of_what_is_mounted_below_root(
    name: str, verdict: Verdict | None
) -> None:
    system = encrypted()
    virtio_disk(system, "vdb", 2, ID_FS_TYPE="btrfs", ID_FS_UUID="8b1d")
    system.mount("/usr", "btrfs", "/dev/vdb", "0:40", "rw,subvolid=257,subvol=/@usr")
    system.texts["/etc/fstab"] = f"UUID=8b1d /usr btrfs subvol={name} 0 0\n"
    row = about(proved(image(), system, "root=UUID=7a0c")).get("the subvolume of /usr")
    assert (row[0] if row else None) is verdict, row


def test_usr_that_nothing_names_is_missing() -> None:
    found = about(proved(image(), with_usr(""), "root=UUID=7a0c"))
    assert found["the name of /usr"][0] is Verdict.MISSING
    found = about(proved(image(), with_usr(""), "root=UUID=7a0c mount.usr=UUID=8b1d"))
    assert found["mount.usr="][0] is Verdict.OK


def authenticated(table: str, kind: str, part_of: str = "CRYPT-INTEGRITY") -> FakeSystem:
    """Return a root on LUKS2 with integrity: dm-crypt on a part, which is dm-integrity."""
    system = FakeSystem()
    virtio_disk(system, "vda", 1, ID_FS_TYPE="crypto_LUKS", ID_FS_UUID=LUKS)
    plain = LUKS.replace("-", "")
    part = "0 100 integrity 254:16 32768 32 J 6 journal_sectors:8 buffer_sectors:128"
    system.mapped("dm-0", "253:0", "c_dif", f"{part_of}-{plain}-c_dif", part, ["vda"])
    system.mapped("dm-1", "253:1", "c", f"CRYPT-LUKS2-{plain}-c", table, ["dm-0"],
                  ID_FS_TYPE="ext4", ID_FS_UUID="7a0c")  # fmt: skip
    system.headers["/dev/vda"] = {
        "version": "2", "ciphers": "aes-xts-plain64", "derivation": "argon2id",
        "hashes": "sha256", "tokens": "", "integrity": kind,
    }  # fmt: skip
    system.mount("/", "ext4", "/dev/mapper/c", "253:1")
    return system


@pytest.mark.parametrize("part_of", ["CRYPT-INTEGRITY", "CRYPT-SUBDEV"])  # before 2.8; since
@pytest.mark.parametrize(
    ("table", "kind", "names"),
    [
        ("0 99 crypt aegis128-random :96:logon:c 0 253:0 0 1 integrity:16:aead", "aead",
         {"dm-integrity", "dm-crypt", "crypto-aegis128"}),
        ("0 99 crypt capi:authenc(hmac(sha256),xts(aes))-plain64 :96:logon:c 0 253:0 0 1 "
         "integrity:32:aead", "hmac(sha256)",
         {"dm-integrity", "crypto-authenc", "crypto-hmac", "crypto-sha256", "crypto-xts",
          "crypto-ecb", "crypto-aes"}),
        # The table is for root only; the header tells the same.
        ("", "hmac(sha256)", {"dm-integrity", "crypto-authenc", "crypto-hmac", "crypto-sha256"}),
    ],
)  # fmt: skip
def test_authenticated_encryption_and_its_names_at_run_time(
    table: str, kind: str, names: set[str], part_of: str
) -> None:
    system = authenticated(table, kind, part_of)
    stack = describe("/", system)
    asked = {name for layer in stack.layers for ask in layer.asks for name in ask.names}
    assert names <= asked
    assert not {"crypto-aead", "crypto-random", "crypto-plain64"} & asked
    # dm-integrity's device is a part of the volume, not a volume of its own.
    proof = proved(image(f"c UUID={LUKS} none luks\n"), system, "root=/dev/mapper/c")
    assert about(proof)["root="][0] is Verdict.OK
    assert not [row for row in proof.rows if row.need == "key" and row.verdict is not Verdict.OK]
    assert about(proved(image(), system, "root=/dev/mapper/c"))["root="][0] is Verdict.MISSING


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("0 9 integrity 8:1 0 4 J 1 internal_hash:crc32c", {"crypto-crc32c"}),
        ("0 9 integrity 8:1 0 4 J 2 internal_hash:hmac(sha256):00ff journal_crypt:ctr(aes):00",
         {"crypto-hmac", "crypto-sha256", "crypto-ctr", "crypto-aes"}),
        ("0 9 verity 1 8:1 8:2 4096 4096 9 1 sha256 a1b2c3d4 e5f6", {"crypto-sha256"}),
        ("0 9 crypt xchacha20,aes-adiantum-plain64 0 0 8:1 0",
         {"crypto-xchacha20", "crypto-aes", "crypto-adiantum", "crypto-nhpoly1305"}),
        ("0 9 crypt aes-cbc-lmk 0 0 8:1 0", {"crypto-aes", "crypto-cbc", "crypto-md5"}),
    ],
)  # fmt: skip
def test_algorithms_in_tables(table: str, names: set[str]) -> None:
    found = {name for ask in asks(parse_table(table)) for name in ask.names}
    assert {each for each in found if each.startswith("crypto-")} == names


@pytest.mark.parametrize("words", ["rd.overlay=1", "systemd.volatile=yes", "overlayroot=tmpfs"])
def test_an_overlay_of_a_command_line_needs_its_driver(words: str) -> None:
    """A host-only image takes it along, and the check wants it."""
    system = encrypted(**{"/etc/kernel/cmdline": f"root=UUID=7a0c {words}\n"})
    stack = describe("/", system)
    assert any("overlay" in ask.names for ask in stack.layer("fs:/").asks)
    system = encrypted(**{"/etc/kernel/cmdline": "root=UUID=7a0c\n"})
    assert not any("overlay" in ask.names for ask in describe("/", system).layer("fs:/").asks)


def test_the_disk_for_an_overlays_changes_is_described() -> None:
    system = encrypted(**{"/etc/kernel/cmdline": "root=UUID=7a0c rd.overlay=LABEL=changes\n"})
    virtio_disk(system, "vdb", 2, ID_FS_TYPE="ext4", ID_FS_LABEL="changes",
                ID_FS_LABEL_ENC="changes")  # fmt: skip
    stack = describe("/", system)
    assert "block:vdb" in {layer.identity for layer in stack.layers}
    proof = proved(image(f"vda5_crypt UUID={LUKS} none x-initrd.attach\n"), system)
    rows = {row.need: row.verdict for row in proof.rows if row.layer == "the command line"}
    assert rows["rd.overlay"] is Verdict.OK


@pytest.mark.parametrize(
    ("words", "need", "verdict", "reason"),
    [
        ("init=/nope", "init=", Verdict.WARNING, "the root has no /nope"),
        ("init=/lib/systemd/systemd", "init=", Verdict.OK, "is on the root"),
        ("rdinit=/bin/sh", "rdinit=", Verdict.MISSING, "the image has no /bin/sh"),
        ("rdinit=/usr/lib/initpy/jobs/md.json", "rdinit=", Verdict.WARNING, "instead of /init"),
        ("break=premount", "break=", Verdict.WARNING, "before root is mounted, until a user"),
        ("rd.break rd.break=cmdline", "break=", Verdict.WARNING, "its start and before the real"),
    ],
)
def test_what_is_started_and_where_the_boot_stops(
    words: str, need: str, verdict: Verdict, reason: str
) -> None:
    system = nested()
    system.texts |= {
        "/proc/cmdline": f"root=UUID=7a0c ro {words}\n", "/usr/lib/systemd/systemd": "",
    }  # fmt: skip
    system.links["/lib"] = "/usr/lib"
    found = about(proved(image(), system))[need]
    assert found[0] is verdict and reason in found[1]


def test_the_usual_programs_get_no_row() -> None:
    system = nested()
    system.texts["/proc/cmdline"] = "root=UUID=7a0c ro rdinit=/init\n"
    assert not {"init=", "rdinit=", "break="} & about(proved(image(), system)).keys()


def test_whether_another_root_has_its_init_is_not_known() -> None:
    found = about(proved(image(), nested(), "root=UUID=7a0c init=/sbin/other"))["init="]
    assert found[0] is Verdict.WARNING and "cannot know whether" in found[1]
