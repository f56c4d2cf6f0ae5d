"""The files of this machine that a build, a check or an installation reads, besides programs.

A test compares this list with what they open, and puts every kind of damage into each file.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

# Without them the image boots in another way than this machine is configured: a line says so.
TOLD = (
    "/etc/crypttab", "/etc/crypttab.initramfs", "/etc/fstab", "/etc/hostname",
    "/etc/default/keyboard", "/etc/vconsole.conf", "/etc/initramfs-tools/initramfs.conf",
    "/etc/initramfs-tools/conf.d/resume", "/etc/kernel/cmdline", "/etc/iscsi/iscsi.initramfs",
    "/etc/cryptsetup-initramfs/conf-hook",
)  # fmt: skip
# The build says of each whether it is left out; or it is about menus, of which one is enough.
OTHERS = (
    "/boot/extlinux/extlinux.conf", "/boot/firmware/cmdline.txt", "/boot/grub/grub.cfg",
    "/boot/grub/grubenv", "/boot/limine.conf", "/boot/loader/loader.conf",
    "/boot/refind_linux.conf", "/etc/default/console-setup", "/etc/group",
    "/etc/iscsi/initiatorname.iscsi", "/etc/iscsi/iscsid.conf", "/etc/kernel/tries",
    "/etc/kernel/uki.conf", "/etc/ld.so.conf", "/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf",
    "/etc/machine-id", "/etc/mdadm.conf", "/etc/mdadm/mdadm.conf", "/etc/nvme/config.json",
    "/etc/nvme/discovery.conf", "/etc/nvme/hostid", "/etc/nvme/hostnqn", "/etc/os-release",
    "/etc/passwd", "/etc/systemd/ukify.conf", "/etc/zipl.conf",
)  # fmt: skip
# Folders in which any file may be read.
FOLDERS = (
    "/boot/loader/entries", "/etc/cmdline.d", "/etc/console-setup", "/etc/initpy",
    "/etc/initramfs-tools/conf.d", "/etc/ld.so.conf.d", "/etc/mdadm.conf.d",
    "/etc/mdadm/mdadm.conf.d", "/etc/modprobe.d", "/etc/multipath", "/etc/udev/rules.d",
)  # fmt: skip


def strange(base: str = "") -> Iterator[str]:
    """Yield a line for each of TOLD that is there, below `base`, and cannot be read as a file."""
    for each in TOLD:
        path = Path(f"{base}{each}")
        # Debian's systemd makes vconsole.conf a link to default/keyboard, which may not be there.
        target = os.path.realpath(path).removeprefix(base)
        if target in TOLD and target != each:
            continue
        if why := _why(path):
            yield f"{path}: taken for absent, as it {why}"


def _why(path: Path) -> str:
    if not os.path.lexists(path):
        return ""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"leads nowhere ({error.strerror})" if path.is_symlink() else f"{error.strerror}"
    if stat.S_ISDIR(mode):
        return "is a folder"
    return "" if stat.S_ISREG(mode) else "is no file"
