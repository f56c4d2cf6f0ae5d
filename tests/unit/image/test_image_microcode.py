"""The image begins with microcode, where the kernel looks first (R27)."""

import argparse
import lzma
import struct
import subprocess
from pathlib import Path

import pytest
from writing import write_image

from initpy.cli.content import configure_content, requested
from initpy.config.errors import InputError
from initpy.image.formats.archive import read_archive
from initpy.image.formats.microcode import FOLDER, Microcode, Processor, segment, this_processor
from initpy.image.tree import File, Tree


def intel(name: bytes, content: int = 976) -> bytes:
    """Return an update with a header of 48 bytes; without content, the old format of 2048 bytes."""
    whole = content + 48 if content else 0
    header = struct.pack("<7I2I", 1, 1, 0x01022025, 0, 0, 1, 0, content, whole)
    return (header + name).ljust(whole or 2048, b"\0")


AMD = b"DMA\0" + b"\0" * 100
CPUINFO = """processor\t: 0
vendor_id\t: {vendor}
cpu family\t: {family}
model\t\t: {model}
model name\t: any
stepping\t: {stepping}

processor\t: 1
vendor_id\t: other
"""


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """Write the vendors' files to a folder, one of them compressed."""
    folder = tmp_path / "firmware"
    for path, data in {
        "intel-ucode/06-8f-05": intel(b"8f-05") + intel(b"both"),
        "intel-ucode/06-8f-06": intel(b"8f-06", 0) + intel(b"both"),
        "intel-ucode/06-9a-03.initramfs": intel(b"9a-03"),
        "intel-ucode/06-9a-03.dpkg-old": b"not one of the vendor's names",
        "amd-ucode/microcode_amd.bin": AMD + b"old",
        "amd-ucode/microcode_amd_fam17h.bin.xz": lzma.compress(AMD + b"17h"),
        "amd-ucode/microcode_amd_fam17h.bin.asc": b"signature",
        "other/file": b"",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def content(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    image = tmp_path / "early"
    image.write_bytes(data)
    items = read_archive(image).items()
    return {path: entry.read() for path, entry in items if isinstance(entry, File)}


def test_a_generic_image_has_all_microcode(tmp_path: Path, firmware: Path) -> None:
    data = segment(Microcode(firmware))
    assert content(tmp_path, data) == {
        f"{FOLDER}/AuthenticAMD.bin": AMD + b"old" + AMD + b"17h",
        f"{FOLDER}/GenuineIntel.bin": b"".join(
            (intel(b"8f-05"), intel(b"both"), intel(b"8f-06", 0), intel(b"9a-03"))
        ),
    }
    assert data.startswith(b"070701") and len(data) % 512 == 0


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        (Processor("GenuineIntel", 6, 0x9A, 3), {"GenuineIntel": intel(b"9a-03")}),
        (Processor("AuthenticAMD", 0x17, 1, 1), {"AuthenticAMD": AMD + b"17h"}),
        (Processor("AuthenticAMD", 0x12, 1, 1), {"AuthenticAMD": AMD + b"old"}),
    ],
)
def test_a_host_only_image_has_its_processors_microcode(
    tmp_path: Path, firmware: Path, processor: Processor, expected: dict[str, bytes]
) -> None:
    data = segment(Microcode(firmware, processor))
    assert content(tmp_path, data) == {f"{FOLDER}/{k}.bin": v for k, v in expected.items()}


def test_no_microcode_is_no_archive(tmp_path: Path, firmware: Path) -> None:
    assert segment(Microcode(tmp_path / "nothing")) == b""
    assert segment(Microcode(firmware, Processor("AuthenticAMD", 0x19, 1, 1))) == b""


def test_a_file_without_microcode_is_rejected(firmware: Path) -> None:
    (firmware / "intel-ucode/06-8f-05").write_bytes(b"<html>")
    with pytest.raises(InputError, match=r"06-8f-05: b'<htm': expected microcode of GenuineIntel"):
        segment(Microcode(firmware))
    packed = firmware / "amd-ucode/microcode_amd_fam17h.bin.xz"
    packed.write_bytes(packed.read_bytes()[:40])
    with pytest.raises(InputError, match="a whole xz stream"):
        segment(Microcode(firmware))


def test_a_truncated_update_is_rejected(firmware: Path) -> None:
    path = firmware / "intel-ucode/06-8f-05"
    for length in (5, 40, 1023, 1024 + 500):
        path.write_bytes((intel(b"8f-05") + intel(b"both"))[:length])
        with pytest.raises(InputError, match=r"06-8f-05: byte .* expected a whole update"):
            segment(Microcode(firmware))


def test_updates_are_aligned(firmware: Path) -> None:
    """The kernel passes the address in the image to the processor; iucode_tool aligns it too."""
    for odd in range(1, 17):
        (firmware / "amd-ucode/microcode_amd.bin").write_bytes(AMD + b"o" * odd)
        assert segment(Microcode(firmware)).index(intel(b"8f-05")) % 16 == 0


def test_the_processor_is_read_from_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(CPUINFO.format(vendor="GenuineIntel", family=6, model=143, stepping=5))
    found = this_processor(cpuinfo)
    assert found == Processor("GenuineIntel", 6, 143, 5)
    assert found.file == "06-8f-05"
    cpuinfo.write_text(CPUINFO.format(vendor="Other", family=6, model=143, stepping=5))
    assert this_processor(cpuinfo) is None
    assert this_processor(tmp_path / "none") is None


@pytest.mark.parametrize("compression", ["zstd", "gzip", "xz", "lz4", "none"])
def test_an_image_of_any_compression_begins_with_microcode(
    tmp_path: Path, firmware: Path, compression: str
) -> None:
    early = segment(Microcode(firmware), 7)
    tree = Tree()
    tree.add("/etc/key", File(b"secret", 0o600))
    image = tmp_path / "image"
    write_image(tree, image, compression, None, 7, early)
    archive = read_archive(image)
    assert [each.compression for each in archive.segments] == ["none", compression]
    assert f"{FOLDER}/GenuineIntel.bin" in archive
    assert archive.read("/etc/key") == b"secret"
    assert {origin.member.mtime for origin in archive.origins.values()} == {7}
    assert image.stat().st_mode & 0o777 == 0o600


def test_tools_that_look_for_the_second_archive_find_it(tmp_path: Path, firmware: Path) -> None:
    """They read up to the trailer and go on at the next block of 512 bytes."""
    image = tmp_path / "image"
    tree = Tree()
    tree.add("/etc/data", File(b"x"))
    write_image(tree, image, "none", None, 0, segment(Microcode(firmware)))
    with image.open("rb") as file:
        first = subprocess.run(["cpio", "-t"], stdin=file, capture_output=True, check=True)
        second = subprocess.run(["cpio", "-t"], stdin=file, capture_output=True, check=True)
    assert b"GenuineIntel.bin" in first.stdout
    assert b"etc/data" in second.stdout


def test_the_option_selects_the_microcode(firmware: Path) -> None:
    """A generic image has the microcode of all processors (R27)."""
    parser = argparse.ArgumentParser()
    configure_content(parser)

    def wanted(*words: str) -> Microcode | None:
        arguments = parser.parse_args(["--microcode", *words])
        arguments.root = None
        return requested(arguments).microcode

    assert wanted(str(firmware)) == Microcode(firmware)
    assert wanted(str(firmware), "--recipe", "generic") == Microcode(firmware)
    assert wanted("none") is None
    with pytest.raises(InputError, match="--microcode"):
        wanted("/no/such")
