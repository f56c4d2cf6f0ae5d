"""A fake /lib/modules/VERSION with indexes by the real depmod(8).

The modules are ELF files with the parts that depmod and modinfo read: exported symbols, undefined
symbols, and `.modinfo`.
"""

import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

VERSION = "6.1.0-test"
SECTION = struct.Struct("<IIQQQQIIQQ")
SYMBOL = struct.Struct("<IBBHQQ")
HEADER = struct.Struct("<HHIQQQIHHHHHH")
PROGBITS, SYMTAB, STRTAB, NOTE = 1, 2, 3, 7
GLOBAL = 0x10


@dataclass(frozen=True)
class Module:
    """One module: its path, its dependencies, its aliases."""

    path: str
    needs: tuple[str, ...] = ()  # names of modules
    alias: tuple[str, ...] = ()
    soft: str = ""  # as in modinfo: `pre: a b`
    firmware: tuple[str, ...] = ()
    made_for: str = VERSION
    parameters: tuple[str, ...] = ()  # NAME:TYPE
    signed: bool = False
    version: str = ""
    elf_machine: int = 62  # x86-64
    build: str = ""  # the build ID, in hexadecimal digits
    in_tree: bool = True
    symbols: tuple[tuple[str, int], ...] = ()  # with their checksums

    @property
    def name(self) -> str:
        return Path(self.path).stem.replace("-", "_")

    def content(self) -> bytes:
        """Return the ELF file."""
        fields = [f"name={self.name}", f"vermagic={self.made_for} SMP mod_unload ", "license=GPL"]
        fields += [f"depends={','.join(self.needs)}", *(f"alias={each}" for each in self.alias)]
        fields += [f"softdep={self.soft}"] if self.soft else []
        fields += [f"firmware={each}" for each in self.firmware]
        fields += [f"version={self.version}"] if self.version else []
        fields += [f"parmtype={each}" for each in self.parameters]
        fields += ["intree=Y"] if self.in_tree else []
        imports = [f"of_{each}" for each in self.needs]
        note = struct.pack("<III4s", 4, len(self.build) // 2, 3, b"GNU\0")
        versions = (struct.pack("<Q56s", crc, name.encode()) for name, crc in self.symbols)
        made = _elf(
            _texts(fields), _texts([f"of_{self.name}"]), imports, self.elf_machine,
            (note + bytes.fromhex(self.build)) if self.build else b"", b"".join(versions),
        )  # fmt: skip
        return made + b"signature ~Module signature appended~\n" if self.signed else made


def make_kernel(
    base: Path, modules: Iterable[Module], *, builtin: str = "", modinfo: str = ""
) -> Path:
    """Write and index modules below `base`; return their folder. `modinfo`: MODULE.alias=NAME …"""
    folder = base / "lib/modules" / VERSION
    for module in modules:
        file = folder / module.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(module.content())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modules.builtin").write_text("".join(f"{each}\n" for each in builtin.split()))
    (folder / "modules.builtin.modinfo").write_bytes(_texts(modinfo.split()))
    (folder / "modules.order").write_text("")
    depmod(base)
    return folder


def depmod(base: Path) -> None:
    """Run depmod."""
    command = ["/sbin/depmod", "-b", str(base), VERSION]
    subprocess.run(command, check=True, capture_output=True)


def _texts(lines: Iterable[str]) -> bytes:
    return b"".join(line.encode() + b"\0" for line in lines)


def _elf(
    modinfo: bytes, exports: bytes, imports: list[str], machine: int, note: bytes, versions: bytes
) -> bytes:
    """Return a 64-bit relocatable file (elf(5)) with `.modinfo`, exported and undefined symbols."""
    sections = [".modinfo", "__ksymtab_strings", ".symtab", ".strtab", ".shstrtab"]
    names = b"\0" + _texts([*sections, ".note.gnu.build-id", "__versions"])
    strings = b"\0" + _texts(imports)
    symbols = [SYMBOL.pack(0, 0, 0, 0, 0, 0)]
    place = 1
    for name in imports:
        symbols.append(SYMBOL.pack(place, GLOBAL, 0, 0, 0, 0))
        place += len(name) + 1
    contents = [
        (".modinfo", PROGBITS, modinfo, 0, 0),
        ("__ksymtab_strings", PROGBITS, exports, 0, 0),
        (".symtab", SYMTAB, b"".join(symbols), 4, SYMBOL.size),
        (".strtab", STRTAB, strings, 0, 0),
        (".shstrtab", STRTAB, names, 0, 0),
        *([(".note.gnu.build-id", NOTE, note, 0, 0)] if note else []),
        *([("__versions", PROGBITS, versions, 0, 0)] if versions else []),
    ]
    body, table = b"", [SECTION.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    for name, kind, data, link, size in contents:
        body += b"\0" * (-len(body) % 8)
        at = names.index(b"\0" + name.encode() + b"\0") + 1
        information = 1 if kind == SYMTAB else 0
        row = (at, kind, 0, 0, 64 + len(body), len(data), link, information, 8, size)
        table.append(SECTION.pack(*row))
        body += data
    body += b"\0" * (-len(body) % 8)
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    count = len(table)
    header += HEADER.pack(1, machine, 1, 0, 0, 64 + len(body), 0, 64, 0, 0, 64, count, 5)
    return header + body + b"".join(table)
