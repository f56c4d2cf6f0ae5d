"""Reads the `.modinfo` section of a kernel module, as modinfo(8) shows it."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

from initpy.image.formats import decompress
from initpy.image.formats.machines import UNCHECKED, Kind

RELOCATABLE = "ET_REL"  # the kernel takes no other type
# The string table of a module that calls load_nls() holds this.
CALL = b"\0load_nls\0"
# The end of a signed module (include/linux/module_signature.h).
SIGNED = b"~Module signature appended~\n"


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """The fields that decide whether the kernel can load a module, and with which others."""

    vermagic: str  # the kernel's release and build options
    depends: tuple[str, ...]
    soft: tuple[str, ...]  # softdep: names or aliases to load before or after it
    firmware: tuple[str, ...]
    alias: tuple[str, ...]
    kind: Kind  # machine and word size
    charsets: bool = False  # loads character sets by name (fs/nls)
    signed: bool = False  # by whichever key
    version: str = ""  # of an external module
    parameters: Mapping[str, str] = field(default_factory=dict)  # name -> type


class DamagedModuleError(ValueError):
    """The file is no kernel module; the text says why."""


def read_module(data: bytes) -> ModuleInfo:
    """Read a module, compressed or not. Raises DamagedModuleError."""
    data = plain(data)
    fields = section(data)
    values: dict[str, list[str]] = {}
    for record in fields.decode("utf-8", "replace").split("\0"):
        key, separator, value = record.partition("=")
        if separator:
            values.setdefault(key, []).append(value)
    types = (each.rpartition(":") for each in values.get("parmtype", ()))
    depends = (name for text in values.get("depends", ()) for name in text.split(","))
    soft = (word for text in values.get("softdep", ()) for word in text.split())
    return ModuleInfo(
        vermagic=next(iter(values.get("vermagic", ())), "").strip(),
        depends=tuple(name.replace("-", "_") for name in depends if name),
        soft=tuple(word for word in soft if word not in ("pre:", "post:")),
        firmware=tuple(values.get("firmware", ())),
        alias=tuple(values.get("alias", ())),
        kind=kind_of(data),
        charsets=CALL in data,
        signed=data.endswith(SIGNED),
        version=next(iter(values.get("version", ())), "").strip(),
        parameters={name.replace("-", "_"): kind for name, _, kind in types},
    )


def calls_load_nls(data: bytes) -> bool:
    """Return whether a module, compressed or not, calls load_nls(). Raises DamagedModuleError."""
    return CALL in plain(data)


def kind_of(data: bytes) -> Kind:
    """Return machine and word size of a module. Raises DamagedModuleError for a program."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(io.BytesIO(data))
        kind, made = (str(elf["e_machine"]), int(elf.elfclass)), elf["e_type"]
    except (ELFError, *UNCHECKED) as error:
        raise DamagedModuleError(f"not a whole ELF file ({error})") from error
    if made != RELOCATABLE:
        raise DamagedModuleError("an ELF file that is no kernel module")
    return kind


def section(data: bytes) -> bytes:
    """Return the bytes of `.modinfo`. Raises DamagedModuleError."""
    # Not above: the commands' `--help` works without pyelftools.
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        found = ELFFile(io.BytesIO(data)).get_section_by_name(".modinfo")
        content = None if found is None else bytes(found.data())
    except (ELFError, *UNCHECKED) as error:
        raise DamagedModuleError(f"not a whole ELF file ({error})") from error
    if content is None:
        raise DamagedModuleError("an ELF file without .modinfo, which is no kernel module")
    return content


def plain(data: bytes) -> bytes:
    """Return a module without its compression. Raises DamagedModuleError."""
    view = memoryview(data)
    compression = None if data.startswith(b"\x7fELF") else decompress.recognise(view)
    if compression is None:
        return data
    try:
        return b"".join(decompress.Stream(view, 0, compression).pieces())
    except decompress.DamagedStreamError as error:
        raise DamagedModuleError(f"not a whole {compression} stream ({error.problem})") from error
