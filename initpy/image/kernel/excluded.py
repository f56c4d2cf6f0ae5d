"""The table of the kernel's modules that an image leaves out, for its failure screen (R23).

A device that no driver of the image claims is then named with the module that would. The
source is the kernel's own modules.alias; kept are the folders of drivers that may lead to a
disk or a keyboard: all of them are three times as much.
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


# Chips that every board has and that lead nowhere.
NOISE = frozenset({"floppy", "serio_raw", "i2c_piix4", "i2c_i801", "i2c_nforce2", "i2c_viapro"})


def table(index: ModuleIndex, chosen: Iterable[str]) -> bytes:
    """`PATTERN MODULE` lines for the modules that are not among the chosen paths."""
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
        # Without a colon it is a name for people, not one that a bus gives to its devices.
        if len(words) == 3 and ":" in words[1] and canonical(words[2]) in wanted:
            lines.add(f"{words[1]} {words[2]}\n")
    return "".join(sorted(lines)).encode()
