"""Character sets that a file system's driver loads by name when something is mounted (fs/nls).

Neither the driver's dependencies nor modules.softdep tell of them: without `nls_cp437` a FAT file
system with a key on it is refused with `codepage cp437 not found`. Who calls load_nls() is such a
driver; which sets are its defaults, the kernel's configuration says. (load_nls_default() finds
another one where its set is not there.)
"""

from collections.abc import Iterable, Iterator

from initpy.image.formats.modinfo import DamagedModuleError, calls_load_nls
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.kernel.kmod import ModuleIndex, Want, canonical, module_name

# Where the kernel has its file systems; external modules may lie anywhere else.
KERNELS = "kernel/"
FOLDER = "kernel/fs/"
PREFIX = "nls_"
# Some drivers know this one themselves.
OWN = "nls_utf8"
# What distributions choose: for kernels of which nobody knows what theirs has chosen.
USUAL = ("nls_cp437", "nls_ascii", "nls_iso8859_1", OWN)


def defaults(driver: str, config: KernelConfig) -> tuple[str, ...]:
    """The modules of a driver's default sets, such as nls_cp437 and nls_ascii for `fat`."""
    page = config.texts.get(f"{driver.upper()}_DEFAULT_CODEPAGE", "")
    others = config.texts.get(f"{driver.upper()}_DEFAULT_IOCHARSET", "")
    return tuple(f"{PREFIX}{each}" for each in (f"cp{page}" if page else "", others) if each)


def wanted(
    index: ModuleIndex,
    paths: Iterable[str],
    config: KernelConfig | None,
    in_use: Iterable[str],
) -> Iterator[Want]:
    """The sets that chosen modules of a kernel take: by default, and as far as in use here."""
    used = [name for name in map(canonical, in_use) if name.startswith(PREFIX)]
    for path in paths:
        if (path.startswith(FOLDER) or not path.startswith(KERNELS)) and _calls(index, path):
            driver = module_name(path)
            usual = USUAL if config is None else defaults(driver, config)
            for name in (*usual, *used):
                if index.resolve(name) is not None:
                    yield Want(name, f"{driver}, when something is mounted")


def _calls(index: ModuleIndex, path: str) -> bool:
    try:
        return calls_load_nls((index.folder / path).read_bytes())
    except DamagedModuleError:
        return False  # whoever reads it for what it says of itself complains
