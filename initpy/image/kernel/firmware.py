"""Finds the firmware that kernel modules declare (modinfo(8)) among this machine's files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image import process
from initpy.image.formats.modinfo import DamagedModuleError, read_module

# The kernel's search path (Documentation/driver-api/firmware/fw_search_path.rst),
# in which VERSION stands for the kernel's release.
FOLDERS = ("updates/VERSION", "updates", "VERSION", ".")
SUFFIXES = ("", ".xz", ".zst")
ROOT = Path("/usr/lib/firmware")


@dataclass(frozen=True, slots=True)
class Firmware:
    """The firmware files found, and (module, file) pairs for those not found."""

    files: tuple[Path, ...]
    absent: tuple[tuple[str, str], ...]


def declared(modules: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    """Return (module, firmware file) pairs; a file may be a pattern.

    Raises InputError for a module that is damaged.
    """
    paths = [str(path) for path in modules]
    if not paths:
        return ()
    try:
        output = process.run(["modinfo", *paths], hint="apt install kmod")
    except process.ToolError:
        _require_whole(paths)  # modinfo names a damaged file among hundreds of words
        raise
    pairs: list[tuple[str, str]] = []
    module = ""
    for line in output.decode(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key == "filename":
            module = value.strip().rpartition("/")[2].partition(".")[0]
        elif key == "firmware":
            pairs.append((module, value.strip()))
    return tuple(sorted(set(pairs)))


def _require_whole(paths: Iterable[str]) -> None:
    for path in paths:
        try:
            read_module(Path(path).read_bytes())
        except DamagedModuleError as error:
            expected = f"a whole kernel module ({error}): install the kernel's package again"
            raise InputError("module", path, expected) from None


def find(pairs: Iterable[tuple[str, str]], kernel: str, root: Path = ROOT) -> Firmware:
    """Find the declared files in the kernel's search path."""
    files: set[Path] = set()
    absent: list[tuple[str, str]] = []
    for module, name in pairs:
        matching = _matching(name, kernel, root)
        files.update(matching)
        if not matching:
            absent.append((module, name))
    return Firmware(tuple(sorted(files)), tuple(absent))


def _matching(name: str, kernel: str, root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    for folder in FOLDERS:
        base = root / folder.replace("VERSION", kernel)
        for suffix in SUFFIXES:
            found = [path for path in base.glob(name + suffix) if path.is_file()]
            if found:
                return found
    return []
