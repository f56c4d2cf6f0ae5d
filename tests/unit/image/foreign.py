"""Images in the formats of other generators, made by the real tools."""

import subprocess
from pathlib import Path

# A command for each compression of the kernel, which reads only the legacy format of lz4.
TOOLS = {
    "gzip": ("gzip", "-n", "-c"),
    "bzip2": ("bzip2", "-c"),
    "xz": ("xz", "--check=crc32", "-c"),
    "lzma": ("xz", "--format=lzma", "-c"),
    "lz4": ("lz4", "-l", "-c"),
    "lzo": ("lzop", "-c"),
    "zstd": ("zstd", "-q", "-c"),
}


def real_cpio(folder: Path, form: str = "newc") -> bytes:
    """Return the folder's archive by the real cpio."""
    names = subprocess.run(["find", "."], cwd=folder, capture_output=True, check=True).stdout
    command = ["cpio", "-o", "-H", form, "--quiet", "-R", "+0:+0"]
    return subprocess.run(command, cwd=folder, input=names, capture_output=True, check=True).stdout


def compressed(data: bytes, compression: str) -> bytes:
    return subprocess.run(TOOLS[compression], input=data, capture_output=True, check=True).stdout


def folder(base: Path, content: dict[str, bytes]) -> Path:
    """Write files below a new folder and return it."""
    for name, data in content.items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return base


def member(name: bytes, data: bytes = b"", mode: int = 0o100644, **fields: int) -> bytes:
    """Return one entry that no tool would write."""
    magic = fields.get("magic", 0x070701)
    numbers = [
        fields.get("inode", 0), mode, 0, 0, fields.get("links", 1), 0,
        fields.get("size", len(data)), 0, 0, 0, 0, len(name) + 1, fields.get("check", 0),
    ]  # fmt: skip
    header = f"{magic:06x}".encode() + b"".join(f"{number:08X}".encode() for number in numbers)
    header += name + b"\0"
    return pad(header) + pad(data)


def pad(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


TRAILER = member(b"TRAILER!!!", mode=0)
