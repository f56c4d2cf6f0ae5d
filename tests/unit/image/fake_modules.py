"""Fake kernel modules: real ELF files, indexed by the real depmod, without a kernel."""

import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

VERSION = "6.1.0-test"


def make_modules(
    base: Path,
    modules: Iterable[tuple[str, str]],
    *,
    builtin: str = "",
    softdep: str = "",
    alias: str = "",
    modinfo: bytes = b"",
) -> Path:
    """Write a /lib/modules/VERSION below `base`; `modules` are (path, names of dependencies)."""
    folder = base / "lib/modules" / VERSION
    folder.mkdir(parents=True)
    found = dict(modules)
    by_name = {Path(path).stem.replace("-", "_"): path for path in found}
    lines = []
    for path, depends in found.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(relocatable(f"name={file.stem}\0license=GPL\0depends={depends}\0"))
        needed = " ".join(by_name[name] for name in depends.split(",") if name)
        lines.append(f"{path}: {needed}".rstrip())
    (folder / "modules.dep").write_text("\n".join(lines) + "\n")
    (folder / "modules.builtin").write_text(builtin)
    (folder / "modules.order").write_text("\n".join(found) + "\n")
    (folder / "modules.softdep").write_text(softdep)
    (folder / "modules.alias").write_text(alias)
    (folder / "modules.builtin.modinfo").write_bytes(modinfo)
    return folder


def relocatable(modinfo: str) -> bytes:
    """Return the smallest 64-bit ELF file that depmod accepts as a module (elf(5))."""
    names = b"\0.modinfo\0.shstrtab\0"
    info = modinfo.encode()
    start = 64
    sections = [
        struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        struct.pack("<IIQQQQIIQQ", 1, 1, 2, 0, start, len(info), 0, 0, 1, 0),
        struct.pack("<IIQQQQIIQQ", 10, 3, 0, 0, start + len(info), len(names), 0, 0, 1, 0),
    ]
    body = info + names
    body += b"\0" * (-len(body) % 8)
    header = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header += struct.pack(
        "<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, start + len(body), 0, 64, 0, 0, 64, len(sections), 2
    )
    return header + body + b"".join(sections)


def modinfo_reads(path: Path) -> str:
    """Return the output of the real modinfo, to test this file itself."""
    done = subprocess.run(["/sbin/modinfo", path], capture_output=True, text=True, check=True)
    return done.stdout
