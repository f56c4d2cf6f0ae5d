"""A kernel's configuration limits images: their compression, and the kind of /init."""

import lzma
from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules
from writing import archive_of

from initpy.config.errors import InputError
from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.image.check.check import prove
from initpy.image.check.configured_kernel import command_line
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.formats.compress import Packing, open_sink
from initpy.image.kernel.kernelconfig import read_kernel_config
from initpy.image.stack.bootlines import CommandLine
from initpy.image.stack.layers import Stack
from initpy.image.tree import File, Tree

USUAL = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_SCRIPT=y\nCONFIG_RD_ZSTD=y\nCONFIG_RD_XZ=y\n"
BRANCHES = "CONFIG_X86=y\nCONFIG_XZ_DEC_X86=y\n"
# Code that calls one function many times, for which xz's filter exists.
CALLS = b"".join(b"\xe8" + (0x7000 - 5 * at).to_bytes(4, "little") for at in range(4000))


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    return make_modules(tmp_path, [("kernel/drivers/md/raid1.ko", "")])


def configure(modules: Path, text: str) -> Path:
    """Write the configuration to Debian's path."""
    path = modules.parents[2] / f"boot/config-{VERSION}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("place", ["lib/modules/1/config", "boot/config-1", "usr/boot/config-1"])
@pytest.mark.parametrize("modules", ["lib/modules/1", "usr/lib/modules/1"])
def test_the_configuration_is_found_at_the_paths_of_distributions(
    tmp_path: Path, place: str, modules: str
) -> None:
    (tmp_path / modules).mkdir(parents=True)
    path = tmp_path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\nCONFIG_E=yy\n")
    found = read_kernel_config("1", tmp_path / modules)
    if place.startswith("usr/boot") or (place.startswith("lib") and modules.startswith("usr")):
        assert found is None
    else:
        assert found is not None and found.path == path
        assert found.built_in == {"A"}


def test_a_file_without_settings_is_no_configuration(modules: Path) -> None:
    (modules / "config").write_bytes(b"\x1f\x8b\0\xff")
    assert read_kernel_config(VERSION, modules) is None
    path = configure(modules, USUAL)
    found = read_kernel_config(VERSION, modules)
    assert found is not None and found.path == path


@pytest.fixture
def request_of(tmp_path: Path, modules: Path) -> BuildRequest:
    return BuildRequest(
        kernel=VERSION,
        modules=modules,
        output=tmp_path / "image",
        jobs=(),
        drivers=("raid1",),
        files=((tmp_path / "calls", "/usr/bin/calls"),),
        init=b"#!/bin/sh\n",
        python=False,
    )


def test_a_compression_that_the_kernel_lacks_is_rejected(
    request_of: BuildRequest, modules: Path
) -> None:
    path = configure(modules, USUAL)
    request_of.output.write_bytes(b"old")
    with pytest.raises(InputError, match="compression: 'lz4'") as caught:
        build(replace(request_of, compression="lz4"))
    assert f"the kernel supports: zstd, xz, none ({path})" in str(caught.value)
    assert request_of.output.read_bytes() == b"old"


@pytest.mark.parametrize("level", [None, 3])
def test_xz_uses_its_branch_filter_if_the_kernel_has_it(
    request_of: BuildRequest, modules: Path, tmp_path: Path, level: int | None
) -> None:
    (tmp_path / "calls").write_bytes(CALLS)
    request = replace(request_of, compression="xz", level=level)
    sizes = []
    for text in ("", USUAL, USUAL + BRANCHES):
        configure(modules, text)
        report = build(request)
        sizes.append(report.size)
        assert read_archive(report.output).read("/usr/bin/calls") == CALLS
    assert sizes[0] == sizes[1] > sizes[2] + 2000


def test_the_filter_is_part_of_the_stream(tmp_path: Path) -> None:
    for branches in (False, True):
        with (tmp_path / "image").open("wb") as output:
            sink = open_sink(output, Packing("xz", None, branches), len(CALLS))
            sink.write(CALLS)
            sink.finish()
        data = (tmp_path / "image").read_bytes()
        assert lzma.decompress(data) == CALLS
        assert (
            data[13] & 3 == branches
        )  # the number of filters besides LZMA2 (xz-file-format, 3.1.2)


def kernel_rows(image: Archive, modules: Path) -> list[Row]:
    stack = Stack("/", VERSION, "x86_64", (), ())
    found = prove(image, stack, VERSION, modules=modules, run=False)
    return [row for row in found.rows if row.need == "kernel"]


def test_the_check_reads_the_configuration(request_of: BuildRequest, modules: Path) -> None:
    build(replace(request_of, files=()))
    image = read_archive(request_of.output)
    assert kernel_rows(image, modules) == []  # unknown
    path = configure(modules, USUAL)
    (row,) = kernel_rows(image, modules)
    assert (row.verdict, row.reason) == (Verdict.OK, f"unpacks zstd, by {path}")
    path.write_text("CONFIG_RD_GZIP=y\n")
    reasons = [row.reason for row in kernel_rows(image, modules)]
    assert reasons == [
        f"it supports no initramfs: no CONFIG_BLK_DEV_INITRD=y in {path}",
        f"it does not support zstd: no CONFIG_RD_ZSTD=y in {path}",
        f"it runs no scripts, and /init is a script: no CONFIG_BINFMT_SCRIPT=y in {path}",
    ]


def test_an_uncompressed_image_with_a_binary_init_needs_less(modules: Path, tmp_path: Path) -> None:
    path = configure(modules, "CONFIG_BLK_DEV_INITRD=y\n")
    tree = Tree()
    tree.add("/init", File(b"\x7fELF", 0o755))
    (row,) = kernel_rows(archive_of(tree, tmp_path / "image"), modules)
    assert row.reason == f"unpacks a plain archive, by {path}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# CONFIG_DEVTMPFS is not set\n", "it has no /dev: no CONFIG_DEVTMPFS=y"),
        ("# CONFIG_SIGNALFD is not set\n# CONFIG_TMPFS is not set\n", "udevd needs it"),
        ("# CONFIG_UNIX is not set\n", "control socket"),
        ("CONFIG_INITRAMFS_FORCE=y\n", "it takes no image of a boot loader"),
    ],
)
def test_a_kernel_that_lacks_what_each_boot_needs(
    text: str, words: str, modules: Path, tmp_path: Path
) -> None:
    configure(modules, USUAL + text)
    tree = Tree()
    tree.add("/init", File(b"\x7fELF", 0o755))
    rows = kernel_rows(archive_of(tree, tmp_path / "image"), modules)
    assert {row.verdict for row in rows} == {Verdict.MISSING}
    assert words in rows[0].reason


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("", "root=a", "root=a"),
        ('CONFIG_CMDLINE="quiet"\n# CONFIG_CMDLINE_BOOL is not set\n', "root=a", "root=a"),
        ('CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE="root=b quiet"\n', "root=a", "root=b quiet root=a"),
        ('CONFIG_CMDLINE_EXTEND=y\nCONFIG_CMDLINE="quiet"\n', None, None),
        (
            'CONFIG_CMDLINE_BOOL=y\nCONFIG_CMDLINE="root=b"\nCONFIG_CMDLINE_OVERRIDE=y\n',
            "root=a",
            "root=b",
        ),
        ('CONFIG_CMDLINE="root=b"\nCONFIG_CMDLINE_FORCE=y\n', None, "root=b"),
    ],
)
def test_a_kernel_with_a_command_line_of_its_own(
    text: str, line: str | None, expected: str | None, modules: Path
) -> None:
    configure(modules, USUAL + text)
    config = read_kernel_config(VERSION, modules)
    assert config is not None
    found = command_line(CommandLine(line, "x") if line is not None else None, config)
    assert (found.text if found is not None else None) == expected
