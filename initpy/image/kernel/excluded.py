"""Lists the kernel's modules that an image excludes, for the failure screen (R23).

The screen can then name the module that would drive a device without a driver. The source is the
kernel's modules.alias. The table holds only drivers that may lead to a disk or a keyboard; a table
of all drivers would be three times as large.
"""

from collections.abc import Iterable

from initpy.image.kernel.kmod import ModuleIndex, canonical

PATH = "/usr/lib/initpy/left-out-modules"
FOLDERS = tuple(
    f"kernel/drivers/{name}"
    for name in (
        "ata/", "block/", "bus/", "dax/", "dma/", "firewire/", "hid/", "hv/", "i2c/busses/",
        "infiniband/hw/", "input/keyboard/", "input/serio/", "memstick/", "message/", "mfd/",
        "mmc/", "misc/cardreader/", "net/ethernet/", "net/fjes/", "net/hyperv/", "net/usb/",
        "net/vmxnet3/", "nvdimm/", "nvme/", "pci/", "phy/", "pinctrl/", "platform/surface/",
        "scsi/", "staging/rts5208/", "target/", "thunderbolt/", "ufs/", "usb/core/", "usb/dwc2/",
        "usb/dwc3/", "usb/host/", "usb/storage/", "usb/typec/", "virtio/", "xen/",
        "net/virtio_net.ko", "net/xen-netfront.ko",
    )
)  # fmt: skip

# Common chips of mainboards, which lead to no disk and no keyboard.
NOISE = frozenset({"floppy", "serio_raw", "i2c_piix4", "i2c_i801", "i2c_nforce2", "i2c_viapro"})


def table(index: ModuleIndex, chosen: Iterable[str]) -> bytes:
    """Return `PATTERN MODULE` lines for the modules that are not among the chosen paths."""
    taken = set(chosen)
    wanted = {
        name
        for name, path in index.paths.items()
        if path not in taken and name not in NOISE and path.startswith(FOLDERS)
    }
    source = index.folder / "modules.alias"
    if not source.is_file():
        return b""
    lines = set()
    for line in source.read_text("utf-8", "replace").splitlines():
        words = line.split()
        # A device's modalias has a colon; an alias without one is a name for modprobe's user.
        if len(words) == 3 and ":" in words[1] and canonical(words[2]) in wanted:
            lines.add(f"{words[1]} {words[2]}\n")
    return "".join(sorted(lines)).encode()
