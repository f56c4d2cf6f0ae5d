"""Tells builds of one kernel module apart: its build ID, its source, the symbols that it imports.

A kernel of the same release may have been built again, by an update of its package or by dkms.
modpost(8) of the kernel's sources writes `__versions`: a checksum and a name for each symbol.
"""

import struct
from dataclasses import dataclass

from initpy.image.formats.machines import UNCHECKED
from initpy.image.formats.modinfo import DamagedModuleError, plain

BUILD_ID, VERSIONS, INFORMATION = ".note.gnu.build-id", "__versions", ".modinfo"
ENTRY = 64  # bytes of `__versions`: an unsigned long, then the name (struct modversion_info)


@dataclass(frozen=True, slots=True)
class ModuleBuild:
    """What differs between builds; "" or empty if the module does not have it."""

    identity: str  # the linker's build ID
    source: str  # srcversion: a hash of the source files
    vermagic: str
    in_tree: bool  # of the kernel's own sources
    symbols: dict[str, int]  # name -> checksum of its declaration

    def is_other(self, than: "ModuleBuild") -> bool:
        """Return whether another build made this module, as far as both tell."""
        if self.vermagic and than.vermagic and self.vermagic != than.vermagic:
            return True
        if self.identity and than.identity:
            return self.identity != than.identity
        return bool(self.source and than.source) and self.source != than.source

    def disagreeing(self, kernels: "ModuleBuild") -> str:
        """Return a symbol that the other build's kernel exports in another form; "" for none."""
        both = self.symbols.keys() & kernels.symbols.keys()
        changed = (each for each in sorted(both) if self.symbols[each] != kernels.symbols[each])
        return next(changed, "")


def read_build(data: bytes) -> ModuleBuild:
    """Read a module, compressed or not. Raises DamagedModuleError."""
    import io

    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(io.BytesIO(plain(data)))
        wide, little = elf.elfclass == 64, elf.little_endian
        contents = {
            name: bytes(section.data()) if (section := elf.get_section_by_name(name)) else b""
            for name in (BUILD_ID, VERSIONS, INFORMATION)
        }
    except (ELFError, *UNCHECKED) as error:
        raise DamagedModuleError(f"not a whole ELF file ({error})") from error
    fields = (each.partition("=") for each in _texts(contents[INFORMATION]))
    known = {key: value.strip() for key, equals, value in fields if equals}
    # A note: sizes of name and content, type, `GNU` with its zero byte, the ID.
    return ModuleBuild(
        contents[BUILD_ID][16:].hex(),
        known.get("srcversion", ""),
        known.get("vermagic", ""),
        known.get("intree") == "Y",
        _symbols(contents[VERSIONS], f"{'<' if little else '>'}{'Q' if wide else 'I'}"),
    )


def _texts(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").split("\0")


def _symbols(data: bytes, number: str) -> dict[str, int]:
    found = {}
    size = struct.calcsize(number)
    for place in range(0, len(data) - ENTRY + 1, ENTRY):
        name = data[place + size : place + ENTRY].partition(b"\0")[0].decode("ascii", "replace")
        found[name] = struct.unpack_from(number, data, place)[0]
    return found
