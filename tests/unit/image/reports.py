"""Public reports of machines that did not boot, or hardly, after an update or an installation.

Each is the reported machine, kernel and image as a recorded stack, with the row with which a check
would have told, and with what cures it: without the fault the row is not there, or is ok.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fake_kernel import VERSION, Module
from fake_system import FakeSystem, virtio_disk
from layouts import (
    EXT4,
    LUKS,
    PART,
    ROOT,
    encrypted,
    encrypted_group,
    grub,
    in_raid,
    limine,
    partition,
    plain,
    pool,
    subvolume,
)

from initpy.image.check.proof import Verdict

MISSING, UNKNOWN, WARNING, OK = Verdict.MISSING, Verdict.UNKNOWN, Verdict.WARNING, Verdict.OK
INIT = {"/init": b"#!/bin/sh\n", "/bin/sh": b""}
DRACUT = {**INIT, "/usr/lib/dracut/dracut-110": b"110"}
MKINITCPIO = {**INIT, "/config": b"HOOKS=\n", "/hooks/encrypt": b""}

VIRTIO_BLK = Module("kernel/drivers/block/virtio_blk.ko", (), ("virtio:d00000002v*",), signed=True)
VIRTIO_PCI = Module(
    "kernel/drivers/virtio/virtio_pci.ko", (), ("pci:v00001AF4d*",),
    parameters=("force_legacy:bool",), signed=True,
)  # fmt: skip
EXT4_KO = Module("kernel/fs/ext4/ext4.ko", (), ("fs-ext4",), soft="pre: crypto-crc32c", signed=True)
CRC32C = Module("kernel/crypto/crc32c_generic.ko", (), ("crypto-crc32c",), signed=True)
BTRFS_KO = Module("kernel/fs/btrfs/btrfs.ko", (), ("fs-btrfs",), signed=True)
REISERFS = Module("kernel/fs/reiserfs/reiserfs.ko", (), ("fs-reiserfs",), signed=True)
BCACHEFS = Module("kernel/fs/bcachefs/bcachefs.ko", (), ("fs-bcachefs",), soft="pre: sha256")
SHA256 = Module("kernel/crypto/sha256_generic.ko", (), ("crypto-sha256", "sha256"))
DM_MOD = Module("kernel/drivers/md/dm-mod.ko", signed=True)
DM_CRYPT = Module("kernel/drivers/md/dm-crypt.ko", ("dm_mod",), ("dm-target-crypt",), signed=True)
RAID1 = Module("kernel/drivers/md/raid1.ko", (), ("md-raid1", "md-level-1"), signed=True)
DM_RAID = Module("kernel/drivers/md/dm-raid.ko", ("dm_mod", "raid1"), ("dm-raid1", "dm-raid"))
VMD = Module("kernel/drivers/pci/controller/vmd.ko", (), ("pci:v00008086d0000467F*",))
REMAP = Module("kernel/drivers/pci/intel-nvme-remap.ko", (), ("pci:v00008086d000006D6*",))
AHCI = Module("kernel/drivers/ata/ahci.ko", (), ("pci:v00008086d000006D6*",))
ZFS = Module(
    "updates/dkms/zfs.ko", (), ("fs-zfs", "devname:zfs"),
    parameters=("zfs_arc_max:ulong", "zfs_prefetch_disable:int"), version="2.2.7-pve1",
)  # fmt: skip
KERNEL = (
    VIRTIO_BLK, VIRTIO_PCI, EXT4_KO, CRC32C, BTRFS_KO, REISERFS, BCACHEFS, SHA256, DM_MOD, DM_CRYPT,
    RAID1, DM_RAID, VMD, AHCI, ZFS,
)  # fmt: skip
SIGNATURES = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_MODULE_SIG=y\nCONFIG_SECURITY_LOCKDOWN_LSM=y\n"


@dataclass(frozen=True)
class Report:
    """A machine, its kernel, its image, and the row that tells of the fault.

    `row` is (layer, need, verdict); a layer and a need are said by a part of them. `cure` are the
    fields without the fault.
    """

    source: str
    make: Callable[[FakeSystem], None]
    row: tuple[str, str, Verdict]
    cure: Mapping[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)  # of the machine
    kernels: Mapping[str, str] = field(default_factory=dict)  # path -> release in the header
    image: str = f"/boot/initrd.img-{VERSION}"
    inside: Mapping[str, bytes] = field(default_factory=dict)  # files of the image
    ours: bool = True  # the image is initpy's, with its job files
    crypttab: str = ""  # the image's
    kernel: tuple[Module, ...] = KERNEL
    builtin: str = ""
    lacks: tuple[str, ...] = ()  # modules that are not in the image
    in_use: tuple[str, ...] = ()
    config: str = ""  # the kernel's
    sections: Mapping[str, bytes] | None = None  # of a unified image
    words: str = ""  # in the row's reason
    modules_on_root: bool = True  # the machine has the folder of this kernel's modules

    @property
    def cured(self) -> "Report":
        return replace(self, **self.cure)

    def system(self) -> FakeSystem:
        made = FakeSystem()
        self.make(made)
        made.texts |= self.files
        made.kernels |= self.kernels
        lines = "".join(f"{each} 1 1 - Live 0x0\n" for each in self.in_use)
        made.texts["/proc/modules"] = lines
        return made


def without(*names: str) -> tuple[Module, ...]:
    return tuple(each for each in KERNEL if each.name not in names)


def typeone(kernel: str, image: str, words: str = f"root=UUID={ROOT} rw") -> dict[str, str]:
    text = f"title Linux\nlinux {kernel}\ninitrd {image}\noptions {words}\n"
    return {"/boot/loader/entries/linux.conf": text}


def of_type(kind: str, module: str) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        partition(system, ID_FS_TYPE=kind, ID_FS_UUID=ROOT)
        system.load(module)
        system.texts["/proc/filesystems"] = f"\t{kind}\n"
        system.mount("/", kind, "/dev/vda2", "254:12")

    return made


def behind(driver: str, module: str, alias: str) -> Callable[[FakeSystem], None]:
    """A disk behind a controller of its own driver."""

    def made(system: FakeSystem) -> None:
        bus = "/sys/devices/pci0000:00/0000:00:0e.0"
        system.bus(bus, "pci", driver, module, alias)
        system.block("nvme0n1", f"{bus}/block/nvme0n1", "259:0", **EXT4)
        system.mount("/", "ext4", "/dev/nvme0n1", "259:0")

    return made


def mirrored_volume(system: FakeSystem) -> None:
    """Root on a logical volume that was converted to a mirror after the installation."""
    partition(system, ID_FS_TYPE="LVM2_member")
    known = {"DM_VG_NAME": "vg", "DM_LV_NAME": "root", **EXT4}
    system.mapped("dm-1", "253:1", "vg-root", "LVM-abc", "0 9 raid raid1 3 0 region_size 1024 2",
                  ["vda2"], **known)  # fmt: skip
    system.load("dm_raid")
    system.mount("/", "ext4", "/dev/mapper/vg-root", "253:1")


def locked(make: Callable[[FakeSystem], None]) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        make(system)
        system.texts["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n"

    return made


def loaded(
    make: Callable[[FakeSystem], None], module: str, version: str
) -> Callable[[FakeSystem], None]:
    def made(system: FakeSystem) -> None:
        make(system)
        system.load(module)
        system.texts[f"/sys/module/{module}/version"] = f"{version}\n"

    return made


def cloned(system: FakeSystem) -> None:
    """The old disk is still there, with all its UUIDs."""
    plain(system)
    virtio_disk(system, "vdb", 2, ID_PART_TABLE_TYPE="gpt")
    path = f"{system.links['/sys/class/block/vdb']}/vdb2"
    system.block("vdb2", path, "254:34", ID_PART_ENTRY_UUID=PART, **EXT4)
    system.texts[f"{path}/partition"] = "2\n"


BY_UUID = grub(f"root=UUID={ROOT} ro")
GOOD = {"files": BY_UUID}
PI = {"/boot/firmware/cmdline.txt": f"console=tty1 root=PARTUUID={PART} rootwait\n"}
ON_ZFS = grub("root=ZFS=rpool/ROOT/pve-1 ro")
BOOT = "UUID=AAAA-BBBB /boot vfat defaults 0 2\n"


def boot_mounted(system: FakeSystem) -> None:
    plain(system)
    system.mount("/boot", "vfat", "/dev/vda1", "254:11")


REPORTS = {
    "an entry starts the image with the kernel before": Report(
        "booster 9", plain, ("command line", "its kernel", MISSING),
        {"files": typeone(f"/vmlinuz-{VERSION}", "/booster-linux.img")},
        typeone("/vmlinuz-5.9.14-arch1-1", "/booster-linux.img"), image="/boot/booster-linux.img",
    ),
    "the kernel on the EFI system partition is an old one": Report(
        "alma 84", plain, ("command line", "its kernel", MISSING),
        {"kernels": {"/boot/vmlinuz-linux": VERSION}},
        typeone("/vmlinuz-linux", "/initramfs-linux.img"),
        {"/boot/vmlinuz-linux": "5.15.8-arch1-1"}, "/boot/initramfs-linux.img",
    ),
    "/boot was not mounted during the update": Report(
        "AnarchyLinux installer 441", plain, ("the image", "its place", UNKNOWN),
        {"make": boot_mounted}, {**BY_UUID, "/etc/fstab": BOOT},
    ),
    "the disk was cloned, and the old one is still there": Report(
        "cks, DracutNeededArguments", cloned, ("command line", "root=", WARNING), {"make": plain},
        BY_UUID, words="/dev/vdb2",
    ),
    "the kernel of the image has been replaced, and its modules are gone": Report(
        "omarchy 4192", plain, ("the image", "the real system's modules", WARNING),
        {"modules_on_root": True}, BY_UUID, modules_on_root=False,
    ),
    "an entry without an image": Report(
        "propolis 590", plain, ("command line", "its image", WARNING), GOOD,
        {"/boot/grub/grub.cfg": f"menuentry U {{\nlinux /boot/vmlinuz-{VERSION} "
                                f"root=PARTUUID={PART}\n}}\n"},
    ),
    "the firmware of a Raspberry Pi loads no image": Report(
        "raspiblitz 2516", plain, ("command line", "its image", WARNING),
        {"files": {**PI, "/boot/firmware/config.txt": "[all]\ninitramfs i.img followkernel\n"}},
        {**PI, "/boot/firmware/config.txt": "#initramfs i.img\nauto_initramfs=0\n"},
    ),
    "crc32c is in use and not in the image": Report(
        "digitalocean-debian-to-arch 52", plain, ("vda2", "crypto-crc32c", MISSING), {"lacks": ()},
        BY_UUID, lacks=("crc32c_generic",), in_use=("crc32c_generic",),
    ),
    "sysctl.d names a modprobe of the machine's own": Report(
        "dracut 2742", plain, ("the image", "the kernel's modprobe", MISSING),
        {"inside": {**DRACUT, "/usr/lib/systemd/systemd-sysctl": b""}}, BY_UUID, ours=False,
        inside={**DRACUT, "/usr/lib/systemd/systemd-sysctl": b"",
                "/etc/sysctl.d/90-modprobe.conf":
                b"# none\nkernel.modprobe = /usr/local/sbin/modprobe.filtered\n"},
    ),
    "the same on the command line": Report(
        "dracut 2742", plain, ("the image", "the kernel's modprobe", MISSING),
        GOOD, grub(f"root=UUID={ROOT} sysctl.kernel.modprobe=/usr/local/sbin/modprobe.filtered"),
        words="modprobe.filtered",
    ),
    "btrfs is built into the new kernel": Report(
        "booster 54", of_type("btrfs", "btrfs"), ("vda2", "file system btrfs", OK), {}, BY_UUID,
        kernel=without("btrfs"), builtin="kernel/fs/btrfs/btrfs.ko",
    ),
    "the driver of Intel's VMD is not in the image": Report(
        "booster 243", behind("vmd", "vmd", "pci:v00008086d0000467Fsv0"),
        ("pci", "pci driver vmd", MISSING), {"lacks": ()}, BY_UUID, lacks=("vmd",),
    ),
    "the new kernel has no driver of the remapped NVMe": Report(
        "linux-cachyos 1054",
        behind("intel-nvme-remap", "intel_nvme_remap", "pci:v00008086d000006D6sv0"),
        ("pci", "pci driver intel-nvme-remap", WARNING), {"kernel": (*KERNEL, REMAP)}, BY_UUID,
    ),
    "the image for another kernel has no btrfs": Report(
        "copr-linux-cachyos 71", subvolume("/root"), ("vda2", "file system btrfs", MISSING),
        {"lacks": ()}, grub(f"root=UUID={ROOT} rootflags=subvol=root"), lacks=("btrfs",),
    ),
    "ReiserFS was taken out of the kernel": Report(
        "OpenMandriva 196", of_type("reiserfs", "reiserfs"),
        ("vda2", "file system reiserfs", MISSING), {"kernel": KERNEL}, BY_UUID,
        kernel=without("reiserfs"),
    ),
    "bcachefs was taken out of the kernel, and DKMS has not built it": Report(
        "CachyOS wiki 255", of_type("bcachefs", "bcachefs"),
        ("vda2", "file system bcachefs", MISSING), {"kernel": KERNEL}, BY_UUID,
        kernel=without("bcachefs"),
    ),
    "bcachefs wants sha256": Report(
        "nixpkgs 107571", of_type("bcachefs", "bcachefs"), ("vda2", "sha256", MISSING),
        {"lacks": ()}, BY_UUID, lacks=("sha256_generic",), in_use=("sha256_generic",),
    ),
    "root was converted to a mirror of LVM": Report(
        "dracut 2315", mirrored_volume, ("vg-root", "target raid", MISSING),
        {"lacks": ()}, grub("root=/dev/mapper/vg-root"), lacks=("dm_raid",),
    ),
    "nothing tells dracut of the array": Report(
        "dracut-ng 2321 (Launchpad 2144948)", in_raid(content=EXT4),
        ("md0", "what names it", UNKNOWN), {"files": grub(f"root=UUID={ROOT} rd.auto")}, BY_UUID,
        inside=DRACUT, ours=False,
    ),
    "the entry has the command line of a live system": Report(
        "systemd 40103", plain, ("command line", "root=", MISSING), GOOD,
        typeone(f"/vmlinuz-{VERSION}", "/initrd", "boot=casper quiet splash ---"),
    ),
    "the entry opens the volume of another disk": Report(
        "omarchy 11881", encrypted("root"), ("command line", "root=", MISSING),
        {"files": limine(f"cryptdevice=UUID={LUKS}:root root=/dev/mapper/root rw")},
        limine("cryptdevice=PARTUUID=ffff0000-0001:root root=/dev/mapper/root rw"),
    ),
    "a unified image whose command line was read from /proc": Report(
        "systemd 30051", plain, ("command line", "root=", MISSING),
        {"sections": {".cmdline": f"root=UUID={ROOT}".encode(), ".linux": b""}}, BY_UUID,
        image="/efi/EFI/Linux/linux.efi", sections={".cmdline": b"\0", ".linux": b""},
    ),
    "a value for ZFS that is no number": Report(
        "xshok-proxmox 16", pool, ("rpool", "file system zfs", MISSING),
        {"inside": {"/etc/modprobe.d/zfs.conf": b"options zfs zfs_arc_max=2147483648\n"}}, ON_ZFS,
        inside={"/etc/modprobe.d/zfs.conf": b"options zfs zfs_arc_max=$MY_ZFS_ARC_MAX\n"},
    ),
    "the same on the command line, for the driver of the disk": Report(
        "xshok-proxmox 16", plain, ("pci", "pci driver virtio-pci", MISSING),
        {"files": grub(f"root=UUID={ROOT} virtio_pci.force_legacy=yes")},
        grub(f"root=UUID={ROOT} virtio-pci.force_legacy=enabled"),
    ),
    "Secure Boot, and ZFS from DKMS is not signed": Report(
        "openzfs 14521", locked(pool), ("rpool", "file system zfs", MISSING), {"make": pool},
        ON_ZFS, config=SIGNATURES + "CONFIG_LOCK_DOWN_IN_EFI_SECURE_BOOT=y\n",
    ),
    "lockdown on the command line, and ZFS is not signed": Report(
        "void-packages 52618", pool, ("rpool", "file system zfs", MISSING), {"files": ON_ZFS},
        grub("root=ZFS=rpool/ROOT/pve-1 lockdown=integrity"), config=SIGNATURES,
    ),
    "a generator stripped the modules of their signatures": Report(
        "booster 312", plain, ("vda2", "file system ext4", MISSING), {"kernel": KERNEL},
        grub(f"root=UUID={ROOT} module.sig_enforce=1"), config=SIGNATURES,
        kernel=tuple(replace(each, signed=False) for each in KERNEL),
    ),
    "the image was built for the kernel that was running": Report(
        "puppet-archlinux-macbookretina 1", plain, ("pci", "pci driver virtio-pci", MISSING),
        {"lacks": ()}, BY_UUID, lacks=tuple(each.name for each in KERNEL),
    ),
    "DKMS had not built ZFS when the image was made": Report(
        "zfs-hetzner-vm 28", pool, ("rpool", "file system zfs", MISSING), {"lacks": ()}, ON_ZFS,
        lacks=("zfs",),
    ),
    "the image has an older ZFS than is loaded, which has upgraded the pool": Report(
        "proxmox-zfs 1", loaded(pool, "zfs", "2.3.0-1"), ("rpool", "version of zfs", WARNING),
        {"make": loaded(pool, "zfs", "2.2.7-pve1")}, ON_ZFS,
    ),
    "crypttab names a disk that has another number now": Report(
        "nixpkgs 60305", encrypted("root"), ("root (LUKS)", "the command line", MISSING),
        {"crypttab": f"root UUID={LUKS} none luks,initramfs\n"}, grub("root=/dev/mapper/root"),
        crypttab="root /dev/nvme0n1p2 none luks,initramfs\n",
    ),
    "root= has the UUID of the encrypted volume": Report(
        "booster 47", encrypted("root"), ("command line", "root=", OK), {},
        grub(f"root=UUID={LUKS}"),
    ),
    "an image without the hook of LVM": Report(
        "omarchy 6876", encrypted_group("cryptlvm", "ArchinstallVg", "root"),
        ("ArchinstallVg-root", "program lvm", UNKNOWN), {},
        grub(f"cryptdevice=UUID={LUKS}:cryptlvm root=/dev/mapper/ArchinstallVg-root"),
        inside=MKINITCPIO, ours=False,
    ),
}  # fmt: skip
