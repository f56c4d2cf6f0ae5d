"""Replacing an image: atomic, one run at a time, no files left behind (R29)."""

import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.image.build import place
from initpy.image.build.output import explaining_full_disk
from initpy.image.build.place import (
    UNFINISHED,
    BusyError,
    NoSpaceError,
    PlacedError,
    claim,
    previous,
    remove,
    sweep,
)
from initpy.image.build.renaming import exchange


def put(output: Path, content: bytes, keep: int = 0) -> tuple[str, ...]:
    with claim(output) as here:
        here.file.write(content)
        return here.put_in_place(0o644, keep)


def failing_syncs(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    """Let fsync(2) fail from the given one on."""
    left = [first]

    def fail(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_an_absent_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="output"), claim(tmp_path / "no/image"):
        pass


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/full")])
def test_only_a_file_is_replaced(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """As root, `--output /dev/null` replaced the device."""
    output = tmp_path / "image"
    make(output)
    with pytest.raises(InputError, match=r"output: .*: expected a regular file"):
        put(output, b"1")
    assert names(tmp_path) == ["image"]
    assert not output.is_file()


def test_a_discarded_image_leaves_no_files(tmp_path: Path) -> None:
    put(tmp_path / "image", b"old")
    with claim(tmp_path / "image") as here:
        here.file.write(b"new")
    assert names(tmp_path) == ["image"]
    assert (tmp_path / "image").read_bytes() == b"old"


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_disk_that_fails_is_said_with_what_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Before the rename the old image stays; afterwards the new one has the name already."""
    output = tmp_path / "image"
    put(output, b"old")
    failing_syncs(monkeypatch, first)
    with pytest.raises(OSError, match="Input/output error") as caught:
        put(output, b"new", keep=1)
    assert str(output) in str(caught.value)
    assert isinstance(caught.value, PlacedError) is (first > 0)
    assert output.read_bytes() == (b"new" if first else b"old")
    assert [path.read_bytes() for path in previous(output)] == ([b"old"] if first else [])
    assert UNFINISHED not in " ".join(names(tmp_path))


@pytest.mark.parametrize("first", [1, 2, 3])
def test_the_same_where_two_names_are_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    output = tmp_path / "image"
    put(output, b"old")
    monkeypatch.setattr(Path, "hardlink_to", no_links)
    failing_syncs(monkeypatch, first)
    with pytest.raises(PlacedError, match="new image is in place"):
        put(output, b"new", keep=1)
    assert output.read_bytes() == b"new"


def no_links(path: Path, target: Path) -> None:
    raise OSError(errno.EPERM, f"{path}: no hard link to {target}")


def test_a_used_up_quota_is_no_full_disk(tmp_path: Path) -> None:
    place = Path(tmp_path, "image")
    with (
        pytest.raises(NoSpaceError, match="quota there is used up"),
        claim(place) as here,
        explaining_full_disk(here),
    ):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def test_previous_images_are_kept_and_renumbered(tmp_path: Path) -> None:
    output = tmp_path / "image"
    for content in (b"1", b"2", b"3", b"4"):
        put(output, content, keep=2)
    assert names(tmp_path) == ["image", "image.old", "image.old.2"]
    assert [path.read_bytes() for path in (output, *previous(output))] == [b"4", b"3", b"2"]


@pytest.mark.parametrize("links", [True, False], ids=["ext4", "vfat"])
@pytest.mark.parametrize("keep", [1, 2])
def test_a_run_that_fails_pushes_out_no_previous_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: int, links: bool
) -> None:
    for content in (b"1", b"2", b"3"):
        put(tmp_path / "image", content, 2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def fail(path: Path, *_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        patch.setattr(place, "exchange", fail)
        if not links:
            patch.setattr(Path, "hardlink_to", fail)
        with pytest.raises(OSError, match="Input/output error"):
            put(tmp_path / "image", b"4", keep)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unchanged_image_pushes_out_no_previous_one(tmp_path: Path) -> None:
    output = tmp_path / "image"
    for content in (b"good", b"new", b"new"):
        put(output, content, keep=1)
    assert (tmp_path / "image.old").read_bytes() == b"good"


def test_a_lower_number_applies_at_the_next_run(tmp_path: Path) -> None:
    output = tmp_path / "image"
    for content in (b"1", b"2", b"3", b"4"):
        put(output, content, keep=3)
    put(output, b"5", keep=1)
    assert names(tmp_path) == ["image", "image.old"]
    assert (tmp_path / "image.old").read_bytes() == b"4"


def test_other_files_with_similar_names_stay(tmp_path: Path) -> None:
    others = ["image.older", "image.old.x", "image.old-mine", "image2.old", ".image"]
    for name in others:
        (tmp_path / name).touch()
    put(tmp_path / "image", b"1", keep=1)
    put(tmp_path / "image", b"2", keep=1)
    remove(tmp_path / "image")
    assert names(tmp_path) == sorted(others)


def test_a_file_system_without_hard_links_keeps_the_previous_image_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an EFI system partition: link(2) fails with EPERM."""

    def none(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", none)
    for content in (b"1", b"2", b"3"):
        assert put(tmp_path / "image", content, keep=2) == ()
    assert [path.read_bytes() for path in previous(tmp_path / "image")] == [b"2", b"1"]
    assert names(tmp_path) == ["image", "image.old", "image.old.2"]


def test_a_previous_image_that_cannot_be_kept_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.EINVAL, "not here")

    monkeypatch.setattr(Path, "hardlink_to", none)
    monkeypatch.setattr(place, "exchange", none)
    put(tmp_path / "image", b"1", keep=1)
    (note,) = put(tmp_path / "image", b"2", keep=1)
    assert "the previous image was not kept" in note
    assert (tmp_path / "image").read_bytes() == b"2"


def test_two_names_are_exchanged_atomically(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == b"b"
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "c")


def test_one_run_at_a_time(tmp_path: Path) -> None:
    output = tmp_path / "image"
    with claim(output), pytest.raises(BusyError), claim(output):
        pass
    with claim(output):
        pass


def test_the_second_run_waits_and_says_so(tmp_path: Path) -> None:
    output = tmp_path / "image"
    told: list[str] = []
    waits = threading.Event()

    def second() -> None:
        def waiting(text: str) -> None:
            told.append(text)
            waits.set()

        with claim(output, waiting) as here:
            here.file.write(b"second")
            here.put_in_place(0o644)

    thread = threading.Thread(target=second)
    with claim(output) as here:
        thread.start()
        assert waits.wait(60)
        here.file.write(b"first, and longer")
        here.put_in_place(0o644)
    thread.join()
    assert told == [f"waiting for another run that is writing {output}"]
    assert output.read_bytes() == b"second"
    assert names(tmp_path) == ["image"]


def test_files_of_a_killed_run_are_removed_and_those_of_a_running_one_stay(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".other.initpy-new"
    left.write_bytes(b"half")
    with claim(tmp_path / "image") as here:
        assert not left.exists()
        sweep(tmp_path)
        assert here.temporary.exists()
    assert names(tmp_path) == []


def test_an_unfinished_file_of_a_killed_run_is_not_added_to(tmp_path: Path) -> None:
    (tmp_path / ".image.initpy-new").write_bytes(b"half of an image")
    put(tmp_path / "image", b"new")
    assert (tmp_path / "image").read_bytes() == b"new"


def test_parallel_runs_each_install_a_complete_image(tmp_path: Path) -> None:
    output = tmp_path / "image"
    runs = [multiprocessing.Process(target=_writer, args=(output, n)) for n in range(4)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0] * 4
    content = output.read_bytes()
    assert len(content) == 100_000 and len(set(content)) == 1
    assert names(tmp_path) == ["image", "image.old"]


def _writer(output: Path, number: int) -> None:
    for _ in range(10):
        with claim(output, lambda _: None) as here:
            here.file.write(bytes([number]) * 100_000)
            here.put_in_place(0o644, keep=1)


def test_the_lock_lasts_until_the_compressor_ends(tmp_path: Path) -> None:
    """A killed run's compressor goes on for a moment; no other run may write into its file."""
    output = tmp_path / "image"
    script = f"""
import os, signal, subprocess
from pathlib import Path
from initpy.image.build.place import claim
with claim(Path({str(output)!r})) as here:
    compressor = subprocess.Popen(["sleep", "600"], stdout=here.file, stderr=subprocess.DEVNULL)
    print(compressor.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(BusyError), claim(output):
        pass
    os.kill(int(done.stdout), signal.SIGKILL)
    with claim(output, lambda _: None):
        pass
    assert names(tmp_path) == []


def test_a_link_of_another_user_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder like /tmp other users may create files, which cannot be removed."""
    monkeypatch.setattr(place, "sweep", lambda _: None)
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    way = tmp_path / ".image.initpy-new"
    way.symlink_to(precious)
    with pytest.raises(InputError), claim(tmp_path / "image"):
        pass
    way.unlink()
    way.hardlink_to(precious)
    with pytest.raises(InputError, match="no other user"), claim(tmp_path / "image"):
        pass
    assert precious.read_bytes() == b"mine"


def test_remove_also_removes_previous_images(tmp_path: Path) -> None:
    output = tmp_path / "image"
    for content in (b"1", b"2"):
        put(output, content, keep=1)
    assert [path.name for path in remove(output)] == ["image.old", "image"]
    assert remove(output) == []


def test_a_name_with_special_characters_of_the_shell(tmp_path: Path) -> None:
    output = tmp_path / "image[1]*"
    put(output, b"1", keep=1)
    put(output, b"2", keep=1)
    assert [path.name for path in previous(output)] == ["image[1]*.old"]


def test_vfat_has_its_own_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "not here")

    monkeypatch.setattr(os, "fchmod", refused)
    assert put(tmp_path / "image", b"1") == ()
    assert subprocess.run(["cat", tmp_path / "image"], capture_output=True).stdout == b"1"


def test_a_file_system_without_locks_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    monkeypatch.setattr(fcntl, "flock", unknown)
    put(tmp_path / "image", b"1")
    assert names(tmp_path) == ["image"]


def test_a_file_of_another_user_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "sweep", lambda _: None)
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    way = tmp_path / ".image.initpy-new"
    way.touch()
    os.chown(way, 1234, -1)
    with pytest.raises(InputError, match="no other user"), claim(tmp_path / "image"):
        pass
    os.chown(tmp_path, 1234, -1)
    put(tmp_path / "image", b"1")
