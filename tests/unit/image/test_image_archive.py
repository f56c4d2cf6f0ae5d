"""Images of any generator are read as the kernel unpacks them; damage is one clear error (R30)."""

import gzip
import lzma
import os
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from foreign import TOOLS, TRAILER, compressed, folder, member, pad, real_cpio

from initpy.config.errors import InputError
from initpy.image.formats import cpio
from initpy.image.formats.archive import Archive, parse_archive, read_archive
from initpy.image.formats.members import Limits
from initpy.image.formats.unpacking import unpack
from initpy.image.tree import Entry, File, Folder, Link, Node

MICROCODE = "kernel/x86/microcode/GenuineIntel.bin"


def read(tmp_path: Path, data: bytes, limits: Limits | None = None) -> Archive:
    image = tmp_path / "image"
    image.write_bytes(data)
    return read_archive(image) if limits is None else read_archive(image, limits)


def content(archive: Archive) -> dict[str, bytes]:
    return {path: entry.read() for path, entry in archive.items() if isinstance(entry, File)}


@pytest.fixture
def main(tmp_path: Path) -> bytes:
    """Write the content of a generator's image: programs and links, no device."""
    base = folder(tmp_path / "main", {"usr/bin/tool": b"#!/bin/sh\n" * 1000, "etc/odd": b"abc"})
    (base / "bin").symlink_to("usr/bin")
    (base / "usr/bin/tool").chmod(0o755)
    return real_cpio(base)


@pytest.fixture
def early(tmp_path: Path) -> bytes:
    return real_cpio(folder(tmp_path / "early", {MICROCODE: b"microcode" * 100}))


@pytest.mark.parametrize("compression", TOOLS)
def test_every_compression_of_the_kernel_is_read(
    tmp_path: Path, main: bytes, compression: str
) -> None:
    archive = read(tmp_path, compressed(main, compression))
    assert [each.compression for each in archive.segments] == [compression]
    assert archive.segments[0].unpacked == len(main)
    assert archive.read("/usr/bin/tool") == b"#!/bin/sh\n" * 1000
    assert archive.entries["/usr/bin/tool"] == File(b"#!/bin/sh\n" * 1000, 0o755)
    assert archive.entries["/bin"] == Link("usr/bin")
    assert isinstance(archive.entries["/usr/bin"], Folder)


@pytest.mark.parametrize("compression", TOOLS)
def test_an_early_segment_and_an_appended_one(
    tmp_path: Path, main: bytes, early: bytes, compression: str
) -> None:
    """The next archive begins at the end of a stream, with or without padding.

    Zero bytes have to end one of lz4, which tells no length.
    """
    packed = compressed(main, compression)
    appended = cpio.segment({"/etc/crypttab": b"root UUID=1 none luks\n"})
    zeros = b"\0" * (-len(early + packed) % 4 + 4 * (compression == "lz4"))
    archive = read(tmp_path, early + packed + zeros + appended)
    assert [each.compression for each in archive.segments] == ["none", compression, "none"]
    assert archive.segments[1].offset == len(early)
    assert archive.segments[1].size == len(packed)
    assert archive.read(f"/{MICROCODE}") == b"microcode" * 100
    assert archive.read("/etc/crypttab").startswith(b"root")
    assert archive.origins["/etc/crypttab"].segment == 2


def test_two_compressed_segments_back_to_back(tmp_path: Path, main: bytes, early: bytes) -> None:
    for first in TOOLS:
        archive = read(tmp_path, compressed(early, first) + compressed(main, "zstd"))
        ends = first == "lz4"
        assert [each.compression for each in archive.segments] == [first, "zstd"][: 2 - ends]
        assert len(archive.warnings) == ends


def test_several_archives_in_one_stream(tmp_path: Path, main: bytes, early: bytes) -> None:
    archive = read(tmp_path, compressed(early + b"\0" * 512 + main, "xz"))
    assert len(archive.segments) == 1
    assert {f"/{MICROCODE}", "/etc/odd"} <= set(archive.entries)


def test_an_archive_of_our_own_writer_is_read(tmp_path: Path) -> None:
    written: dict[str, bytes | Entry] = {
        "/etc/key": File(b"secret", 0o600),
        "/dev/console": Node(stat.S_IFCHR | 0o600, 5, 1),
        "/tmp": Folder(0o1777),
        "/bin": Link("usr/bin"),
    }
    archive = read(tmp_path, cpio.segment(written))
    assert {path: archive.entries[path] for path in written} == written


def test_the_checksum_format_is_read_and_checked(tmp_path: Path) -> None:
    base = folder(tmp_path / "base", {"file": b"content"})
    data = real_cpio(base, "crc")
    assert data.startswith(b"070702")
    assert read(tmp_path, data).read("/file") == b"content"
    with pytest.raises(InputError, match="the sum of the bytes of"):
        read(tmp_path, data.replace(b"content", b"contenT"))


@pytest.mark.parametrize("form", ["odc", "bin"])
def test_formats_that_the_kernel_does_not_read_are_named(tmp_path: Path, form: str) -> None:
    data = real_cpio(folder(tmp_path / "base", {"file": b"content"}), form)
    with pytest.raises(InputError, match="cpio archive"):
        read(tmp_path, data)


def test_a_check_of_xz_that_the_kernel_lacks(tmp_path: Path, main: bytes, early: bytes) -> None:
    usual = lzma.compress(main, check=lzma.CHECK_CRC64)
    with pytest.raises(InputError, match="'xz with CRC64': expected xz with CRC32"):
        read(tmp_path, usual)
    archive = read(tmp_path, early + usual)
    assert len(archive.segments) == 1
    assert "the kernel stops here" in archive.warnings[0]


def test_links_of_the_checksum_format_have_no_sum(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base/link").symlink_to("file")
    assert read(tmp_path, real_cpio(tmp_path / "base", "crc")).entries["/link"] == Link("file")


def test_a_later_archive_writes_to_all_names_of_a_file(tmp_path: Path) -> None:
    base = folder(tmp_path / "base", {"a": b"old", "other": b"x"})
    os.link(base / "a", base / "b")
    os.link(base / "a", base / "c")
    data = real_cpio(base, "newc")
    later = cpio.segment({"/b": b"new"})
    archive = read(tmp_path, data + b"\0" * (-len(data) % 4) + later)
    assert [archive.read(f"/{each}") for each in "abc"] == [b"new"] * 3
    # A link in the place of one name leaves the others.
    gone = cpio.segment({"/b": Link("other")})
    archive = read(tmp_path, data + b"\0" * (-len(data) % 4) + gone + cpio.segment({"/a": b"1"}))
    assert [archive.read(f"/{each}") for each in "abc"] == [b"1", b"x", b"1"]


def test_hard_links_share_the_data_of_any_entry(tmp_path: Path) -> None:
    base = folder(tmp_path / "base", {"one": b"shared"})
    (base / "two").hardlink_to(base / "one")
    archive = read(tmp_path, real_cpio(base))
    assert content(archive) == {"/one": b"shared", "/two": b"shared"}
    by_hand = member(b"a", b"data", inode=7, links=2) + member(b"b", inode=7, links=2) + TRAILER
    assert content(read(tmp_path, by_hand)) == {"/a": b"data", "/b": b"data"}


def test_inodes_count_within_one_archive_only(tmp_path: Path) -> None:
    first = member(b"a", b"data", inode=7, links=2) + TRAILER
    second = member(b"b", b"", inode=7, links=2) + TRAILER
    assert content(read(tmp_path, first + second)) == {"/a": b"data", "/b": b""}


def test_entries_below_a_link_lie_where_it_points(tmp_path: Path) -> None:
    """Such as an appended segment with /lib/modules, for an image with a merged /usr."""
    data = b"".join(
        [
            member(b"usr", mode=0o40755),
            member(b"usr/lib", mode=0o40755),
            member(b"lib", b"/usr/lib", mode=0o120777),
            member(b"lib/file", b"x"),
            TRAILER,
        ]
    )
    archive = read(tmp_path, data)
    assert content(archive) == {"/usr/lib/file": b"x"}
    assert archive.read("/lib/../lib/file") == b"x"
    assert archive.resolve("/lib") == "/usr/lib"
    assert archive.resolve("/lib", last=False) == "/lib"


def test_links_cannot_leave_the_image_nor_form_a_loop(tmp_path: Path) -> None:
    data = b"".join(
        [
            member(b"out", b"../../../etc/passwd", mode=0o120777),
            member(b"a", b"b", mode=0o120777),
            member(b"b", b"a", mode=0o120777),
            TRAILER,
        ]
    )
    archive = read(tmp_path, data)
    assert archive.resolve("/out") is None
    assert archive.resolve("/a") is None
    assert "/a" not in archive
    with pytest.raises(FileNotFoundError, match="no file /out"):
        archive.read("/out")


def test_later_entries_replace_earlier_ones_as_in_the_kernel(tmp_path: Path) -> None:
    data = b"".join(
        [
            member(b"file", b"old"),
            member(b"file", b"new"),
            member(b"link", b"first", mode=0o120777),
            member(b"link", b"second", mode=0o120777),
            member(b"full", mode=0o40755),
            member(b"full/x", b""),
            member(b"full", b"not in its place"),
            member(b"nowhere/x", b""),
            TRAILER,
        ]
    )
    archive = read(tmp_path, data)
    assert archive.read("/file") == b"new"
    assert archive.entries["/link"] == Link("second")
    assert archive.entries["/full"] == Folder(0o755)
    assert "/nowhere/x" not in archive.entries
    assert [text.partition(": ")[2].partition(":")[0] for text in archive.warnings] == [
        "/full",
        "nowhere/x",
    ]


def test_an_image_may_lack_the_folders_of_the_kernels_default_rootfs(tmp_path: Path) -> None:
    archive = read(tmp_path, member(b"dev/null", mode=0o20666) + TRAILER)
    assert "/dev/null" in archive and not archive.warnings


DAMAGE = {
    "nothing": (b"", "a cpio archive"),
    "zeros": (b"\0" * 4096, "nothing but zero bytes"),
    "text": (b"#!/bin/sh\n", "byte 0: .*in a way that the kernel knows"),
    "no trailer": (member(b"a", b"x"), "byte 116: 'the end of the data': .*TRAILER"),
    "cut header": (member(b"a", b"x")[:50], "a header of 110 bytes"),
    "cut name": (member(b"a" * 300)[:200], "a name of 301 bytes"),
    "cut data": (member(b"a", b"x" * 100)[:150], "100 bytes of a; the archive has"),
    "no digits": (member(b"a").replace(b"00000001", b"0000-001"), "hexadecimal digits"),
    "spaces for digits": (member(b"a").replace(b"00000001", b"       1"), "hexadecimal digits"),
    "a name without end": (member(b"a" * 20).replace(b"a\0", b"aa"), "ends in a zero byte"),
    "a long name": (member(b"a" * 5000) + TRAILER, "a name's length from 2 to 4096"),
    "climbing": (member(b"a/../../etc/passwd") + TRAILER, "a name without .."),
    "an empty link": (member(b"a", mode=0o120777) + TRAILER, "the target of the link a"),
    "no type": (member(b"a", mode=0o644) + TRAILER, "the type of a"),
    "broken padding": (member(b"a", b"x")[:-1] + b"x" + TRAILER, "zero bytes up to a multiple"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_clear_error(tmp_path: Path, name: str) -> None:
    data, expected = DAMAGE[name]
    with pytest.raises(InputError, match=expected) as caught:
        read(tmp_path, data)
    assert str(tmp_path / "image") in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compression", TOOLS)
def test_a_stream_cut_anywhere_or_damaged_is_one_clear_error(
    tmp_path: Path, main: bytes, compression: str
) -> None:
    packed = compressed(main, compression)
    for length in range(12, len(packed) - 1, max(1, len(packed) // 20)):
        with pytest.raises(InputError, match=str(tmp_path / "image")):
            read(tmp_path, packed[:length])
    middle = len(packed) // 2
    damaged = packed[:middle] + bytes(each ^ 0x55 for each in packed[middle:])
    with pytest.raises(InputError, match=str(tmp_path / "image")):
        read(tmp_path, damaged)


def test_an_absent_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_archive(tmp_path / "none")
    with pytest.raises(InputError, match="Is a directory"):
        read_archive(tmp_path)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz", "lz4", "lzo", "zstd"])
def test_a_decompression_bomb_is_not_unpacked(tmp_path: Path, compression: str) -> None:
    """200 MB of zeros in a few kilobytes; the reader stops soon after its limit."""
    zeros = member(b"zeros", b"\0" * 200_000_000) + TRAILER
    limits = Limits(file=300_000_000, total=10_000_000)
    with pytest.raises(InputError, match="at most 10000000 bytes in all"):
        read(tmp_path, compressed(zeros, compression), limits)


def test_limits_apply_to_the_sum_of_all_segments(tmp_path: Path) -> None:
    many = b"".join(member(b"%d" % number) for number in range(10)) + TRAILER
    assert len(read(tmp_path, many * 2, Limits(entries=20))) == 11
    with pytest.raises(InputError, match="at most 9 entries"):
        read(tmp_path, many * 2, Limits(entries=19))
    with pytest.raises(InputError, match="at most 5 bytes in a"):
        read(tmp_path, member(b"a", b"123456") + TRAILER, Limits(file=5))
    with pytest.raises(InputError, match="an image of at most 100 bytes"):
        read(tmp_path, many, Limits(image=100))


def test_a_false_size_takes_no_memory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 1073741824 bytes in a"):
        read(tmp_path, member(b"a", b"x", size=0xFFFF_FFFF) + TRAILER)
    with pytest.raises(InputError, match=r"the archive has \d+"):
        read(tmp_path, member(b"a", b"x", size=1 << 30) + TRAILER)


def uki(parts: dict[bytes, bytes]) -> bytes:
    """Return a PE file that consists of sections only."""
    start, header = 64, 24
    table = start + header
    offset = table + 40 * len(parts)
    heads = bodies = b""
    for name, data in parts.items():
        heads += struct.pack("<8sIIIIIIHHI", name, len(data), 0, len(data), offset, 0, 0, 0, 0, 0)
        bodies += data
        offset += len(data)
    pe = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, len(parts), 0, 0, 0, 0, 0)
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", start) + pe + heads + bodies


def test_a_unified_kernel_image_is_read(tmp_path: Path, main: bytes, early: bytes) -> None:
    parts = {
        b".osrel": b"ID=debian\n",
        b".cmdline": b"root=LABEL=x",
        b".ucode": early,
        b".initrd": compressed(main, "zstd"),
    }
    archive = read(tmp_path, uki(parts))
    assert archive.sections[".cmdline"] == b"root=LABEL=x"
    assert [each.compression for each in archive.segments] == ["none", "zstd"]
    assert {f"/{MICROCODE}", "/etc/odd"} <= set(archive.entries)
    where = archive.segments[1].offset
    assert (tmp_path / "image").read_bytes()[where : where + 4] == b"\x28\xb5\x2f\xfd"


@pytest.mark.parametrize("length", [2, 63, 70, 100, 130, 180])
def test_a_cut_unified_kernel_image_is_one_clear_error(tmp_path: Path, length: int) -> None:
    data = uki({b".initrd": TRAILER, b".cmdline": b""})
    with pytest.raises(InputError, match="image: byte"):
        read(tmp_path, data[:length])


def test_a_kernel_alone_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a unified kernel image with a section .initrd"):
        read(tmp_path, uki({b".linux": b"kernel"}))


def test_unpacking_writes_the_content(tmp_path: Path, main: bytes) -> None:
    unpack(read(tmp_path, main), tmp_path / "out")
    assert (tmp_path / "out/etc/odd").read_bytes() == b"abc"
    assert (tmp_path / "out/bin").readlink() == Path("usr/bin")
    assert stat.S_IMODE((tmp_path / "out/usr/bin/tool").stat().st_mode) == 0o755


def test_unpacking_never_writes_outside_its_folder(tmp_path: Path) -> None:
    """A link points outside, and an entry of the same or a later archive lies below it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    target = os.fsencode(outside)
    for link in (target, b"../outside"):
        data = member(b"link", link, mode=0o120777) + member(b"link/file", b"x")
        data += member(b"link", mode=0o40755) + member(b"link/other", b"x")
        archive = read(tmp_path, data + TRAILER + member(b"link/third", b"x") + TRAILER)
        out = tmp_path / f"out{len(link)}"
        unpack(archive, out)
        assert not list(outside.iterdir())
        assert sorted(path.name for path in out.iterdir()) == ["link"]


def test_absolute_names_are_unpacked_into_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    unpack(read(tmp_path, member(b"/file", b"x") + TRAILER), out)
    assert (out / "file").read_bytes() == b"x"


def test_a_folder_with_content_is_not_unpacked_into(tmp_path: Path) -> None:
    archive = read(tmp_path, member(b"file", b"x") + TRAILER)
    (tmp_path / "full/inside").mkdir(parents=True)
    with pytest.raises(InputError, match="new or empty"):
        unpack(archive, tmp_path / "full")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    with pytest.raises(InputError, match="new or empty"):
        unpack(archive, tmp_path / "link")
    assert not list((tmp_path / "empty").iterdir())


def test_devices_are_made_only_on_request(tmp_path: Path) -> None:
    data = member(b"pipe", mode=0o10644) + member(b"setuid", b"", mode=0o104755) + TRAILER
    archive = read(tmp_path, data)
    unpack(archive, tmp_path / "without")
    assert [path.name for path in (tmp_path / "without").iterdir()] == ["setuid"]
    unpack(archive, tmp_path / "with", devices=True)
    assert stat.S_ISFIFO((tmp_path / "with/pipe").stat().st_mode)
    assert stat.S_IMODE((tmp_path / "with/setuid").stat().st_mode) == 0o755


def test_unpacking_agrees_with_the_real_cpio(tmp_path: Path, main: bytes) -> None:
    unpack(read(tmp_path, main), tmp_path / "ours")
    (tmp_path / "theirs").mkdir()
    subprocess.run(["cpio", "-i", "-d", "--quiet"], input=main, cwd=tmp_path / "theirs", check=True)
    subprocess.run(["diff", "-r", tmp_path / "ours", tmp_path / "theirs"], check=True)


def test_a_device_without_an_end_is_not_read() -> None:
    with pytest.raises(InputError, match="/dev/zero: 'a device': expected an image's file"):
        read_archive(Path("/dev/zero"))


def _packed(*members: bytes) -> bytes:
    return pad(b"".join(members) + TRAILER)


FIRST, SECOND = (_packed(member(name, b"it", 0o100644)) for name in (b"a", b"b"))
STREAM = gzip.compress(FIRST, mtime=0)


@pytest.mark.parametrize(
    ("data", "paths", "words"),
    [
        (FIRST + SECOND, "/ /a /b", ""),
        # init/initramfs.c, unpack_to_rootfs: what was unpacked stays, the rest is lost.
        (FIRST + b"\0" + SECOND, "/ /a", "a multiple of four, where the kernel looks for one"),
        (STREAM + b"\0" * (-len(STREAM) % 4 + 1) + SECOND, "/ /a", "240 bytes are left out"),
        (FIRST + b"junk" + SECOND, "/ /a", "one compressed in a way that the kernel knows"),
        (FIRST + b"\0" + gzip.compress(SECOND, mtime=0), "/ /a /b", ""),
        (gzip.compress(FIRST + b"\0" + SECOND, mtime=0), "/ /a", "not at a multiple of four"),
        (FIRST + gzip.compress(b"", mtime=0), "/ /a", ""),
        (FIRST + gzip.compress(b"\0" * 512, mtime=0), "/ /a", ""),
    ],
)
def test_what_the_kernel_has_of_archives_put_together(data: bytes, paths: str, words: str) -> None:
    archive = parse_archive(Path("image"), memoryview(data))
    assert " ".join(path for path, _ in archive.items()) == paths
    assert len(archive.warnings) == bool(words)
    assert all(words in each for each in archive.warnings)
