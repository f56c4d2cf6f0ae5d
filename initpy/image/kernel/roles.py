"""What kernel modules are good for in an initramfs, by where they lie and what they answer to.

The kernel's own order is the source: the folder says what a driver drives, its
aliases say on which bus, or by which name the kernel asks for it. No module is
named here.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Weight(StrEnum):
    """What a loss means for a boot."""

    BREAKS = "breaks"  # a root that needs it does not boot
    WARNS = "warns"  # something that a boot may want
    NOTE = "note"


class Role(NamedTuple):
    """What modules below a folder do, and what the lack of one means.

    In `meaning`, {names} stands for what the module answers to, or its own name.
    """

    folder: str  # a pattern on the path below the release's folder
    what: str  # plural
    weight: Weight
    meaning: str


DISKS = (
    "ata|block|cdrom|firewire|message|mmc|nvdimm|nvme|scsi|target|ufs|usb/storage|s390/block|"
    "infiniband/ulp|memstick|mtd|xen"
)
# The first that fits decides; folders as in the kernel's source tree.
ROLES = (
    Role(r"kernel/fs/nls/", "tables of characters", Weight.WARNS,
         "a vfat or other file system that was made with {names} may not be mounted"),
    Role(r"kernel/fs/(nfs|cifs|smb|ceph|9p|fuse|afs)", "file systems", Weight.BREAKS,
         "a root on {names} cannot be mounted"),
    Role(r"kernel/fs/", "file systems", Weight.BREAKS,
         "a root, or a /usr, on {names} cannot be mounted"),
    Role(r"kernel/drivers/md/(?=dm-|persistent-data)", "targets of the device mapper",
         Weight.BREAKS, "volumes (LVM, LUKS, multipath) that use {names} cannot be activated"),
    Role(r"kernel/drivers/md/", "array levels and caches", Weight.BREAKS,
         "arrays or caches of {names} cannot be started"),
    Role(r"kernel/(crypto|lib/crypto|arch/[^/]+/crypto)/", "ciphers and hashes", Weight.BREAKS,
         "encrypted volumes and file systems that use {names} cannot be opened, unless "
         "something else provides it"),
    Role(rf"kernel/drivers/({DISKS})/", "drivers of disks and their controllers", Weight.BREAKS,
         "a root on a {names} disk that it drives will not boot"),
    Role(r"kernel/drivers/usb/(host|core|dwc\d|common|typec|phy)/", "drivers of USB", Weight.BREAKS,
         "disks and keyboards behind the {names} controllers that it drives are not seen"),
    Role(r"kernel/drivers/(virtio|xen|hv|pci|bus|nvmem|phy|dma|iommu|thunderbolt|mfd|pinctrl|gpio|"
         r"i2c|clk|regulator|soc|vmw_vmci)", "drivers of buses and what boards are made of",
         Weight.BREAKS, "devices behind the {names} devices that it drives are not seen, disks "
         "among them"),
    Role(r"kernel/drivers/(hid|input)/", "drivers of keyboards and the like", Weight.WARNS,
         "no passphrase can be typed on the {names} keyboards that it drives"),
    Role(r"kernel/drivers/(tee|char/tpm)", "drivers of security chips", Weight.WARNS,
         "volumes that a security chip unlocks ask for a passphrase"),
    Role(r"kernel/(drivers/net|net)/", "network drivers and protocols", Weight.WARNS,
         "a root on the network that needs {names} is not reached"),
    Role(r"kernel/drivers/(gpu|video)/", "drivers of screens", Weight.NOTE,
         "screens that only it drives stay dark until the real system starts"),
    Role(r"kernel/lib/|kernel/mm/|kernel/kernel/", "parts that other modules use", Weight.NOTE,
         "on its own it does nothing"),
)  # fmt: skip
OTHER = Role("", "other modules", Weight.NOTE, "nothing is known of what a boot would lose")

# Names by which the kernel asks for a module that is no device's driver (request_module).
ASKED = re.compile(
    r"^(?:fs-(?P<fs>.+)|md-(?P<level>raid\d+|linear|multipath|faulty)|"
    r"nls_(?P<nls>.+)|crypto-(?P<cipher>[^()]+)|dm-(?P<target>.+)|net-pf-(?P<family>.+))$"
)
BUS = re.compile(r"^([a-z][a-z0-9_]*):")
# As people write them.
BUSES = {
    "pci": "PCI", "usb": "USB", "acpi": "ACPI", "virtio": "virtio", "scsi": "SCSI", "hid": "HID",
    "vmbus": "Hyper-V", "xen": "Xen", "of": "device-tree", "platform": "platform", "pnp": "PnP",
    "serio": "PS/2", "i2c": "I2C", "sdio": "SDIO", "mmc": "MMC", "ieee1394": "FireWire",
}  # fmt: skip


def role_of(path: str) -> Role:
    """What a module does, by its path below the release's folder."""
    # What is out of the tree (updates/dkms/, extra/) lies in no such order.
    return next((role for role in ROLES if re.match(role.folder, path)), OTHER)


def answers_to(module: str, aliases: Iterable[str]) -> list[str]:
    """Names for people: of what the kernel asks for, else of the buses, else the module's own."""
    asked: dict[str, None] = {}
    buses: dict[str, None] = {}
    for alias in aliases:
        if found := ASKED.match(alias):
            asked[next(group for group in found.groups() if group)] = None
        elif found := BUS.match(alias):
            buses[BUSES.get(found[1], found[1])] = None
    return list(asked) or list(buses) or [module]
