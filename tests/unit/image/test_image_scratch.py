"""Temporary folders of builds: in memory if there is room, and removed afterwards."""

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from smallfs import mounted_tmpfs

from initpy.image import process, scratch
from initpy.image.scratch import NoScratchError, scratch_folder

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Use a folder in place of /dev/shm, without TMPDIR."""
    for name in scratch.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(scratch, "MEMORY", folder)
    return folder


def test_scratch_is_in_memory_if_there_is_room(memory: Path) -> None:
    with scratch_folder("test") as folder:
        assert folder.parent == memory
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "file").touch()
    assert list(memory.iterdir()) == []
    with scratch_folder("test", size=1 << 62) as folder:
        assert folder.parent != memory


def test_scratch_is_in_tmpdir_if_set(
    memory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with scratch_folder("test") as folder:
        assert folder.parent == tmp_path
    assert list(memory.iterdir()) == []


def test_scratch_is_not_on_a_noexec_mount(
    monkeypatch: pytest.MonkeyPatch, memory: Path, tmp_path: Path
) -> None:
    for each in (tmp_path / "absent", Path("/proc")):  # /proc is mounted noexec, and full
        monkeypatch.setattr(scratch, "MEMORY", each)
        with scratch_folder("test") as folder:
            assert folder.parent not in (each, memory)


def test_a_full_folder_for_temporary_files_is_named(memory: Path) -> None:
    with (
        mounted_tmpfs(memory, 100_000),
        pytest.raises(NoScratchError, match="no room for temporary files: TMPDIR=") as caught,
        scratch_folder("test") as folder,
    ):
        source = memory.parent / "source"
        source.write_bytes(bytes(1_000_000))
        shutil.copyfile(source, folder / "file")
    assert str(memory) in str(caught.value)


def test_a_tool_that_finds_the_folder_full(memory: Path) -> None:
    with (
        mounted_tmpfs(memory, 100_000),
        pytest.raises(NoScratchError, match="no room for temporary files: TMPDIR="),
        scratch_folder("test") as folder,
    ):
        process.run(["dd", "if=/dev/zero", f"of={folder}/file", "bs=1000", "count=1000"])


def test_a_tool_that_fails_in_a_folder_with_room(memory: Path) -> None:
    with pytest.raises(process.ToolError, match="false failed"), scratch_folder("test"):
        process.run(["false"])


def test_another_full_folder_is_not_taken_for_it(memory: Path, tmp_path: Path) -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "boot"))
    with pytest.raises(OSError, match="boot") as caught, scratch_folder("test"):
        raise error
    assert caught.value is error


def test_no_folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch, memory: Path) -> None:
    monkeypatch.setattr(scratch, "DISKS", ())
    monkeypatch.setattr(scratch, "MEMORY", memory / "none")
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(memory / "none")])
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(NoScratchError, match="no folder for temporary"), scratch_folder("test"):
        pass


def work_for_ever() -> None:
    with scratch_folder("killed") as folder:
        (folder / "inside").mkdir()
        (folder / "inside/file").write_bytes(bytes(1000))
        (folder / "inside").chmod(0o500)
        signal.pause()


def aged(folder: Path) -> None:
    """Make a folder look old."""
    os.utime(folder, (time.time() - 3600,) * 2)


def test_the_next_build_removes_the_folder_of_a_killed_one(memory: Path) -> None:
    child = FORK.Process(target=work_for_ever)
    child.start()
    while not list(memory.glob("*/inside/file")):
        assert child.is_alive()
        time.sleep(0.01)
    (left,) = memory.iterdir()
    aged(left)
    with scratch_folder("next"):
        assert left.is_dir()  # in use
    child.kill()
    child.join()
    with scratch_folder("next"):
        assert not left.exists()


def test_a_folder_that_may_be_in_use_stays(memory: Path, tmp_path: Path) -> None:
    (memory / "initpy-new").mkdir()  # perhaps not locked yet
    (memory / "other").mkdir()
    (memory / "initpy-file").touch()
    (tmp_path / "elsewhere").mkdir()
    (memory / "initpy-link").symlink_to(tmp_path / "elsewhere")
    for each in ("other", "initpy-file"):
        aged(memory / each)
    aged(tmp_path / "elsewhere")
    subprocess.run(["touch", "-h", "-d", "1 hour ago", str(memory / "initpy-link")], check=True)
    if os.geteuid() == 0:
        (memory / "initpy-theirs").mkdir()
        os.chown(memory / "initpy-theirs", 65534, 65534)
        aged(memory / "initpy-theirs")
    before = sorted(memory.iterdir())
    with scratch_folder("next") as folder:
        assert sorted(each for each in memory.iterdir() if each != folder) == before
    assert (tmp_path / "elsewhere").is_dir()
    shutil.rmtree(memory)


SCRIPT = """
import os, sys
from pathlib import Path
from initpy.image.build.trial import copy_of
from initpy.image.content.layout import add_layout
from initpy.image.scratch import no_execution
from initpy.image.tree import Tree
print(no_execution(Path(sys.argv[1])))
tree = Tree()
add_layout(tree)
os.environ["TMPDIR"] = sys.argv[1]
with copy_of(tree) as copy:
    copy.library_cache()
    print(copy.try_out(["os"])[0])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_trial_that_cannot_run_names_the_mount(tmp_path: Path) -> None:
    """The image is the same: nothing of it depends on the trial."""
    python = f"exec {sys.executable} -c '{SCRIPT}' {tmp_path}"
    mount = f"mount -t tmpfs -o noexec none {tmp_path}; {python}"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    why = f"{tmp_path} is mounted noexec; TMPDIR=FOLDER names a place where programs may run"
    assert done.stdout.splitlines() == [why, f"image not tested by running it: {why}"]
    assert scratch.no_execution(Path("/usr")) == ""
