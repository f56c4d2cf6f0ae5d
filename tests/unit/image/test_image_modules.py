"""A generic image compresses each module by itself; kmod itself reads them (R27)."""

import lzma
import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import VERSION, Module, depmod, make_kernel
from smallfs import mounted_tmpfs

from initpy.cli import main
from initpy.image.build.build import build
from initpy.image.build.modules import IDLE
from initpy.image.build.request import BuildRequest
from initpy.image.formats import cpio
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.formats.modinfo import read_module
from initpy.image.formats.unpacking import unpack
from initpy.image.kernel import packed
from initpy.image.kernel.kmod import IDLE_NETWORK, ModuleIndex
from initpy.image.scratch import NoScratchError
from initpy.image.tree import File
from initpy.runtime import coldplug

MODULES = [
    Module("kernel/drivers/md/md-mod.ko"),
    Module("kernel/drivers/md/raid1.ko", ("md_mod",)),
    Module("kernel/drivers/net/ethernet/e1000.ko", ("mii",), ("pci:v00008086d00001000sv*",)),
    Module("kernel/drivers/net/mii.ko"),
    Module("kernel/drivers/net/tun.ko", (), ("devname:net/tun",)),
    Module("kernel/drivers/net/ethernet/qed.ko", (), ("pci:v00001077d00001634sv*",)),
    Module("kernel/drivers/scsi/qedf.ko", ("qed",), ("pci:v00001077d00008165sv*",)),
]
PATHS = [module.path for module in MODULES]
FOLDER = f"/usr/lib/modules/{VERSION}/"


@pytest.fixture
def generic(tmp_path: Path) -> BuildRequest:
    return BuildRequest(
        kernel=VERSION,
        modules=make_kernel(tmp_path / "kernel", MODULES),
        output=tmp_path / "image",
        jobs=(),
        programs=("kmod",),
        init=b"#!/bin/sh\n",
        python=False,
        level=1,
        separate_modules=True,
        recipe_drivers=("raid1", "drivers/scsi/", "drivers/net/"),
        recipe_idle=("drivers/net/",),
    )


def of_distribution(request: BuildRequest, path: str) -> bytes:
    """Compress a module of the kernel with xz, as Debian 13 does; return its content."""
    file = request.modules / path
    data = file.read_bytes()
    (request.modules / f"{path}.xz").write_bytes(lzma.compress(data, check=lzma.CHECK_CRC32))
    file.unlink()
    depmod(request.modules.parents[2])
    return data


def modules(image: Archive) -> set[str]:
    return {
        path.removeprefix(FOLDER) for path in image.entries if "/kernel/" in path and ".ko" in path
    }


def shown(image: Archive, folder: Path, *names: str) -> list[str]:
    """Return the files that modprobe of this machine would load from the image."""
    unpack(image, folder)
    command = ["/sbin/modprobe", "-d", str(folder), "-S", VERSION, "--show-depends", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [line.split(f"{VERSION}/", 1)[1].split()[0] for line in done.stdout.splitlines()]


def test_the_kernel_only_copies_the_modules(generic: BuildRequest, tmp_path: Path) -> None:
    image = read_archive(build(generic).output)
    assert [segment.compression for segment in image.segments] == ["none", "zstd"]
    assert {f"{path}.zst" for path in PATHS} == modules(image)
    for path in PATHS:
        assert image.origins[f"{FOLDER}{path}.zst"].segment == 0
        data = image.read(f"{FOLDER}{path}.zst")
        plain = subprocess.run(["zstd", "-dcq"], input=data, capture_output=True, check=True).stdout
        assert plain == (generic.modules / path).read_bytes()
    assert not image.warnings
    assert shown(image, tmp_path / "root", "raid1") == [
        "kernel/drivers/md/md-mod.ko.zst", "kernel/drivers/md/raid1.ko.zst"
    ]  # fmt: skip


def test_what_follows_the_modules_lies_where_scripts_look_for_it(generic: BuildRequest) -> None:
    image = read_archive(build(generic).output)
    assert image.segments[1].offset % 512 == 0


def test_the_same_modules_give_the_same_bytes(generic: BuildRequest) -> None:
    first = build(generic).output.read_bytes()
    assert build(generic).output.read_bytes() == first


def test_the_distributions_compression_stays(generic: BuildRequest, tmp_path: Path) -> None:
    of_distribution(generic, "kernel/drivers/md/raid1.ko")
    image = read_archive(build(generic).output)
    name = "kernel/drivers/md/raid1.ko.xz"
    assert image.read(FOLDER + name) == (generic.modules / name).read_bytes()
    assert name in shown(image, tmp_path / "root", "raid1")


def test_a_host_only_image_holds_plain_modules(generic: BuildRequest, tmp_path: Path) -> None:
    """All of them are loaded: one stream for all compresses best."""
    data = of_distribution(generic, "kernel/drivers/md/raid1.ko")
    image = read_archive(build(replace(generic, separate_modules=False)).output)
    assert [segment.compression for segment in image.segments] == ["zstd"]
    assert image.read(f"{FOLDER}kernel/drivers/md/raid1.ko") == data
    assert "kernel/drivers/md/raid1.ko" in shown(image, tmp_path / "root", "raid1")


def test_xz_is_the_method_of_an_xz_image(generic: BuildRequest) -> None:
    image = read_archive(build(replace(generic, compression="xz", level=None)).output)
    data = image.read(f"{FOLDER}kernel/drivers/md/raid1.ko.xz")
    assert read_module(data).depends == ("md_mod",)
    # The kernel's own decompressor knows no other check (Documentation/staging/xz.rst).
    assert lzma.LZMADecompressor().decompress(data) and data[7] == lzma.CHECK_CRC32


@pytest.mark.parametrize("compression", ["gzip", "lz4", "none"])
def test_another_compression_leaves_zstd_for_modules(
    generic: BuildRequest, compression: str
) -> None:
    image = read_archive(build(replace(generic, compression=compression, level=None)).output)
    assert {f"{path}.zst" for path in PATHS} == modules(image)


def test_modules_stay_plain_if_kmod_cannot_unpack(
    generic: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "method_for", lambda _: "")
    assert modules(read_archive(build(generic).output)) == set(PATHS)


def test_a_folder_without_room_for_compressed_modules_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules := tmp_path / "modules").mkdir()
    for number in range(8):
        (modules / f"{number}.ko").write_bytes(os.urandom(100_000))
    index = ModuleIndex(modules, {}, {}, {}, frozenset(), {}, {}, frozenset())
    (full := tmp_path / "full").mkdir()
    monkeypatch.setenv("TMPDIR", str(full))
    with mounted_tmpfs(full, 300_000), pytest.raises(NoScratchError) as caught:
        monkeypatch.setattr(tempfile, "tempdir", None)
        packed.compressed(index, [f"{number}.ko" for number in range(8)], "zstd", None)
    need = "has no room for temporary files, which need 1 MB: TMPDIR=FOLDER names another place"
    assert str(caught.value) == f"{full} {need}"


def test_udev_loads_no_idle_driver(generic: BuildRequest, tmp_path: Path) -> None:
    """Not tun, which no device asks for; qed comes along with the disk adapter qedf."""
    image = read_archive(build(generic).output)
    entry = image.get(IDLE)
    assert isinstance(entry, File)
    assert entry.read() == b"blacklist e1000\nblacklist qed\n"
    unpack(image, root := tmp_path / "root")
    # kmod of this machine with the image's configuration and modules.
    command = [
        "/sbin/modprobe",
        "-d",
        str(root),
        "-S",
        VERSION,
        "-C",
        f"{root}{IDLE}",
        "--show-depends",
    ]
    device = "pci:v00008086d00001000sv0"
    blocked = subprocess.run([*command, "-b", device], capture_output=True, text=True, check=False)
    assert "e1000" not in blocked.stdout
    by_name = subprocess.run([*command, "e1000"], capture_output=True, text=True, check=True)
    assert "e1000.ko.zst" in by_name.stdout
    disk = [*command, "-b", "pci:v00001077d00008165sv0"]
    with_dependency = subprocess.run(disk, capture_output=True, text=True, check=True)
    assert "qed.ko.zst" in with_dependency.stdout and "qedf.ko.zst" in with_dependency.stdout


def test_udev_loads_no_driver_of_the_network_until_a_boot_asks_for_one(
    generic: BuildRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PID 1 removes the file then (R15: a machine whose root needs no network sets none up)."""
    network = replace(generic, recipe_idle=(), recipe_network=("drivers/net/",))
    image = read_archive(build(network).output)
    assert image.get(IDLE) is None
    assert image.read(IDLE_NETWORK) == b"blacklist e1000\nblacklist qed\n"
    assert coldplug.IDLE_NETWORK == IDLE_NETWORK
    file = tmp_path / "idle.conf"
    file.write_bytes(image.read(IDLE_NETWORK))
    monkeypatch.setattr(coldplug, "IDLE_NETWORK", str(file))
    assert coldplug.wake_network()
    assert not file.exists()
    assert not coldplug.wake_network()


def test_a_name_is_idle_in_the_folder_of_another_group(generic: BuildRequest) -> None:
    request = replace(generic, recipe_idle=("e1000",), recipe_drivers=("e1000", "drivers/net/"))
    assert read_archive(build(request).output).read(IDLE) == b"blacklist e1000\n"


def test_a_driver_that_the_user_names_is_not_idle(generic: BuildRequest) -> None:
    image = read_archive(build(replace(generic, drivers=("e1000",))).output)
    assert image.read(IDLE) == b"blacklist qed\n"


def test_the_other_commands_read_compressed_modules(
    generic: BuildRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = build(generic).output
    plain = build(
        replace(generic, separate_modules=False, output=tmp_path / "plain", recipe_idle=())
    ).output
    assert main(["ls", str(image), "*raid1*"]) == 0
    assert "raid1.ko.zst" in capsys.readouterr().out
    assert main(["inspect", str(image)]) == 0
    assert "kernel modules" in capsys.readouterr().out
    assert main(["why", str(image), f"{FOLDER}kernel/drivers/net/mii.ko.zst"]) == 0
    assert "e1000" in capsys.readouterr().out
    main(["diff", str(image), str(plain)])
    out = capsys.readouterr().out
    assert "breaks" not in out and "modules gone" not in out


@pytest.mark.parametrize("compression", ["zstd", "gzip", "xz", "lz4", "none"])
def test_a_boot_loader_may_append_an_archive(
    generic: BuildRequest, tmp_path: Path, compression: str
) -> None:
    """The stream of lz4 has no end of its own."""
    image = build(replace(generic, compression=compression, level=None)).output
    cpio.append(image, [cpio.segment({"/appended": b"data"})], tmp_path / "both")
    assert read_archive(tmp_path / "both").read("/appended") == b"data"
