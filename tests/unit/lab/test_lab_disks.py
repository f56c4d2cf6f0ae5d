"""Disks are created once per recipe, and folders of killed processes are removed."""

import fcntl
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from initpy.lab import cache
from initpy.lab.cache import digest, tree_digest
from initpy.lab.disks import copy_disk, disk_folder, prepare_disks
from initpy.lab.errors import LabError
from initpy.lab.machine import machine_folder
from initpy.scenario.model import Layer, Recipe

PLAIN = Recipe((("a", 32 << 20),), (Layer("ext4", "", ("a",), label="lab", holds="root"),), ())
needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("mke2fs", "debugfs", "busybox", "dpkg-query"))),
    reason="needs e2fsprogs, busybox and Debian",
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@needs_tools
def test_a_plain_disk_is_created_without_a_machine_and_only_once(tmp_path: Path) -> None:
    said: list[str] = []
    prepare_disks([PLAIN, PLAIN], said.append)
    prepare_disks([PLAIN], said.append)
    assert len(said) == 1
    copy_disk(PLAIN, "a", tmp_path / "copy.raw")
    listing = subprocess.run(
        ["debugfs", "-R", "stat /sbin/init", str(tmp_path / "copy.raw")],
        check=True,
        capture_output=True,
    )
    assert b"0755" in listing.stdout
    assert (tmp_path / "copy.raw").stat().st_size == 32 << 20


@needs_tools
def test_a_disk_that_cannot_be_created_does_not_affect_others(tmp_path: Path) -> None:
    too_small = Recipe((("a", 4096),), PLAIN.layers, ())
    said: list[str] = []
    prepare_disks([too_small, PLAIN], said.append)
    copy_disk(PLAIN, "a", tmp_path / "copy.raw")
    assert any("cannot create the disks of ext4 on 1 disk(s)" in line for line in said)
    with pytest.raises(LabError, match="could not be created") as refused:
        copy_disk(too_small, "a", tmp_path / "none.raw")
    assert "mke2fs" in Path(str(refused.value).partition(": ")[2]).read_text()
    assert not disk_folder(too_small).exists()


def test_the_parts_of_a_hash_are_separated() -> None:
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])


def test_bytecode_does_not_count_as_a_change(tmp_path: Path) -> None:
    room = tmp_path / "room"
    (room / "__pycache__").mkdir(parents=True)
    (room / "a.py").write_text("1")
    before = tree_digest([room])
    (room / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert tree_digest([room]) == before
    (room / "a.py").write_text("2")
    assert tree_digest([room]) != before


def test_the_cache_follows_the_base_directory_specification(tmp_path: Path) -> None:
    assert cache.cache_folder("x") == tmp_path / "initpy" / "x"


def test_the_folder_of_a_killed_process_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive = tmp_path / "initpy-lab-dead", tmp_path / "initpy-lab-alive"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "lock").touch()
    with (alive / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with machine_folder() as own:
            assert own.exists()
            assert alive.exists()
            assert not dead.exists()
    assert not own.exists()


def test_parallel_processes_do_not_remove_each_others_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def stays(_: int) -> bool:
        with machine_folder() as own:
            (own / "disk").touch()
            return own.exists()

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert all(pool.map(stays, range(400)))
