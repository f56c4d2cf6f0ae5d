"""All parameters that the initramfs of other systems document, and what becomes of them here.

The source of the last sections of docs/parameters.md (`document`); a test compares them. A boot
looks a parameter up here only if its name may be meant for an initramfs and nothing reads it, so
most boots never import this module. Names are written with `-` for `_`, which are the same.

dracut.cmdline(7), kernel-command-line(7) and the generators of systemd, initramfs-tools(7),
mkinitcpio(8), README.initramfs of cryptsetup and of open-iscsi.
"""

from collections.abc import Iterator

from initpy.config.commandline import FALSE, Parameter
from initpy.config.errors import InputError
from initpy.config.othernames import OF_OVERLAYS
from initpy.core.devices.suggestions import NEAR, distance
from initpy.core.tuples import NamedTuple

FCOE = "no disk is looked for over FCoE: iscsi:, nbd: and NVMe over TCP are supported"
CIFS = "CIFS is not supported: root may be on NFS, virtiofs, 9p or a disk"
NBD = "nbdroot=SERVER:/EXPORT root=/dev/nbd0 boots from NBD"
ZFS = "the image has no ZFS (jobs/extra/zfs.toml); with it, root=zfs:POOL/DATASET names root"
LIVE = (
    "live images are not supported, boot them with their own initramfs: root would be the file "
    "system that the image is on"
)
VERITY = "dm-verity is not set up: root would not be verified"
OVERLAY = "rd.overlay=1 keeps root unchanged, with changes in memory"
SCRIPT = "there are no boot scripts of this name here: leave it out, or write boot=local"
IBM = "devices of IBM Z are not set up by the initramfs: let the kernel or udev find them"
KEYS = "keys of the kernel's keyring are not loaded: the real system may"
SPLASH = "there is no splash screen: messages and prompts are text"
SYSTEM = "the real system reads it"
UDEV = "udevd reads it"
KERNEL = "the kernel reads it"
KMOD = "libkmod reads it, in udevd and modprobe"


class Row(NamedTuple):
    """Parameters of one kind, and what there is to say of them."""

    names: str  # separated by blanks; one that ends with `*` stands for all that begin so
    note: str  # why it has no effect, or what to do instead

    def names_of(self, key: str) -> int:
        """How many letters of this parameter a name of the row stands for; 0: it is another."""
        found = [
            len(each)
            for each in self.names.split()
            if (key.startswith(each[:-1]) if each.endswith("*") else key == each)
        ]
        return max(found, default=0)


# Read by other parts of initpy; the document has them among those that are understood.
EXPLAINED = Row(
    "rd.multipath multipath nompath hostname systemd.hostname",
    "PID 1, the kernel, or a rule of udev",
)
# Read by others, or of no use here: nothing is said at boot.
SILENT = (
    Row("rd.udev.* udev.* biosdevname net.ifnames net.naming-scheme", UDEV),
    Row("modprobe.blacklist module-blacklist", KMOD),
    Row("raid md netconsole fips noautodetect", KERNEL),
    Row("systemd.* locale.* quotacheck.mode domain single emergency rescue", SYSTEM),
    Row("modules-load selinux enforcing net.ifname-policy", SYSTEM),
    Row("rd.systemd.log-* rd.systemd.show-status rd.systemd.setenv rd.systemd.default-*",
        "no systemd runs in this initramfs; debug and quiet say what the console shows"),
    Row("veritytab rd.veritytab", "no volume of dm-verity is set up"),
    Row("plymouth.enable rd.plymouth splash nosplash rhgb", SPLASH),
    Row("rd.md.waitclean rd.shutdown.timeout.umount", "the shutdown is the real system's"),
    Row("rd.live.overlay.size rd.live.overlay.cowfs rd.live.overlay.thin "
        "rd.live.overlay.nouserconfirmprompt rd.live.dir rd.live.check rd.live.debug",
        "it is about live images"),
    Row("live-media-* persistence* overlay-size ramdisk-size verify-checksums ignore-uuid todisk "
        "netboot union nfsopts dm-verity-*", "it is about live images, and boot=live is refused"),
    Row("zfs-wait zfs-import-dir zfs-ignorecache zfs-boot-only",
        "a pool is imported when its disks are there"),
    Row("nfsrootdebug zfsdebug zfs-debug zfs.debug booster.* rd.log",
        "debug and quiet say what the console shows"),
    Row("rd.minmem all-generic-ide initramfs.runsize initramfs.clear",
        "nothing in this initramfs depends on it"),
    Row("rd.lunmask", "udev finds all units"),
    Row("rd.nofcoe", "no disk is looked for over FCoE"),
    Row("rd.iscsi.bypass iscsi-auto-skip-initramfs-networking",
        "a root on a local disk waits for no target and no link"),
    Row("rd.net.timeout.ip-required", "the first address that leads to the root is enough"),
    Row("rd.net.dns-backend rd.net.dns-resolve-mode", SYSTEM),
)  # fmt: skip
# Not supported, and said at boot, unless the value is `0` or another word for no.
SAID = (
    Row("netmask gateway",
        "ip=ADDRESS::GATEWAY:NETMASK::INTERFACE:none has all of an address in one parameter"),
    Row("team", "use bond=, which the kernel has without a program"),
    Row("ib.pkey", "InfiniBand partitions are not made: name the parent in ip="),
    Row("rd.ethtool", "an interface negotiates its speed"),
    Row("rd.net.dhcp.vendor-class rd.net.dhcp.dscp",
        "the DHCP server is asked without it: it has to answer by the client's identifier or MAC "
        "address"),
    Row("fcoe rd.fcoe", FCOE),
    Row("cifsuser cifspass", CIFS),
    Row("rd.nfs.domain", "the real system maps names of users, see idmapd.conf(5)"),
    Row("rd.noverifyssl rd.systemd.pull",
        "nothing is fetched from the network: name a root on a local disk"),
    Row("rd.dasd rd.zfcp rd.zfcp.* rd.cio-accept rd.znet rd.znet-ifname rd.zipl rd.dcssblk", IBM),
    Row("rd.dm rd.dm.uuid", "mdadm assembles firmware RAID; see rd.md.imsm= and rd.md.ddf="),
    Row("rd.lvm.mergetags", "see rd.lvm.vg= and rd.lvm.lv="),
    Row("rd.lvm.snapshot rd.lvm.snapsize rd-LVM-SNAPSHOT rd-LVM-SNAPSIZE",
        "no snapshot is made: rd.overlay=1 keeps root unchanged"),
    Row("rd-LUKS-KEYDEV-UUID rd-LUKS-KEYPATH lukskey",
        "rd.luks.key=/PATH:UUID=… names a key file on a device"),
    Row("crypt-root crypt-roots crypt-root-options crypt-swap crypt-swaps crypt-swap-options "
        "luksdev cryptroot cryptdm",
        "cryptdevice=DEVICE:NAME[:OPTION,…] opens a volume as /dev/mapper/NAME"),
    Row("root-key root-keydev root-keydev-fstype swap-key swap-keydev swap-keydev-fstype",
        "cryptkey=DEVICE:FILESYSTEM:/PATH beside cryptdevice= names a key file"),
    Row("root-header root-headerdev root-headerdev-fstype swap-header swap-headerdev "
        "swap-headerdev-fstype cryptheader",
        "rd.luks.options=UUID=header=/PATH:DEVICE names a detached header"),
    Row("root-trim lukstrim cryptdiscards", "rd.luks.allow-discards allows discards"),
    Row("bootfs.snapshot", "no snapshot is made"),
    Row("spl-hostid", "spl.spl_hostid=0x… is the parameter of ZFS's module"),
    Row("usr usrflags", "mount.usr= and mount.usrflags= are about /usr"),
    Row("rd.luks.smartcard", "the passphrase is asked for"),
    Row("rd.driver.blacklist blacklist", "modprobe.blacklist= does the same"),
    Row("rd.driver.pre rd.driver.post rd.driver.export rd.modules-load "
        "rd.modules-force-load earlymodules",
        "udev loads the drivers of devices that are there; others are loaded by a job file"),
    Row("rd.vconsole.* vconsole.* rd.locale.*",
        "no table of characters or locale is loaded: prompts are in UTF-8; rd.vconsole.keymap= and "
        "rd.vconsole.font= are understood"),
    Row("rd.live.squashimg rd.live.updates", LIVE),
    Row("rootfallback", "root= names one device; nothing else is taken for root"),
    Row("root.journaldev", "rootflags=journal_path=DEVICE or logdev=DEVICE names the journal"),
    Row("rd.fips rd.fips.skipkernel", "kernel and image are not compared with their checksums"),
    Row("rd.memdebug rdnetdebug rdudevdebug rdudevinfo", "rd.debug shows what happens"),
    Row("rd.hostonly", "an image of `initpy build --portable` has nothing of one machine"),
    Row("rd.cmdline", "change the command line in the boot loader's menu"),
    Row("rd.ctty", "the shell is on the console where somebody types"),
    Row("rd.convertfs rd.caps rd.caps.*", "the real system has to do this"),
    Row("masterkey masterkeytype evmkey evmx509 ecryptfskey", KEYS),
    Row("rd.systemd.mask rd.systemd.wants rd.systemd.debug-shell rd.systemd.mount-extra "
        "rd.systemd.swap-extra rd.systemd.factory-reset rd.systemd.*",
        "no systemd runs in this initramfs"),
    Row("rd.kiwi.*", "disks are not deployed or resized; the real system may do it"),
    Row("disablehooks", "there are no hooks"),
    Row("overlayroot-cfgdisk", "the command line alone says where changes go"),
)  # fmt: skip
# Not supported, and they name root: without root=, no other one is looked for.
ELSEWHERE = (
    Row("iso-scan iso-scan/filename findiso fromiso isoboot archisobasedir archisolabel "
        "archisodevice archisosearchuuid archisosearchfilename misobasedir misolabel img-dev "
        "img-loop live-media cdroot alpine-dev apkovl boot.persistence cos-img/filename "
        "ugrd-livecd-label ugrd-squashfs-image", LIVE),
    Row("zfs rpool bootfs zfs-bootfs", ZFS),
    Row("pmos-root pmos-root-uuid", "root=DEVICE or root=UUID=… names it"),
)  # fmt: skip
# Not supported, and they keep root from being written to, or say that it is another one: root is
# left alone, unless the value is a word for no.
REFUSED = (
    Row("rd.live.image rd.live.ram rd.writable.fsimg toram copytoram", LIVE),
    Row("roothash usrhash systemd.verity-root-* systemd.verity-usr-* verity.root verity.roothash "
        "verity.usr verity.usrhash", VERITY),
    Row("ostree ostree.* composefs composefs.*",
        "root would be a deployment within the file system that root= names"),
    Row("bootfs.rollback", "root would have what a rollback undoes"),
    Row("subdir", "root would be a folder within the file system that root= names"),
    Row("rootovl fsprotect lockfs aufs unionfs overlay overlayfs overlaytmpfs rootoverlay "
        "overlayroot* rootrw* rd.overlay.* rd.live.overlay.* rd.root.overlay.*", OVERLAY),
)  # fmt: skip
# Older names of dracut's, and those of other initramfs: the name and value that mean the same.
OLD = {
    "rd-MD-UUID": ("rd.md.uuid", None),
    "rd-LVM-VG": ("rd.lvm.vg", None),
    "rd-LVM-LV": ("rd.lvm.lv", None),
    "rd-LUKS-UUID": ("rd.luks.uuid", None),
    "rd-NO-MD": ("rd.md", "0"),
    "rd-NO-MDADMCONF": ("rd.md.conf", "0"),
    "rd-NO-MDIMSM": ("rd.md.imsm", "0"),
    "rd-NO-MDDDF": ("rd.md.ddf", "0"),
    "rd-NO-LVM": ("rd.lvm", "0"),
    "rd-NO-LVMCONF": ("rd.lvm.conf", "0"),
    "rd-NO-LUKS": ("rd.luks", "0"),
    "rd-NO-CRYPTTAB": ("rd.luks.crypttab", "0"),
    "rd-NO-FSTAB": ("rd.fstab", "0"),
    "rd-NO-DM": ("rd.dm", "0"),
    "rdbreak": ("rd.break", None),
    "rdshell": ("rd.shell", None),
    "rddebug": ("rd.debug", None),
    "rdinitdebug": ("rd.debug", None),
    "rd.writable-fsimg": ("rd.writable.fsimg", None),
    "SYSFONT": ("rd.vconsole.font", None),
    "real-root": ("root", None),  # genkernel's; its root= was /dev/ram0
    "real-rootflags": ("rootflags", None),
    "real-init": ("init", None),
    "real-resume": ("resume", None),
    "fstype": ("rootfstype", None),  # mkinitcpio's
    "waitforroot": ("rootdelay", None),  # Slackware's
    "gk.emergency": ("rd.emergency", None),
    "ugrd-mount-timeout": ("rootdelay", None),
    "ugrd-no-fsck": ("fsck.mode", "skip"),
}
# A name like one of these most likely keeps root from being written to.
PROTECTING = ("rd.overlay", "rd.live.overlay", "rd.writable.fsimg", "rd.live.image", "rd.live.ram")
# The values of boot= that are scripts of initramfs-tools itself, and zfs-initramfs's, of which
# root= tells; dracut's FIPS module has a device there. Any other script makes root what it likes.
BOOT_SCRIPTS = ("", "local", "nfs", "zfs")
BOOT_NOTES = {"live": LIVE, "casper": LIVE, "nbd": NBD, "overlay": OVERLAY}


class NotSupportedError(InputError):
    """A parameter that others understand."""

    names_root = False
    verifies = False

    def __init__(self, parameter: Parameter, note: str, refuses: bool) -> None:
        error = parameter.error("")
        super().__init__(error.where, error.value, "")
        found = "" if error.value is None else f" {error.value!r}:"
        self.args = (f"{error.where}:{found} not supported: {note}",)
        self.refuses = refuses
        self.verifies = note == VERITY


def renamed(parameter: Parameter, key: str) -> Parameter | None:
    """The parameter by its present name, if this is an older one."""
    if key not in OLD:
        return None
    name, value = OLD[key]
    return Parameter(name, parameter.value if value is None else value)


def complaint(parameter: Parameter, key: str, known: Iterator[str]) -> InputError | None:
    """What to say of a parameter that nothing reads; `known`: those that initpy understands."""
    if key == "boot":
        value = parameter.value or ""
        ours = value in BOOT_SCRIPTS or "=" in value or "/" in value
        note = BOOT_NOTES.get(value, SCRIPT)
        return None if ours else NotSupportedError(parameter, note, refuses=True)
    length, note, refuses = max(_found(key), default=(0, "", False))
    if not length and OF_OVERLAYS in key.lower():
        length, note, refuses = len(OF_OVERLAYS), OVERLAY, True
    if not length:
        return _unknown(parameter, key, known)
    if not note or (parameter.value or "1").lower() in FALSE:
        return None
    error = NotSupportedError(parameter, note, refuses)
    error.names_root = any(row.names_of(key) for row in ELSEWHERE)
    return error


def _found(key: str) -> Iterator[tuple[int, str, bool]]:
    """The rows that have this name: how much of it they name, what is said, if it refuses."""
    silent = (*SILENT, EXPLAINED)
    for rows in (silent, SAID, ELSEWHERE, REFUSED):
        for row in rows:
            length = row.names_of(key)
            yield length, "" if rows is silent else row.note, rows is REFUSED


def _unknown(parameter: Parameter, key: str, known: Iterator[str]) -> InputError:
    near = min(((distance(key, each), each) for each in known), default=(1.0, ""))
    meant = f", such as {near[1]}" if near[0] <= NEAR else ""
    refuses = bool(meant) and near[1].startswith(PROTECTING)
    outcome = "root is left alone" if refuses else "it is ignored"
    error = parameter.error(f"a parameter that initpy knows{meant}; {outcome}")
    error.refuses = refuses
    return error


def document() -> str:
    """The sections of docs/parameters.md about parameters that initpy does not act on."""
    parts = []
    for title, text, rows in (
        ("Not needed here", "initpy takes these without a word.", SILENT),
        ("Not supported", "A line on the console says so, unless the value is a word for no.",
         SAID),
        ("Not supported: they name root",
         "A line on the console says so. Without `root=`, no other root is looked for.", ELSEWHERE),
        ("Not supported: root is left alone",
         "They keep root from being written to, or say that root is something else. So nothing is "
         "mounted: the failure screen and the shell come at once.", REFUSED),
    ):  # fmt: skip
        lines = [f"## {title}", "", text, "", "| parameters | |", "|---|---|"]
        for row in rows:
            names = ", ".join(f"`{each.replace('-', '_')}`" for each in row.names.split())
            lines.append(f"| {names} | {row.note} |")
        parts.append("\n".join(lines))
    old = ", ".join(
        f"`{old.replace('-', '_')}`: `{name}={value or ''}`" for old, (name, value) in OLD.items()
    )
    whose = "Older names of dracut, and names of genkernel, mkinitcpio, Slackware and ugrd,"
    parts.append(f"{whose} mean what they meant: {old}.")
    return "\n\n".join(parts) + "\n"
