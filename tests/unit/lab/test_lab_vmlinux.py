"""QEMU starts the kernel from a bzImage if that has a PVH entry."""

import lzma
import struct
from pathlib import Path

import pytest

from initpy.lab.vmlinux import uncompressed

ENTRY = struct.pack("<III4s", 4, 8, 18, b"Xen\0")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def bzimage(content: bytes) -> bytes:
    """Return one sector of set-up, followed by the payload."""
    payload = lzma.compress(content)
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 0, len(payload))
    return bytes(head) + payload


@pytest.mark.parametrize(
    ("image", "unpacked"),
    [
        (bzimage(b"\x7fELF" + ENTRY), b"\x7fELF" + ENTRY),
        (bzimage(b"\x7fELF without an entry"), None),
        (b"MZ no bzImage", None),
    ],
)
def test_a_kernel_with_the_entry_is_unpacked(
    image: bytes, unpacked: bytes | None, tmp_path: Path
) -> None:
    kernel = tmp_path / "vmlinuz"
    kernel.write_bytes(image)
    for _ in range(2):  # unpacked, and then found in the cache
        found = uncompressed(kernel)
        assert (found == kernel) is (unpacked is None)
        assert found.read_bytes() == (unpacked or image)
