"""The real cpio reads our archives, and they are reproducible (R27)."""

import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from initpy.image.formats import cpio
from initpy.image.formats.archive import read_archive
from initpy.image.tree import Entry, File, Folder, Link, Node, Tree

CONTENT: Mapping[str, Entry] = {
    "/etc/odd": File(b"abc"),
    "/etc/empty": File(b""),
    "/etc/key": File(b"secret", 0o600),
    "/usr/bin/tool": File(b"#!/bin/sh\n", 0o755),
    "/bin": Link("usr/bin"),
    "/dev/console": Node(stat.S_IFCHR | 0o600, 5, 1),
    "/tmp": Folder(0o1777),
}


def archive(content: Mapping[str, Entry], mtime: int = 0) -> bytes:
    tree = Tree()
    for path, entry in content.items():
        tree.add(path, entry, replace=True)
    parts: list[bytes] = []
    cpio.write_archive(tree.items(), parts.append, mtime)
    return b"".join(parts)


def listing(data: bytes) -> dict[str, list[str]]:
    done = subprocess.run(
        ["cpio", "-t", "-v", "--numeric-uid-gid", "--quiet"],
        input=data,
        capture_output=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return {words[8] if words[0][0] != "c" else words[9]: words for words in lines}


def test_the_real_cpio_lists_our_archive() -> None:
    listed = listing(archive(CONTENT))
    assert listed["etc/odd"][0] == "-rw-r--r--" and listed["etc/odd"][4] == "3"
    assert listed["etc/key"][0] == "-rw-------"
    assert listed["usr/bin/tool"][0] == "-rwxr-xr-x"
    assert listed["bin"][-2:] == ["->", "usr/bin"]
    assert listed["dev/console"][0] == "crw-------"
    assert listed["dev/console"][4:6] == ["5,", "1"]
    assert listed["tmp"][0] == "drwxrwxrwt"
    assert {words[2] + words[3] for words in listed.values()} == {"00"}


def test_the_real_cpio_unpacks_our_archive(tmp_path: Path) -> None:
    unprivileged = {path: entry for path, entry in CONTENT.items() if not isinstance(entry, Node)}
    subprocess.run(
        ["cpio", "-i", "-d", "--quiet"], input=archive(unprivileged), cwd=tmp_path, check=True
    )
    assert (tmp_path / "etc/odd").read_bytes() == b"abc"
    assert (tmp_path / "bin").readlink() == Path("usr/bin")
    assert (tmp_path / "etc/empty").stat().st_size == 0


def test_folders_come_before_their_content() -> None:
    names = list(listing(archive({"/a/b/c": File(b""), "/a-b": File(b"")})))
    assert names.index("a") < names.index("a/b") < names.index("a/b/c")


def test_order_of_adding_does_not_matter() -> None:
    backwards = dict(reversed(list(CONTENT.items())))
    assert archive(CONTENT) == archive(backwards)


def test_file_times_are_those_requested() -> None:
    assert archive(CONTENT, 0x5F000000)[46:54] == b"5F000000"


def test_a_segment_leaves_the_root_folder_alone() -> None:
    assert set(listing(cpio.segment({"/etc/crypttab": b"x"}))) == {"etc", "etc/crypttab"}


@pytest.mark.parametrize("length", range(1, 6))
def test_appended_segments_start_where_the_kernel_looks(tmp_path: Path, length: int) -> None:
    image, output = tmp_path / "image", tmp_path / "output"
    image.write_bytes(b"z" * length)
    segments = [cpio.segment({"/a": b"1"}), cpio.segment({"/b": b"22"})]
    cpio.append(image, segments, output)
    data = output.read_bytes()
    starts = [data.index(segment) for segment in segments]
    assert all(start % 4 == 0 for start in starts)
    assert set(data[length : starts[0]]) == {0}
    assert starts[0] - length >= 4  # the end of a stream of lz4


def test_names_in_another_encoding_keep_their_bytes(tmp_path: Path) -> None:
    """A machine's /etc may hold files whose names are in Latin-1."""
    name = "/etc/w\udcfcrz.conf"
    content: Mapping[str, Entry] = {name: File(b"x"), "/etc/link": Link(name)}
    (image := tmp_path / "image").write_bytes(archive(content))
    found = read_archive(image)
    assert found.read("/etc/link") == b"x"
    assert name in dict(found.items())
    assert b"etc/w\xfcrz.conf\0" in image.read_bytes()
