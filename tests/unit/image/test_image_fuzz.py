"""Any bytes of an image or a module index give a result or one clean error."""

import bz2
import gzip
import lzma
import struct
import tempfile
from pathlib import Path

import pytest
from foreign import TRAILER, member, pad
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.errors import InputError
from initpy.image.formats.archive import Archive, parse_archive
from initpy.image.formats.kmodindex import Index
from initpy.image.formats.members import Limits
from initpy.image.formats.modinfo import DamagedModuleError
from initpy.image.formats.unpacking import unpack
from initpy.image.kernel import kmod
from initpy.image.kernel.moduletree import ModuleTree
from initpy.image.missing import IncompleteError
from initpy.image.tree import File

HEADS = (
    *(b"070701", b"070702", b"\x1f\x8b\x08", b"BZh9", b"\x5d\0\0\x80\0", b"\xfd7zXZ\0"),
    *(b"\x02\x21\x4c\x18", b"\x28\xb5\x2f\xfd", b"\x89LZO\0\r\n\x1a\n", b"MZ"),
)
LIMITS = Limits(entries=100, file=1 << 20, total=1 << 20, image=1 << 20)
MODES = st.sampled_from([0o100644, 0o40755, 0o120777, 0o20600, 0o10600, 0o104755])
# Few names, so that entries collide: files below links, links over folders.
PARTS = st.sampled_from([b"a", b"b", b"c", b"\xff"])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map(b"/".join)
STARTS = st.sampled_from([b"", b"./", b"/", b"//", b"a//./"])
CLIMBS = st.sampled_from([b"", b"/", b"../", b"../../", b"/../"])


@st.composite
def members(draw: st.DrawFn) -> bytes:
    mode = draw(MODES)
    name = draw(STARTS) + draw(NAMES)
    data = draw(CLIMBS) + draw(NAMES) if mode == 0o120777 else draw(st.binary(max_size=20))
    return member(name, data, mode, links=draw(st.integers(0, 2)), inode=draw(st.integers(0, 2)))


ARCHIVES = st.lists(members(), max_size=8).map(lambda found: b"".join(found) + pad(TRAILER))
PACKED = st.one_of(
    ARCHIVES,
    ARCHIVES.map(gzip.compress),
    ARCHIVES.map(bz2.compress),
    ARCHIVES.map(lzma.compress),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw archives with changed, missing or repeated bytes."""
    data = bytearray(b"".join(draw(st.lists(PACKED, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data)


def parse(data: bytes) -> Archive | None:
    try:
        archive = parse_archive(Path("image"), memoryview(data), LIMITS)
    except InputError as error:
        assert str(error).startswith("image") and "\n" not in str(error)
        return None
    assert sum(segment.unpacked for segment in archive.segments) <= LIMITS.total
    for path, entry in archive.items():
        parts = path.split("/")
        assert path.startswith("/") and ".." not in parts and "." not in parts
        # Each entry has real folders as parents: no write goes through a link.
        assert path == "/" or archive.resolve(path, last=False) == path
        assert not isinstance(entry, File) or archive.resolve(path) == path
    return archive


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    parse(data)


@given(st.binary(max_size=100), st.sampled_from(HEADS))
def test_any_bytes_after_a_magic_number(data: bytes, magic: bytes) -> None:
    parse(magic + data)


@given(damaged())
def test_damaged_archives(data: bytes) -> None:
    parse(data)


@given(ARCHIVES, PACKED)
def test_intact_archives_of_odd_content(first: bytes, second: bytes) -> None:
    parse(first + second)


@given(ARCHIVES)
def test_unpacking_stays_in_the_folder(data: bytes) -> None:
    archive = parse(data)
    if archive is None:
        return
    with tempfile.TemporaryDirectory() as base:
        unpack(archive, Path(base, "deep/inside/out"))
        assert [path.name for path in Path(base).iterdir()] == ["deep"]
        assert [path.name for path in Path(base, "deep").iterdir()] == ["inside"]
        assert [path.name for path in Path(base, "deep/inside").iterdir()] == ["out"]


TABLES = (
    *("modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin", "modules.softdep"),
    *("modules.builtin", "modules.builtin.bin", "modules.builtin.alias.bin"),
    *("modules.builtin.modinfo", "kernel/a.ko", "kernel/b.ko.xz"),
)
INDEX_HEAD = bytes.fromhex("b007f457 00020001")
WORDS = st.sampled_from(
    [b"alias", b"softdep", b"a", b"kernel/a.ko", b":", b"pre:", b"*", b"[", b"\0"]
)
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda data: INDEX_HEAD + data),
    st.lists(WORDS, max_size=20).map(b" ".join),
    st.lists(WORDS, max_size=20).map(b"\n".join),
    st.binary(max_size=200).map(lambda data: b"\x7fELF\2\1\1" + data),
)


@given(st.dictionaries(st.sampled_from(TABLES), CONTENTS))
def test_tables_of_modules(files: dict[str, bytes]) -> None:
    """A look-up in an image's index gives an answer, or an error that names the file."""
    tree = ModuleTree("6.1", "image: /lib/modules/6.1", files, files.__getitem__)

    def look() -> None:
        assert tree.find("a") is not None
        assert tree.built_in("a") is not None
        assert tree.dependencies is not None
        assert len(list(tree.aliases())) < 10_000
        for name in tree.modules:
            tree.info(name)

    try:
        look()
    except (InputError, DamagedModuleError) as error:
        assert "\n" not in str(error)


@given(st.dictionaries(st.sampled_from(TABLES), CONTENTS))
def test_tables_of_an_installed_kernel(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as base:
        for name, data in files.items():
            path = Path(base, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        try:
            index = kmod.read_index(Path(base))
        except (IncompleteError, InputError):
            return
        index.resolve("a")
        kmod.select(index, [kmod.Want("a", "test"), kmod.Want("block/", "test")])


def test_a_lookup_in_an_index_with_loops_ends() -> None:
    """Two children are their own parents: the number of paths is 2 to the power of the depth."""
    children = struct.pack(">BBII", ord("a"), ord("b"), 0x2000000C, 0x2000000C)
    data = INDEX_HEAD + struct.pack(">I", 0x2000000C) + children
    index = Index(data, "modules.alias.bin")
    with pytest.raises(InputError, match="expected a tree"):
        list(index.items())
    assert index.find("ab" * 50) == ()


def test_a_lookup_in_an_index_with_shared_nodes_ends() -> None:
    """Sixty levels with two equal children: too many paths, in half a kilobyte."""
    flag, start, size = 0x20000000, 12, 10
    nodes = b""
    for level in range(60):
        after = (flag if level < 59 else 0) | (start + (level + 1) * size)
        nodes += struct.pack(">BBII", ord("a"), ord("b"), after, after)
    data = INDEX_HEAD + struct.pack(">I", flag | start) + nodes + bytes(2)
    index = Index(data, "modules.alias.bin")
    with pytest.raises(InputError, match="expected a tree"):
        list(index.items())
