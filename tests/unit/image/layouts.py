"""The layouts that installers make, each with its verdict, and with the mistake that it invites.

Disks, fstab, crypttab and the boot loader's files are as the installers and their documentation
have them: Debian's and Ubuntu's installers, Anaconda, archinstall and the Arch wiki's page about
dm-crypt and an entire system, YaST, Proxmox VE, cloud images, Raspberry Pi OS, NixOS, and the
Discoverable Partitions Specification.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fake_system import FakeSystem, virtio_disk

from initpy.image.check.proof import Verdict

ROOT = "7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001"
LUKS = "3b1f0000-0000-4000-8000-000000000001"
PART = "5ea10000-0000-4000-8000-000000000002"
ARRAY = "15266e43-c7bf-5d06-fb34-8b96f173b958"
KERNEL = "6.1.0-test"
ROOT_TYPE = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"  # Linux root (x86-64)


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


def volume_of_pool(system: FakeSystem) -> None:
    partition(system, ID_FS_TYPE="zfs_member", ID_FS_LABEL="rpool")
    system.block("zd0", "/sys/devices/virtual/block/zd0", "230:0", **EXT4)
    system.texts["/run/udev/data/b230:0"] += "S:zvol/rpool/root\n"
    system.mount("/", "ext4", "/dev/zd0", "230:0")


def grub(words: str) -> dict[str, str]:
    """Return GRUB's configuration as grub-mkconfig(8) writes it, with a recovery entry."""
    commands = "\tlinux\t/vmlinuz-{1} {2} {3}\n\tinitrd\t/i.img\n"
    entry = f"menuentry '{{0}}' --class gnu-linux {{{{\n{commands}}}}}\n"
    text = entry.format("Linux", KERNEL, words, "quiet")
    return {"/boot/grub/grub.cfg": text + entry.format("recovery mode", KERNEL, "root=x", "single")}


def entry(words: str, boot: str = "/boot") -> dict[str, str]:
    """Return an entry as kernel-install(8) writes it."""
    text = f"title Linux\nversion {KERNEL}\noptions {words}\nlinux /x/{KERNEL}/linux\n"
    text += f"initrd /x/{KERNEL}/initrd\n"
    return {f"{boot}/loader/entries/x-{KERNEL}.conf": text}


def in_raid(*names: str, content: Mapping[str, str]) -> Callable[[FakeSystem], None]:
    """Two disks with an array; above it, by name, LUKS (`luks:NAME`) or a volume (`VG/LV`)."""

    def made(system: FakeSystem) -> None:
        for slot, disk in enumerate(("vda", "vdb"), 1):
            virtio_disk(system, disk, slot, ID_FS_TYPE="linux_raid_member", ID_FS_UUID=ARRAY)
        parts = {"MD_UUID": ARRAY, "MD_NAME": "any:0"}
        kinds = [IN_LUKS if each.startswith("luks:") else {"ID_FS_TYPE": "LVM2_member"}
                 for each in names]  # fmt: skip
        first = (*kinds, content)[0]
        system.array("md0", "9:0", "raid1", ["vda", "vdb"], **parts, **first)
        below = "md0"
        for number, name in enumerate(names):
            above = (*kinds, content)[number + 1]
            if name.startswith("luks:"):
                luks(system, name.removeprefix("luks:"), below, **above)
                below = "dm-0"
            else:
                group, logical = name.split("/")
                volume(system, group, logical, below, **above)
                return
        numbers, source = ("9:0", "/dev/md0") if below == "md0" else ("253:0", "/dev/dm-0")
        system.mount("/", content["ID_FS_TYPE"], source, numbers)

    return made


def luks_on_volume(name: str) -> Callable[[FakeSystem], None]:
    """LUKS on a logical volume, as the Arch wiki has it."""

    def made(system: FakeSystem) -> None:
        partition(system, ID_FS_TYPE="LVM2_member")
        known = {"DM_VG_NAME": "MyVolGroup", "DM_LV_NAME": "cryptroot", **IN_LUKS}
        system.mapped("dm-1", "253:1", "MyVolGroup-cryptroot", "LVM-abc",
                      "0 9 linear 254:12 2048", ["vda2"], **known)  # fmt: skip
        luks(system, name, "dm-1", **EXT4)
        system.mount("/", "ext4", f"/dev/mapper/{name}", "253:0")

    return made


def plain_dm(system: FakeSystem) -> None:
    """Plain dm-crypt: nothing on the disk tells of it."""
    virtio_disk(system, "vda", 1)
    system.texts["/run/udev/data/b254:16"] += "S:disk/by-id/virtio-disk\n"
    table = "0 9 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:16 0"
    system.mapped("dm-0", "253:0", "root", "CRYPT-PLAIN-root", table, ["vda"], **EXT4)
    system.mount("/", "ext4", "/dev/mapper/root", "253:0")


def thin(system: FakeSystem) -> None:
    """Proxmox keeps guests in a thin pool; root is a plain volume beside it."""
    in_group("pve", "root", EXT4)(system)
    table = "0 9 thin-pool 253:3 253:4 128 0 0"
    system.mapped("dm-5", "253:5", "pve-data-tpool", "LVM-abc-tpool", table, ["vda2"])


def thin_root(system: FakeSystem) -> None:
    """Root in a thin pool itself."""
    partition(system, ID_FS_TYPE="LVM2_member")
    for number, part in ((2, "tmeta"), (3, "tdata")):
        system.mapped(f"dm-{number}", f"253:{number}", f"vg-pool_{part}", f"LVM-abc-{part}",
                      "0 9 linear 254:12 2048", ["vda2"], DM_VG_NAME="vg")  # fmt: skip
    pool_table = "0 9 thin-pool 253:2 253:3 128 0 0"
    system.mapped("dm-4", "253:4", "vg-pool-tpool", "LVM-abc-tpool", pool_table,
                  ["dm-2", "dm-3"], DM_VG_NAME="vg")  # fmt: skip
    known = {"DM_VG_NAME": "vg", "DM_LV_NAME": "root", **EXT4}
    table = "0 9 thin 253:4 1"
    system.mapped("dm-1", "253:1", "vg-root", "LVM-abc", table, ["dm-4"], **known)
    system.mount("/", "ext4", "/dev/mapper/vg-root", "253:1")


def btrfs_on_two(names: tuple[str, str] = ("", "")) -> Callable[[FakeSystem], None]:
    """A btrfs on two disks, or on two encrypted ones."""

    def made(system: FakeSystem) -> None:
        members = []
        for slot, (disk, name) in enumerate(zip(("vda", "vdb"), names, strict=True), 1):
            uuid = LUKS[:-1] + str(slot)
            content = {**BTRFS, "ID_FS_UUID_SUB": f"sub-{slot}"}
            inside = {"ID_FS_TYPE": "crypto_LUKS", "ID_FS_UUID": uuid} if name else content
            virtio_disk(system, disk, slot, **inside)
            members.append(disk)
            if name:
                table = f"0 9 crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 254:{slot * 16} 32768"
                kind = f"CRYPT-LUKS2-{uuid.replace('-', '')}-{name}"
                system.mapped(f"dm-{slot}", f"253:{slot}", name, kind, table, [disk], **content)
                members[-1] = f"dm-{slot}"
        for member in members:
            system.texts[f"/sys/fs/btrfs/{ROOT}/devices/{member}/dev"] = ""
        source = f"/dev/mapper/{names[0]}" if names[0] else "/dev/vda"
        system.mount("/", "btrfs", source, "0:30", "rw,subvolid=256,subvol=/@")

    return made


def discoverable(system: FakeSystem) -> None:
    """The partition's type says that it is root; there is no root= (systemd-repart, mkosi)."""
    partition(system, ID_PART_ENTRY_TYPE=ROOT_TYPE, **EXT4)
    system.mount("/", "ext4", "/dev/vda2", "254:12")


def discoverable_luks(system: FakeSystem) -> None:
    partition(system, ID_PART_ENTRY_TYPE=ROOT_TYPE, **IN_LUKS)
    luks(system, "root", "vda2", **EXT4)
    system.mount("/", "ext4", "/dev/mapper/root", "253:0")


def separate_usr(system: FakeSystem) -> None:
    """/usr on a volume of its own, as installers still offer it."""
    in_group("deb-vg", "root", EXT4)(system)
    known = {"DM_VG_NAME": "deb-vg", "DM_LV_NAME": "usr", "ID_FS_TYPE": "ext4",
             "ID_FS_UUID": ROOT.replace("0001", "0002")}  # fmt: skip
    system.mapped("dm-2", "253:2", "deb--vg-usr", "LVM-def", "0 9 linear 254:12 9", ["vda2"],
                  **known)  # fmt: skip
    system.mount("/usr", "ext4", "/dev/mapper/deb--vg-usr", "253:2")


def refind(words: str) -> dict[str, str]:
    return {"/boot/refind_linux.conf": f'"Boot with standard options"  "{words}"\n'}


def limine(words: str) -> dict[str, str]:
    text = f"timeout: 3\n\n/Linux\n    protocol: linux\n    path: boot():/vmlinuz-{KERNEL}\n"
    return {"/boot/limine.conf": text + f"    cmdline: {words}\n    module_path: boot():/i.img\n"}


def zipl(words: str) -> dict[str, str]:
    entry = f"image = /boot/vmlinuz-{KERNEL}\nramdisk = /boot/i.img\nparameters = {words}\n"
    return {"/etc/zipl.conf": f"[defaultboot]\ndefault = debian\n[debian]\n{entry}"}


@dataclass(frozen=True)
class Layout:
    """An installer's layout, and its files."""

    make: Callable[[FakeSystem], None]
    files: Mapping[str, str]
    crypttab: str = ""
    fstab: str = ""
    bad: Mapping[str, Verdict] = field(default_factory=dict)  # need -> verdict
    marks: bool = True  # the image has the root's lines of crypttab
    outputs: Mapping[str, str] = field(default_factory=dict)  # of programs that only read

    def system(self) -> FakeSystem:
        """Return a system with this layout."""
        made = FakeSystem()
        self.make(made)
        made.texts |= {"/etc/crypttab": self.crypttab, "/etc/fstab": self.fstab, **self.files}
        made.outputs |= self.outputs
        return made


MISSING = Verdict.MISSING
SUSE = f"UUID={ROOT} / btrfs defaults\nUUID={ROOT} /usr/local btrfs subvol=/@/usr/local\n"
LIST = "btrfs subvolume list /"


def default(path: str) -> dict[str, str]:
    """Return what btrfs-subvolume(8) tells of the default subvolume."""
    text = f"ID 268 gen 41 top level 267 path {path}\n" if path else "ID 5 (FS_TREE)\n"
    return {"btrfs subvolume get-default /": text}


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
        entry(f"root=UUID={ROOT} ro rootflags=subvol=root "
              f"rd.luks.uuid=luks-{LUKS.replace('1', '2')}"), marks=False,
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
        fstab=SUSE, outputs=default("@/.snapshots/1/snapshot"),
    ),
    "openSUSE, where btrfs does not tell the default subvolume": Layout(
        subvolume("/@/.snapshots/1/snapshot"), grub(f"root=UUID={ROOT} splash=silent"),
        fstab=SUSE, bad={"rootflags=": Verdict.UNKNOWN},
    ),
    "openSUSE, before the restart after a rollback": Layout(
        subvolume("/@/.snapshots/1/snapshot"), grub(f"root=UUID={ROOT} splash=silent"),
        fstab=SUSE, outputs=default("@/.snapshots/7/snapshot"),
        bad={"rootflags=": Verdict.WARNING},
    ),
    "openSUSE, restored without its default subvolume": Layout(
        subvolume("/@/.snapshots/1/snapshot"), grub(f"root=UUID={ROOT} splash=silent"),
        fstab=SUSE, outputs=default(""), bad={"rootflags=": MISSING},
    ),
    "openSUSE, encrypted": Layout(
        subvolume("/@/.snapshots/1/snapshot", "cr_root"), grub(f"root=UUID={ROOT} splash=silent"),
        f"cr_root UUID={LUKS} none x-initrd.attach\n", SUSE,
        outputs=default("@/.snapshots/1/snapshot"),
    ),
    "Ubuntu Desktop, encrypted": Layout(
        encrypted_group("dm_crypt-0", "ubuntu-vg", "ubuntu-lv"),
        grub("root=/dev/mapper/ubuntu--vg-ubuntu--lv ro quiet splash"),
        f"dm_crypt-0 UUID={LUKS} none luks,discard\n",
    ),
    "Ubuntu Desktop on ZFS": Layout(
        pool, grub("root=ZFS=rpool/ROOT/ubuntu_abc ro quiet splash"),
        bad={"root=": MISSING, "its parameters": Verdict.WARNING, "job": MISSING},
    ),
    "Ubuntu on btrfs": Layout(subvolume("/@"), grub(f"root=UUID={ROOT} ro rootflags=subvol=@")),
    "Debian on btrfs": Layout(
        subvolume("/@rootfs"), grub(f"root=UUID={ROOT} ro rootflags=subvol=@rootfs"),
    ),
    "Debian on btrfs, the subvolume forgotten": Layout(
        subvolume("/@rootfs"), grub(f"root=UUID={ROOT} ro"), outputs=default(""),
        bad={"rootflags=": MISSING},
    ),
    "Debian on btrfs, a subvolume of another name": Layout(
        subvolume("/@rootfs"), grub(f"root=UUID={ROOT} ro rootflags=subvol=@"),
        bad={"rootflags=": Verdict.UNKNOWN},
    ),
    "Debian on btrfs, a snapshot that is there": Layout(
        subvolume("/@rootfs"), grub(f"root=UUID={ROOT} ro rootflags=subvol=@old"),
        outputs={LIST: "ID 257 gen 9 top level 5 path @rootfs\nID 8 gen 9 top level 5 path @old\n"},
        bad={"rootflags=": Verdict.WARNING},
    ),
    "Debian on RAID1": Layout(
        in_raid(content=EXT4), grub(f"root=UUID={ROOT} ro"),
    ),
    "Debian, encrypted LVM on RAID1": Layout(
        in_raid("luks:md0_crypt", "deb-vg/root", content=EXT4),
        grub("root=/dev/mapper/deb--vg-root ro"), f"md0_crypt UUID={LUKS} none luks\n",
    ),
    "Debian, /usr on a volume of its own": Layout(
        separate_usr, grub("root=/dev/mapper/deb--vg-root ro"),
        fstab="/dev/mapper/deb--vg-root / ext4 defaults 0 1\n"
              "/dev/mapper/deb--vg-usr /usr ext4 defaults 0 2\n",
    ),
    "Debian, /usr forgotten in fstab": Layout(
        separate_usr, grub("root=/dev/mapper/deb--vg-root ro"),
        fstab="/dev/mapper/deb--vg-root / ext4 defaults 0 1\n",
        bad={"the name of /usr": MISSING},
    ),
    "Arch, LVM on LUKS": Layout(
        encrypted_group("cryptlvm", "MyVolGroup", "root"),
        entry(f"cryptdevice=UUID={LUKS}:cryptlvm root=/dev/MyVolGroup/root"),
    ),
    "Arch, LUKS on LVM": Layout(
        luks_on_volume("root"),
        entry("cryptdevice=/dev/MyVolGroup/cryptroot:root root=/dev/mapper/root"),
    ),
    "Arch, LUKS on LVM, sd-encrypt hook": Layout(
        luks_on_volume("root"), entry(f"rd.luks.name={LUKS}=root root=/dev/mapper/root"),
    ),
    "Arch, LUKS on software RAID": Layout(
        in_raid("luks:root", content=EXT4),
        entry(f"cryptdevice=UUID={LUKS}:root root=/dev/mapper/root"),
    ),
    "Arch, plain dm-crypt": Layout(
        plain_dm, entry("cryptdevice=/dev/disk/by-id/virtio-disk:root root=/dev/mapper/root "
                        "crypto=sha512:aes-xts-plain64:512:0:"),
    ),
    "Arch, plain dm-crypt, cryptdevice= forgotten": Layout(
        plain_dm, entry("root=/dev/mapper/root"), marks=False,
        bad={"key": Verdict.UNKNOWN, "root=": MISSING},
    ),
    "Arch, encrypted boot partition (GRUB)": Layout(
        encrypted_group("cryptlvm", "MyVolGroup", "root"),
        grub(f"cryptdevice=UUID={LUKS}:cryptlvm root=/dev/MyVolGroup/root "
             "cryptkey=rootfs:/root/cryptlvm.keyfile"), bad={"key file": Verdict.WARNING},
    ),
    "Arch, btrfs subvolumes with swap": Layout(
        subvolume("/@", "root"),
        entry(f"cryptdevice=UUID={LUKS}:root root=/dev/mapper/root rootflags=subvol=@ "
              "resume=/dev/mapper/root resume_offset=34816"),
    ),
    "Arch, a swap that is gone": Layout(
        encrypted("root"), entry(f"rd.luks.name={LUKS}=root root=/dev/mapper/root "
                                 "resume=UUID=3b1f0000-0000-4000-8000-00000000dead"),
        bad={"resume=": Verdict.WARNING},
    ),
    "Arch, rEFInd": Layout(plain, refind(f"root=UUID={ROOT} rw add_efi_memmap")),
    "Arch, rEFInd, a stale root": Layout(
        plain, refind("root=UUID=0000-1 rw"), bad={"root=": MISSING},
    ),
    "CachyOS, Limine": Layout(
        subvolume("/@"), limine(f"quiet root=UUID={ROOT} rw rootflags=subvol=/@"),
    ),
    "CachyOS, Limine, a stale root": Layout(
        plain, limine("quiet root=UUID=0000-1 rw"), bad={"root=": MISSING},
    ),
    "btrfs on two disks": Layout(
        btrfs_on_two(), entry(f"root=UUID={ROOT} rw rootflags=subvol=@"),
    ),
    "btrfs on two encrypted disks": Layout(
        btrfs_on_two(("one", "two")), entry(f"root=UUID={ROOT} rw rootflags=subvol=@"),
        f"one UUID={LUKS} none luks\ntwo UUID={LUKS[:-1]}2 none luks\n",
    ),
    "btrfs on two encrypted disks, one of them named": Layout(
        btrfs_on_two(("one", "two")),
        entry(f"root=UUID={ROOT} rw rootflags=subvol=@ rd.luks.name={LUKS}=one"), marks=False,
        bad={"the command line": MISSING, "key": Verdict.UNKNOWN},
    ),
    "Proxmox, LVM-thin": Layout(thin, grub("root=/dev/mapper/pve-root ro quiet")),
    "root on a thin volume": Layout(thin_root, grub("root=/dev/mapper/vg-root ro")),
    "Ubuntu cloud by PARTUUID": Layout(
        plain, grub(f"root=PARTUUID={PART} ro console=tty1 console=ttyS0"),
    ),
    "Fedora cloud": Layout(
        subvolume("/root"),
        entry(f"root=UUID={ROOT} rootflags=subvol=root no_timer_check console=ttyS0,115200n8"),
    ),
    "Amazon Linux": Layout(
        plain, grub(f"root=UUID={ROOT} ro console=tty0 console=ttyS0,115200n8 "
                    "nvme_core.io_timeout=4294967295"),
    ),
    "RHEL, xfs on LVM with its swap": Layout(
        in_group("rhel", "root", XFS),
        entry("root=/dev/mapper/rhel-root ro rd.lvm.lv=rhel/root rd.lvm.lv=rhel/swap"),
    ),
    "Raspberry Pi, before bookworm": Layout(
        plain, {"/boot/cmdline.txt": f"console=serial0,115200 root=PARTUUID={PART} rootwait\n"}
    ),
    "Raspberry Pi, a new card": Layout(
        plain, {"/boot/firmware/cmdline.txt": "console=tty1 root=PARTUUID=0000-02 rootwait\n"},
        bad={"root=": MISSING},
    ),
    "NixOS": Layout(
        plain, entry("init=/nix/store/abc-nixos-system/init loglevel=4"), bad={"root=": MISSING},
    ),
    "discoverable partitions": Layout(discoverable, entry("rw quiet")),
    "discoverable partitions, encrypted": Layout(discoverable_luks, entry("rw quiet")),
    "discoverable partitions, switched off": Layout(
        discoverable, entry("rw systemd.gpt_auto=0"), bad={"root=": MISSING},
    ),
    "a live overlay": Layout(plain, grub(f"root=UUID={ROOT} ro rd.overlay=LABEL=changes"),
        bad={"rd.overlay": Verdict.UNKNOWN},
    ),
    "Ubuntu with overlayroot on a device": Layout(
        plain, grub(f"root=UUID={ROOT} ro overlayroot=device:dev=/dev/vdb"),
        bad={"its parameters": Verdict.WARNING, "the root's protection": MISSING},
    ),
    "an image with verity": Layout(
        plain, entry(f"root=UUID={ROOT} roothash={'0' * 64}"),
        bad={"its parameters": Verdict.WARNING, "the root's protection": MISSING},
    ),
    "Proxmox": Layout(in_group("pve", "root", EXT4), grub("root=/dev/mapper/pve-root ro")),
    "Proxmox on ZFS": Layout(
        pool, {"/etc/kernel/cmdline": "root=ZFS=rpool/ROOT/pve-1 boot=zfs\n"},
        bad={"root=": MISSING, "its parameters": Verdict.WARNING, "job": MISSING},
    ),
    "root on a volume of a ZFS pool": Layout(
        volume_of_pool, grub("root=/dev/zvol/rpool/root ro"), bad={"job": MISSING},
    ),
    "Raspberry Pi": Layout(
        plain, {"/boot/firmware/cmdline.txt": f"console=tty1 root=PARTUUID={PART} rootwait\n"}
    ),
    "Debian on s390x": Layout(
        in_group("deb-vg", "root", EXT4), zipl("root=/dev/mapper/deb--vg-root ro"),
    ),
    "Arch, a unified image by ukify": Layout(
        encrypted("root"), {"/etc/kernel/uki.conf": "[UKI]\nCmdline=@/etc/words\n", "/etc/words":
                            f"rd.luks.name={LUKS}=root root=/dev/mapper/root rw\n"},
    ),
    "Arch, a unified image by ukify, a stale root": Layout(
        plain, {"/etc/cmdline.d/root.conf": "root=UUID=0000-1 rw\n"}, bad={"root=": MISSING},
    ),
    "a disk by its number": Layout(
        plain, grub("root=/dev/vda2 ro"), bad={"root=": Verdict.WARNING}
    ),
    "no boot loader that is known": Layout(plain, {}, bad={"its source": Verdict.UNKNOWN}),
}  # fmt: skip
