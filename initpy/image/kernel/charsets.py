"""Selects the character sets (fs/nls) that file system drivers load by name at mount time.

Neither modules.dep nor modules.softdep names them. Without `nls_cp437` the kernel refuses to mount
a FAT key device: `codepage cp437 not found`. A driver that calls load_nls() needs such sets, and
the kernel's configuration names its defaults. (load_nls_default() falls back to a built-in set.)
"""

from collections.abc import Iterable, Iterator

from initpy.image.formats.modinfo import DamagedModuleError, calls_load_nls
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.kernel.kmod import ModuleIndex, Want, canonical, module_name

# The kernel's own modules, and its file systems. External modules may lie in any other folder.
KERNELS = "kernel/"
FOLDER = "kernel/fs/"
PREFIX = "nls_"
# Some drivers implement this set themselves.
OWN = "nls_utf8"
# The distributions' usual defaults, for a kernel whose configuration is not available.
USUAL = ("nls_cp437", "nls_ascii", "nls_iso8859_1", OWN)


def defaults(driver: str, config: KernelConfig) -> tuple[str, ...]:
    """Return the modules of a driver's default sets, such as nls_cp437 and nls_ascii for `fat`."""
    page = config.texts.get(f"{driver.upper()}_DEFAULT_CODEPAGE", "")
    others = config.texts.get(f"{driver.upper()}_DEFAULT_IOCHARSET", "")
    return tuple(f"{PREFIX}{each}" for each in (f"cp{page}" if page else "", others) if each)


def wanted(
    index: ModuleIndex,
    paths: Iterable[str],
    config: KernelConfig | None,
    in_use: Iterable[str],
) -> Iterator[Want]:
    """Yield the sets that the chosen modules load: their defaults, and sets in use here."""
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
        return False  # the code that reads its .modinfo reports the damage
