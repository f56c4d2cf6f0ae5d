"""Makes a kernel's module indexes for the modules of an image, with depmod(8)."""

from collections.abc import Iterable

from initpy.image import process
from initpy.image.kernel.kmod import ModuleIndex
from initpy.image.missing import package_hint
from initpy.image.scratch import scratch_folder

# What kmod's library and udev read at boot. The text forms, the order and the
# symbols' index serve people and depmod itself.
TABLES = (
    "modules.alias.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.dep.bin",
    "modules.devname",
    "modules.softdep",
)
# What depmod needs besides the modules.
INPUTS = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


def module_tables(index: ModuleIndex, paths: Iterable[str], version: str) -> dict[str, bytes]:
    """The indexes of the chosen modules of a kernel, by file name, made by depmod(8)."""
    with scratch_folder("depmod") as base:
        # depmod takes the one or the other, as it was configured.
        folder = base / "usr/lib/modules" / version
        folder.mkdir(parents=True)
        (base / "lib").symlink_to("usr/lib")
        for path in paths:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(index.folder / path)
        for name in INPUTS:
            if (index.folder / name).is_file():
                (folder / name).symlink_to(index.folder / name)
        process.run(["depmod", "-b", str(base), version], hint=package_hint("depmod"))
        return {name: (folder / name).read_bytes() for name in TABLES if (folder / name).is_file()}
