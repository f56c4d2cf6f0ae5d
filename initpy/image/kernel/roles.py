"""Tells what a kernel module does in an initramfs, and what a boot loses without it.

The kernel's own classification is the source: a module's folder says what it drives; its aliases
name the bus, or the name by which the kernel requests it. This file names no module.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Weight(StrEnum):
    """How much a boot depends on a module."""

    BREAKS = "breaks"  # a root that needs it does not boot
    WARNS = "warns"  # a boot may need it
    NOTE = "note"


class Role(NamedTuple):
    """What the modules below a folder do, and what a boot loses without one.

    In `meaning`, {names} stands for the names that `answers_to` returns.
    """

    folder: str  # a pattern for the path below the release's folder
    what: str  # plural
    weight: Weight
    meaning: str


DISKS = (
    "ata|block|cdrom|firewire|message|mmc|nvdimm|nvme|scsi|target|ufs|usb/storage|s390/block|"
    "infiniband/ulp|memstick|mtd|xen|acpi/nfit"
)
# The first match decides; folders as in the kernel's source tree.
ROLES = (
    Role(r"kernel/fs/nls/", "character sets", Weight.WARNS,
         "a vfat or other file system that was made with {names} may not be mounted"),
    Role(r"kernel/fs/(nfs|cifs|smb|ceph|9p|fuse|afs)", "file systems", Weight.BREAKS,
         "a root on {names} cannot be mounted"),
    Role(r"kernel/fs/", "file systems", Weight.BREAKS,
         "a root, or a /usr, on {names} cannot be mounted"),
    Role(r"kernel/drivers/md/(?=dm-|persistent-data)", "device-mapper targets",
         Weight.BREAKS, "volumes (LVM, LUKS, multipath) that use {names} cannot be activated"),
    Role(r"kernel/drivers/md/", "array levels and caches", Weight.BREAKS,
         "arrays or caches of {names} cannot be started"),
    Role(r"kernel/(crypto|lib/crypto|arch/[^/]+/crypto)/", "ciphers and hashes", Weight.BREAKS,
         "encrypted volumes and file systems that use {names} cannot be opened, unless "
         "something else provides it"),
    Role(rf"kernel/drivers/({DISKS})/", "drivers of disks and controllers", Weight.BREAKS,
         "a root on a {names} disk that it drives will not boot"),
    Role(r"kernel/drivers/usb/(host|core|dwc\d|common|typec|phy)/", "USB drivers", Weight.BREAKS,
         "disks and keyboards behind the {names} controllers that it drives are not found"),
    Role(r"kernel/drivers/(virtio|xen|hv|pci|bus|nvmem|phy|dma|iommu|thunderbolt|mfd|pinctrl|gpio|"
         r"i2c|clk|regulator|soc|vmw_vmci)", "drivers of buses and mainboards",
         Weight.BREAKS, "devices behind the {names} devices that it drives, disks included, are "
         "not found"),
    Role(r"kernel/drivers/(hid|input)/", "input drivers", Weight.WARNS,
         "no passphrase can be typed on the {names} keyboards that it drives"),
    Role(r"kernel/drivers/(tee|char/tpm)", "drivers of TPMs and other security chips", Weight.WARNS,
         "volumes that a TPM unlocks ask for a passphrase"),
    # To join such a network takes more than drivers: a supplicant, a program for the radio.
    Role(r"kernel/(drivers/net/(wireless|can|hamradio)|net/(wireless|mac80211|bluetooth|can))/",
         "drivers and protocols of wireless and field networks", Weight.NOTE,
         "no initramfs reaches a root over {names}"),
    Role(r"kernel/(drivers/net|net)/", "network drivers and protocols", Weight.WARNS,
         "a root on the network that needs {names} cannot be reached"),
    Role(r"kernel/drivers/(gpu|video)/", "display drivers", Weight.NOTE,
         "displays that only it drives stay dark until the real system starts"),
    Role(r"kernel/lib/|kernel/mm/|kernel/kernel/", "libraries of other modules", Weight.NOTE,
         "on its own it does nothing"),
)  # fmt: skip
OTHER = Role("", "other modules", Weight.NOTE, "its effect on a boot is unknown")

# Names by which the kernel requests a module that drives no device (request_module()).
ASKED = re.compile(
    r"^(?:fs-(?P<fs>.+)|md-(?P<level>raid\d+|linear|multipath|faulty)|"
    r"nls_(?P<nls>.+)|crypto-(?P<cipher>[^()]+)|dm-(?P<target>.+)|net-pf-(?P<family>.+))$"
)
BUS = re.compile(r"^([a-z][a-z0-9_]*):")
# Bus in an alias -> its usual spelling.
BUSES = {
    "pci": "PCI", "usb": "USB", "acpi": "ACPI", "virtio": "virtio", "scsi": "SCSI", "hid": "HID",
    "vmbus": "Hyper-V", "xen": "Xen", "of": "device-tree", "platform": "platform", "pnp": "PnP",
    "serio": "PS/2", "i2c": "I2C", "sdio": "SDIO", "mmc": "MMC", "ieee1394": "FireWire",
}  # fmt: skip


def role_of(path: str) -> Role:
    """Return the role of a module, given its path below the release's folder."""
    # Out-of-tree modules (updates/dkms/, extra/) do not follow the kernel's folders.
    return next((role for role in ROLES if re.match(role.folder, path)), OTHER)


def answers_to(module: str, aliases: Iterable[str]) -> list[str]:
    """Return the names that the kernel requests a module by; else its buses; else its own name."""
    asked: dict[str, None] = {}
    buses: dict[str, None] = {}
    for alias in aliases:
        if found := ASKED.match(alias):
            asked[next(group for group in found.groups() if group)] = None
        elif found := BUS.match(alias):
            buses[BUSES.get(found[1], found[1])] = None
    return list(asked) or list(buses) or [module]
