"""Makes a kernel's module indexes for the modules of an image, with depmod(8)."""

from collections.abc import Iterable

from initpy.image import process
from initpy.image.kernel.kmod import ModuleIndex, module_name
from initpy.image.missing import package_hint
from initpy.image.scratch import scratch_folder

# The indexes that libkmod and udev read at boot. They do not read the text files, the order and
# the index of symbols.
TABLES = (
    "modules.alias.bin",
    "modules.builtin.alias.bin",
    "modules.builtin.bin",
    "modules.dep.bin",
    "modules.devname",
    "modules.softdep",
)
# The files that depmod reads besides the modules.
INPUTS = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


def module_tables(index: ModuleIndex, paths: Iterable[str], version: str) -> dict[str, bytes]:
    """Run depmod(8) for the modules at these paths in an image; return its indexes by file name.

    It reads the kernel's files, even if a module's compression differs in the image: libkmod
    recognises a compression by its magic, not by the name.
    """
    with scratch_folder("depmod") as base:
        # depmod's build options decide between /lib and /usr/lib.
        folder = base / "usr/lib/modules" / version
        folder.mkdir(parents=True)
        (base / "lib").symlink_to("usr/lib")
        for path in paths:
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(index.folder / index.paths[module_name(path)])
        for name in INPUTS:
            if (index.folder / name).is_file():
                (folder / name).symlink_to(index.folder / name)
        process.run(["depmod", "-b", str(base), version], hint=package_hint("depmod"))
        return {name: (folder / name).read_bytes() for name in TABLES if (folder / name).is_file()}
