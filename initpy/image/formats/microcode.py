"""Microcode that the kernel loads before anything else, from the very start of the image.

Documentation/arch/x86/microcode.rst: the first archive must be plain and hold
kernel/x86/microcode/{AuthenticAMD,GenuineIntel}.bin, each the files of the
vendor one after the other. Wrong microcode is harmless, as a processor takes
only what is for it and newer; a file that is none is not.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.formats import decompress
from initpy.image.formats.cpio import write_archive
from initpy.image.tree import File, Tree

FOLDER = "/kernel/x86/microcode"
# The kernel's firmware loader takes these endings off (fw_search_path.rst).
PACKED = (".xz", ".zst")
# Debian's mark for files that may be loaded early only (README.Debian of intel-microcode).
EARLY = ".initramfs"
# What follows is aligned as GNU cpio does it, which tools that look into images count on.
BLOCK = 512
# The kernel hands an update to the processor where it lies in the image, and it must lie so
# ("Intel 64 and IA-32 Architectures Software Developer's Manual", volume 3, 9.11.6); iucode_tool
# aligns it likewise.
ALIGNMENT = 16
# Of an Intel update's header: size of the data, and of all; 0 for data says that it is of the
# first kind, which had one size (the same manual, table 9-7).
INTEL_SIZES = struct.Struct("<28x2I")
INTEL_USUAL = 2048


@dataclass(frozen=True, slots=True)
class Vendor:
    """Where a vendor's files are below the firmware folder, and how one begins."""

    name: str  # as the processor says it, and the kernel looks for it
    folder: str
    files: re.Pattern[str]
    magic: bytes


# Intel's files are named by family, model and stepping, and begin with version 1 of their header;
# AMD's are named by family, those before 15h all being in one, and begin with "DMA".
INTEL = Vendor(
    "GenuineIntel", "intel-ucode", re.compile(r"[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}"), b"\1\0\0\0"
)
AMD = Vendor(
    "AuthenticAMD", "amd-ucode", re.compile(r"microcode_amd(_fam[0-9a-f]+h)?\.bin"), b"DMA\0"
)


@dataclass(frozen=True, slots=True)
class Processor:
    """What decides which file is for a processor."""

    vendor: str
    family: int
    model: int
    stepping: int

    @property
    def file(self) -> str:
        """The name of its file, without an ending for compression."""
        if self.vendor == INTEL.name:
            return f"{self.family:02x}-{self.model:02x}-{self.stepping:02x}"
        return (
            f"microcode_amd_fam{self.family:x}h.bin" if self.family > 0x14 else "microcode_amd.bin"
        )


@dataclass(frozen=True, slots=True)
class Microcode:
    """Where to look for microcode, and for which processor; for all if for none."""

    folder: Path
    processor: Processor | None = None


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor | None:
    """The processor of this machine; None where it is neither Intel's nor AMD's."""
    try:
        text = cpuinfo.read_text()
    except OSError:
        return None
    first = text.partition("\n\n")[0]
    found = {
        key.strip(): value.strip()
        for key, _, value in (line.partition(":") for line in first.splitlines())
    }
    numbers = [found.get(key, "") for key in ("cpu family", "model", "stepping")]
    if found.get("vendor_id") not in (INTEL.name, AMD.name):
        return None
    if not all(number.isdecimal() for number in numbers):
        return None
    family, model, stepping = map(int, numbers)
    return Processor(found["vendor_id"], family, model, stepping)


def segment(wanted: Microcode, mtime: int = 0) -> bytes:
    """The plain archive to begin an image with; empty where this machine has no microcode.

    Raises InputError for a file that is no microcode.
    """
    tree = Tree()
    for vendor in (AMD, INTEL):
        if data := b"".join(_contents(vendor, wanted)):
            tree.add(f"{FOLDER}/{vendor.name}.bin", File(data))
    if not len(tree):
        return b""
    parts: list[bytes] = []
    # The root folder's mode is none of its business.
    write_archive(
        ((path, entry) for path, entry in tree.items() if path != "/"),
        parts.append,
        mtime,
        alignment=ALIGNMENT,
    )
    archive = b"".join(parts)
    return archive + b"\0" * (-len(archive) % BLOCK)


def _contents(vendor: Vendor, wanted: Microcode) -> Iterator[bytes]:
    """The files of one vendor, in the order of their names."""
    folder = wanted.folder / vendor.folder
    if wanted.processor is not None and wanted.processor.vendor != vendor.name:
        return
    seen: set[str] = set()
    updates: set[bytes] = set()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.name
        for ending in PACKED:
            name = name.removesuffix(ending)
        number = name.removesuffix(EARLY) if vendor is INTEL else name
        if not vendor.files.fullmatch(number) or name in seen:
            continue
        if wanted.processor is not None and number != wanted.processor.file:
            continue
        seen.add(name)
        data = _content(path)
        if not data.startswith(vendor.magic):
            raise InputError(str(path), data[:4], f"microcode of {vendor.name}")
        if vendor is AMD:
            yield data
            continue
        for update in _updates(path, data):
            if update not in updates:  # processors that are alike have a file each with all of it
                updates.add(update)
                yield update


def _updates(path: Path, data: bytes) -> Iterator[bytes]:
    """The single updates of an Intel file; InputError for one that is cut short."""
    at = 0
    while at < len(data):
        size = INTEL_USUAL
        if len(data) - at >= INTEL_SIZES.size:
            content, whole = INTEL_SIZES.unpack_from(data, at)
            size = whole if content else INTEL_USUAL
        if not INTEL_SIZES.size <= size <= len(data) - at or data[at : at + 4] != INTEL.magic:
            raise InputError(f"{path}: byte {at}", size, f"a whole update of {INTEL.name}")
        yield data[at : at + size]
        at += size


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    compression = decompress.recognise(memoryview(data))
    if not path.name.endswith(PACKED) or compression is None:
        return data
    stream = decompress.Stream(memoryview(data), 0, compression)
    try:
        return b"".join(stream.pieces())
    except decompress.DamagedStreamError as error:
        raise InputError(str(path), error.problem, f"a whole {compression} stream") from None
