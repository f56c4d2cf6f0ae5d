"""The layouts that installers make, each with its verdict, and with the mistake that it invites.

Disks, fstab, crypttab and the boot loader's files are as the installers and their documentation
have them. The image is initpy's without drivers and programs: these rows are not looked at.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_system import FakeSystem, virtio_disk
from test_image_parameters import image

from initpy.config.crypttab import parse_crypttab
from initpy.image.check.check import prove
from initpy.image.check.proof import Verdict
from initpy.image.content.reduced import crypttab
from initpy.image.stack.describe import describe
from initpy.image.stack.entries import names_of
from initpy.image.stack.hostonly import volumes

ROOT = "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001"
LUKS = "3b1f0000-0000-4000-8000-000000000001"
PART = "5ea10000-0000-4000-8000-000000000002"
ARRAY = "15266e43-c7bf-5d06-fb34-8b96f173b958"
KERNEL = "6.1.0-test"
# What says nothing about names and parameters.
ROWS = (" of cipher ", " driver ")
OTHERS = ("program", "udev rules", "Python", "init", "module indexes", "driver", "bus", "target")


def partition(system: FakeSystem, name: str = "vda2", **properties: str) -> None:
    """Add a partition of the only disk."""
    if "/sys/class/block/vda" not in system.links:
        virtio_disk(system, "vda", 1, ID_PART_TABLE_TYPE="gpt")
    path = f"{system.links['/sys/class/block/vda']}/{name}"
    known = {"ID_PART_ENTRY_UUID": PART, "ID_PART_ENTRY_SCHEME": "gpt", **properties}
    system.block(name, path, f"254:1{name[-1]}", **known)
    system.texts[f"{path}/partition"] = f"{name[-1]}\n"


def luks(system: FakeSystem, name: str, on: str, **properties: str) -> None:
    table = "0 9 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:1 32768"
    uuid = f"CRYPT-LUKS2-{LUKS.replace('-', '')}-{name}"
    system.mapped("dm-0", "253:0", name, uuid, table, [on], **properties)


def volume(system: FakeSystem, group: str, name: str, on: str, **properties: str) -> None:
    label = f"{group.replace('-', '--')}-{name.replace('-', '--')}"
    known = {"DM_VG_NAME": group, "DM_LV_NAME": name, **properties}
    table = "0 9 linear 253:0 2048"
    system.mapped("dm-1", "253:1", label, "LVM-abc", table, [on], **known)
    system.mount("/", properties["ID_FS_TYPE"], f"/dev/mapper/{label}", "253:1")


EXT4 = {"ID_FS_TYPE": "ext4", "ID_FS_UUID": ROOT, "ID_FS_LABEL": "cloudimg-rootfs"}
XFS = {"ID_FS_TYPE": "xfs", "ID_FS_UUID": ROOT}
BTRFS = {"ID_FS_TYPE": "btrfs", "ID_FS_UUID": ROOT}
IN_LUKS = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_UUID": LUKS}


def plain(system: FakeSystem) -> None:
    partition(system, **EXT4)
    system.mount("/", "ext4", "/dev/vda2", "254:12")


def encrypted(name: str) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        partition(system, **IN_LUKS)
        luks(system, name, "vda2", **EXT4)
        system.mount("/", "ext4", f"/dev/mapper/{name}", "253:0")

    return made


def encrypted_group(name: str, group: str, root: str) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        partition(system, **IN_LUKS)
        luks(system, name, "vda2", ID_FS_TYPE="LVM2_member")
        volume(system, group, root, "dm-0", **EXT4)

    return made


def in_group(group: str, root: str, content: Mapping[str, str]) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        partition(system, ID_FS_TYPE="LVM2_member")
        volume(system, group, root, "vda2", **content)

    return made


def subvolume(path: str, name: str = "") -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        partition(system, **(IN_LUKS if name else BTRFS))
        source = "/dev/vda2"
        if name:
            luks(system, name, "vda2", **BTRFS)
            source = f"/dev/mapper/{name}"
        system.mount("/", "btrfs", source, "0:30", f"rw,subvolid=256,subvol={path}")

    return made


def mirrored(system: FakeSystem) -> None:
    partition(system, ID_FS_TYPE="linux_raid_member", ID_FS_UUID=ARRAY)
    system.array("md127", "9:127", "raid1", ["vda2"], MD_UUID=ARRAY, **XFS)
    system.mount("/", "xfs", "/dev/md127", "9:127")


def pool(system: FakeSystem) -> None:
    partition(system, ID_FS_TYPE="zfs_member", ID_FS_LABEL="rpool")
    system.mount("/", "zfs", "rpool/ROOT/pve-1", "0:31")


def grub(words: str) -> dict[str, str]:
    """Return GRUB's configuration as grub-mkconfig(8) writes it, with a recovery entry."""
    commands = "\tlinux\t/vmlinuz-{1} {2} {3}\n\tinitrd\t/i.img\n"
    entry = f"menuentry '{{0}}' --class gnu-linux {{{{\n{commands}}}}}\n"
    text = entry.format("Linux", KERNEL, words, "quiet")
    return {"/boot/grub/grub.cfg": text + entry.format("recovery mode", KERNEL, "root=x", "single")}


def entry(words: str, boot: str = "/boot") -> dict[str, str]:
    """Return an entry as kernel-install(8) writes it."""
    text = f"title Linux\nversion {KERNEL}\noptions {words}\nlinux /x/{KERNEL}/linux\n"
    return {f"{boot}/loader/entries/x-{KERNEL}.conf": text}


@dataclass(frozen=True)
class Layout:
    """An installer's layout, and its files."""

    make: Callable[[FakeSystem], None]
    files: Mapping[str, str]
    crypttab: str = ""
    fstab: str = ""
    bad: Mapping[str, Verdict] = field(default_factory=dict)  # need -> verdict
    marks: bool = True  # the image has the root's lines of crypttab


MISSING = Verdict.MISSING
LAYOUTS = {
    "Debian": Layout(plain, grub(f"root=UUID={ROOT} ro")),
    "Debian, LVM": Layout(
        in_group("deb-vg", "root", EXT4), grub("root=/dev/mapper/deb--vg-root ro")
    ),
    "Debian, encrypted LVM": Layout(
        encrypted_group("vda5_crypt", "deb-vg", "root"), grub("root=/dev/mapper/deb--vg-root ro"),
        f"vda5_crypt UUID={LUKS} none luks,discard\n",
    ),
    "Debian, encrypted LVM, an image without its crypttab": Layout(
        encrypted_group("vda5_crypt", "deb-vg", "root"), grub("root=/dev/mapper/deb--vg-root ro"),
        f"vda5_crypt UUID={LUKS} none luks,discard\n", marks=False,
    ),
    "Debian, encrypted": Layout(
        encrypted("vda5_crypt"), grub("root=/dev/mapper/vda5_crypt ro"),
        f"vda5_crypt UUID={LUKS} none luks,discard\n",
    ),
    "Debian, encrypted, with noauto": Layout(
        encrypted("vda5_crypt"), grub("root=/dev/mapper/vda5_crypt ro"),
        f"vda5_crypt UUID={LUKS} none luks,noauto\n",
    ),
    "Debian, encrypted, an image without its crypttab": Layout(
        encrypted("vda5_crypt"), grub("root=/dev/mapper/vda5_crypt ro"),
        f"vda5_crypt UUID={LUKS} none luks,discard\n", marks=False, bad={"root=": MISSING},
    ),
    "Debian, encrypted again with another UUID": Layout(
        encrypted("vda5_crypt"), grub("root=/dev/mapper/vda5_crypt ro"),
        "vda5_crypt UUID=0000-1 none luks,initramfs\n",
        bad={"root=": MISSING, "the command line": MISSING, "key": Verdict.UNKNOWN},
    ),
    "Debian cloud": Layout(plain, grub(f"root=PARTUUID={PART} ro console=tty0")),
    "Debian cloud, written to another disk": Layout(
        plain, grub("root=PARTUUID=0000 ro console=tty0"), bad={"root=": MISSING}
    ),
    "Ubuntu": Layout(
        encrypted_group("dm_crypt-0", "ubuntu-vg", "ubuntu-lv"),
        grub("root=/dev/mapper/ubuntu--vg-ubuntu--lv ro"), f"dm_crypt-0 UUID={LUKS} none luks\n",
    ),
    "Ubuntu cloud": Layout(plain, grub("root=LABEL=cloudimg-rootfs ro console=ttyS0")),
    "Fedora": Layout(subvolume("/root"), entry(f"root=UUID={ROOT} ro rootflags=subvol=root rhgb")),
    "Fedora, encrypted": Layout(
        subvolume("/root", f"luks-{LUKS}"),
        entry(f"root=UUID={ROOT} ro rootflags=subvol=root rd.luks.uuid=luks-{LUKS} rhgb"),
        f"luks-{LUKS} UUID={LUKS} none discard\n",
    ),
    "Fedora, encrypted again": Layout(
        subvolume("/root", f"luks-{LUKS}"),
        entry(f"root=UUID={ROOT} ro rd.luks.uuid=luks-{LUKS.replace('1', '2')}"), marks=False,
        bad={"the command line": MISSING, "key": Verdict.UNKNOWN},
    ),
    "Fedora Server": Layout(
        in_group("fedora", "root", XFS),
        entry("root=/dev/mapper/fedora-root ro rd.lvm.lv=fedora/root"),
    ),
    "Fedora Server, the group renamed": Layout(
        in_group("fedora_new", "root", XFS),
        entry("root=/dev/mapper/fedora-root ro rd.lvm.lv=fedora/root"),
        bad={"root=": MISSING, "the command line": MISSING},
    ),
    "RHEL on RAID": Layout(
        mirrored, entry(f"root=UUID={ROOT} ro rd.md.uuid={ARRAY.replace('-', '')}")
    ),
    "RHEL on RAID, made anew": Layout(
        mirrored, entry(f"root=UUID={ROOT} ro rd.md.uuid={'0' * 32}"),
        bad={"the command line": MISSING},
    ),
    "Arch, encrypt hook": Layout(
        encrypted("root"), entry(f"cryptdevice=UUID={LUKS}:root root=/dev/mapper/root rw", "/efi")
    ),
    "Arch, sd-encrypt hook": Layout(
        encrypted("root"), entry(f"rd.luks.name={LUKS}=root root=/dev/mapper/root rw", "/boot/efi")
    ),
    "Arch, the name forgotten": Layout(
        encrypted("root"), entry(f"rd.luks.uuid={LUKS} root=/dev/mapper/root rw"),
        bad={"root=": MISSING},
    ),
    "openSUSE": Layout(
        subvolume("/@/.snapshots/1/snapshot"), grub(f"root=UUID={ROOT} splash=silent"),
        fstab=f"UUID={ROOT} / btrfs defaults\nUUID={ROOT} /usr/local btrfs subvol=/@/usr/local\n",
    ),
    "Proxmox": Layout(in_group("pve", "root", EXT4), grub("root=/dev/mapper/pve-root ro")),
    "Proxmox on ZFS": Layout(
        pool, {"/etc/kernel/cmdline": "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n"},
        bad={"root=": MISSING, "its parameters": Verdict.WARNING, "job": MISSING},
    ),
    "Raspberry Pi": Layout(
        plain, {"/boot/firmware/cmdline.txt": f"console=tty1 root=PARTUUID={PART} rootwait\n"}
    ),
    "a disk by its number": Layout(
        plain, grub("root=/dev/vda2 ro"), bad={"root=": Verdict.WARNING}
    ),
    "no boot loader that is known": Layout(plain, {}, bad={"its source": Verdict.UNKNOWN}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_verdict_for_a_layout(name: str) -> None:
    layout = LAYOUTS[name]
    system = FakeSystem()
    layout.make(system)
    system.texts |= {"/etc/crypttab": layout.crypttab, "/etc/fstab": layout.fstab, **layout.files}
    stack = describe("/", system)
    needed = names_of(stack, parse_crypttab("t", layout.crypttab)[0]) | volumes(stack)
    carried = crypttab(layout.crypttab, needed) if layout.marks else ""
    proof = prove(image(carried), stack, KERNEL, modules=Path("/nonexistent"), run=False)
    found = {
        row.need: row.verdict
        for row in proof.rows
        if row.verdict is not Verdict.OK and not row.need.startswith(OTHERS)
    }
    found = {
        need: verdict for need, verdict in found.items() if not any(word in need for word in ROWS)
    }
    known = ("file system", "device mapper", "software RAID", "RAID level", "whose array")
    assert {n: v for n, v in found.items() if not n.startswith(known)} == layout.bad, proof.rows
