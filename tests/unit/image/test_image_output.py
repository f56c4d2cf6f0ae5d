"""The image file is complete or absent, and its compression is reproducible."""

import os
import random
import subprocess
from pathlib import Path

import pytest
from smallfs import mounted_tmpfs
from writing import write_image

from initpy.config.errors import InputError
from initpy.image.build.place import NoSpaceError
from initpy.image.formats.compress import METHODS, SMALL, Packing, check_method, open_sink
from initpy.image.process import ToolError
from initpy.image.tree import File, Tree

UNPACK = {
    "zstd": ["zstd", "-dcq"],
    "gzip": ["gzip", "-dc"],
    "xz": ["xz", "-dc"],
    "lz4": ["lz4", "-dc"],
    "none": ["cat"],
}


def tree(mode: int = 0o644) -> Tree:
    found = Tree()
    found.add("/etc/data", File(bytes(range(256)) * 20_000, mode))
    return found


@pytest.mark.parametrize("compression", [*METHODS, "none"])
def test_each_compression_can_be_unpacked(tmp_path: Path, compression: str) -> None:
    output = tmp_path / "image"
    size = write_image(tree(), output, compression, None, 0)
    assert size == output.stat().st_size
    # The zero that ends lz4's stream for the kernel is nothing to the program.
    content = output.read_bytes().removesuffix(bytes(4) if compression == "lz4" else b"")
    unpacked = subprocess.run(
        UNPACK[compression], input=content, capture_output=True, check=True
    ).stdout
    assert unpacked.startswith(b"070701") and b"etc/data" in unpacked[:2000]


@pytest.mark.parametrize("compression", METHODS)
def test_the_number_of_processors_does_not_matter(tmp_path: Path, compression: str) -> None:
    write_image(tree(), tmp_path / "many", compression, 1, 0)
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        write_image(tree(), tmp_path / "one", compression, 1, 0)
    finally:
        os.sched_setaffinity(0, usable)
    assert (tmp_path / "many").read_bytes() == (tmp_path / "one").read_bytes()


def test_a_small_archive_uses_a_lower_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[tuple[str, ...]] = []

    def started(command: tuple[str, ...], _: int, *, hint: str) -> None:
        commands.append(command)

    monkeypatch.setattr("initpy.image.formats.compress.Pipe", started)
    with (tmp_path / "image").open("wb") as output:
        for size in (SMALL, SMALL + 1):
            open_sink(output, Packing("zstd"), size)
            open_sink(output, Packing("zstd", 7), size)
            open_sink(output, Packing("gzip"), size)
    small, large = commands[:3], commands[3:]
    assert "slog=4" in small[0][-2] and "slog=5" in large[0][-2]
    assert small[1][:-1] == large[1][:-1]  # an explicit level applies
    assert small[2] == large[2]


def test_only_root_may_read_an_image_with_a_key(tmp_path: Path) -> None:
    write_image(tree(), tmp_path / "open", "none", None, 0)
    write_image(tree(0o600), tmp_path / "closed", "none", None, 0)
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_only_the_old_image(tmp_path: Path) -> None:
    output = tmp_path / "image"
    output.write_bytes(b"old")
    broken = tree()
    broken.add("/etc/vanishes", File(tmp_path / "never-there"))
    with pytest.raises(FileNotFoundError):
        write_image(broken, output, "zstd", 1, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["image"]
    assert output.read_bytes() == b"old"


def test_a_compressor_that_fails_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("initpy.image.process.CLEAN_ENVIRONMENT", {"PATH": str(tmp_path)})
    with pytest.raises(ToolError, match="apt install zstd"):
        write_image(tree(), tmp_path / "image", "zstd", 1, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("compression", [*METHODS, "none"])
def test_a_full_disk_is_reported_as_full(tmp_path: Path, compression: str) -> None:
    """Both for our own write and for the compressor's (R29)."""
    full = tmp_path / "full"
    full.mkdir()
    data = random.Random(1).randbytes(3_000_000)
    noise = Tree()
    noise.add("/etc/data", File(data))
    with mounted_tmpfs(full, 1_000_000):
        (full / "image").write_bytes(b"old")
        with pytest.raises(NoSpaceError, match=r"has no room for the image.*: 1\.0 MB are free"):
            write_image(noise, full / "image", compression, None, 0)
        assert [path.name for path in full.iterdir()] == ["image"]
        assert (full / "image").read_bytes() == b"old"


def test_too_little_room_is_detected_before_the_write(tmp_path: Path) -> None:
    with mounted_tmpfs(tmp_path, 4096):
        with pytest.raises(NoSpaceError, match=r"room for the image, at least 1\.0 MB"):
            write_image(tree(), tmp_path / "image", "zstd", None, 0)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("compression", "level"), [("rar", None), ("zstd", 20), ("gzip", 0), ("none", 1)]
)
def test_unknown_methods_and_levels_are_rejected(compression: str, level: int | None) -> None:
    with pytest.raises(InputError):
        check_method(compression, level)
