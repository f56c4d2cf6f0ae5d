"""Builds the microcode archive, which the kernel loads early from the start of the image.

Documentation/arch/x86/microcode.rst: the first archive must be uncompressed and hold
kernel/x86/microcode/{AuthenticAMD,GenuineIntel}.bin, each the concatenated files of the vendor.
Microcode for other processors does no harm: a processor loads only newer updates for its own
model. A file that is no microcode does harm.
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
# The kernel's firmware loader decompresses files with these suffixes (fw_search_path.rst).
PACKED = (".xz", ".zst")
# Debian's suffix for files that only an initramfs may load (README.Debian of intel-microcode).
EARLY = ".initramfs"
# GNU cpio pads an archive to this size; tools that inspect images expect it.
BLOCK = 512
# The kernel passes an update to the processor in place, which requires this alignment ("Intel 64
# and IA-32 Architectures Software Developer's Manual", volume 3, 9.11.6). iucode_tool aligns alike.
ALIGNMENT = 16
# In an Intel update's header: size of the data, size of the update. A data size of 0 marks the
# first format, whose size is fixed (the same manual, table 9-7).
INTEL_SIZES = struct.Struct("<28x2I")
INTEL_USUAL = 2048


@dataclass(frozen=True, slots=True)
class Vendor:
    """The names of a vendor's files below the firmware folder, and their magic."""

    name: str  # as CPUID reports it, and as the kernel names the file
    folder: str
    files: re.Pattern[str]
    magic: bytes


# Intel names files by family, model and stepping; they begin with header version 1.
# AMD names files by family, with one file for all before 15h; they begin with "DMA".
INTEL = Vendor(
    "GenuineIntel", "intel-ucode", re.compile(r"[0-9a-f]{2}-[0-9a-f]{2}-[0-9a-f]{2}"), b"\1\0\0\0"
)
AMD = Vendor(
    "AuthenticAMD", "amd-ucode", re.compile(r"microcode_amd(_fam[0-9a-f]+h)?\.bin"), b"DMA\0"
)


@dataclass(frozen=True, slots=True)
class Processor:
    """The properties that select a processor's microcode file."""

    vendor: str
    family: int
    model: int
    stepping: int

    @property
    def file(self) -> str:
        """Return the name of its file, without a suffix for compression."""
        if self.vendor == INTEL.name:
            return f"{self.family:02x}-{self.model:02x}-{self.stepping:02x}"
        return (
            f"microcode_amd_fam{self.family:x}h.bin" if self.family > 0x14 else "microcode_amd.bin"
        )


@dataclass(frozen=True, slots=True)
class Microcode:
    """Where to look for microcode, and for which processor (None: for all)."""

    folder: Path
    processor: Processor | None = None


def this_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor | None:
    """Return this machine's processor; None if it is neither Intel's nor AMD's."""
    try:
        text = cpuinfo.read_text("utf-8", "replace")
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
    """Return the uncompressed archive for an image's start; empty without microcode files.

    Raises InputError for a file that is no microcode.
    """
    tree = Tree()
    for vendor in (AMD, INTEL):
        if data := b"".join(_contents(vendor, wanted)):
            tree.add(f"{FOLDER}/{vendor.name}.bin", File(data))
    if not len(tree):
        return b""
    parts: list[bytes] = []
    # Omit the root folder: an entry for it would reset its mode.
    write_archive(
        ((path, entry) for path, entry in tree.items() if path != "/"),
        parts.append,
        mtime,
        alignment=ALIGNMENT,
    )
    archive = b"".join(parts)
    return archive + b"\0" * (-len(archive) % BLOCK)


def _contents(vendor: Vendor, wanted: Microcode) -> Iterator[bytes]:
    """Yield the microcode of one vendor, sorted by file name."""
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
            if update not in updates:  # files of similar processors repeat each other's updates
                updates.add(update)
                yield update


def _updates(path: Path, data: bytes) -> Iterator[bytes]:
    """Yield the updates in an Intel file. Raises InputError for a truncated one."""
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
