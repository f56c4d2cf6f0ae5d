"""Modules that the kernel is not to hold back while it probes a disk: `async_probe`, modprobe.d(5).

From version 5.17 on do_init_module() of Linux waits for all probes that are under way, whoever has
begun them (async_synchronize_full()), and those of SCSI disks read the disk. So a disk that does
not answer would hold back each module that is loaded meanwhile: device mapper, crypto, a file
system. The option exempts a module (load_module()). These modules probe no device, but for sd_mod,
whose probes are asynchronous anyway: udev's events for other disks would wait for its loading.
"""

from collections.abc import Iterator

from initpy.image.kernel import kmod

PATH = "/usr/lib/modprobe.d/initpy-async.conf"
FOLDERS = (
    "kernel/fs/", "kernel/crypto/", "kernel/arch/", "kernel/lib/", "kernel/drivers/md/",
    "kernel/drivers/block/", "kernel/drivers/nvme/", "kernel/drivers/scsi/",
)  # fmt: skip
DISKS = "sd_mod"
NO_BUS = ("cpu", "devname")  # aliases of accelerators; of nodes that load a module


def text(index: kmod.ModuleIndex, paths: tuple[str, ...]) -> str:
    """Return the lines for the modules of an image."""
    return "".join(f"options {name} async_probe\n" for name in _names(index, paths))


def _names(index: kmod.ModuleIndex, paths: tuple[str, ...]) -> Iterator[str]:
    driving = {name for bus, found in index.buses.items() if bus not in NO_BUS for _, name in found}
    for path in sorted(paths):
        name = kmod.module_name(path)
        if name == DISKS or (path.startswith(FOLDERS) and name not in driving):
            yield name
