"""Kernel, image and command line in one PE file that the real tools read (R27)."""

import argparse
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules

from initpy.cli import content, unified
from initpy.config.errors import InputError
from initpy.image.build import uki
from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.image.formats import pe
from initpy.image.formats.archive import read_archive
from initpy.image.formats.cpio import segment
from initpy.image.process import ToolError

RELEASE = "6.1.0-test"
STUB = uki.find_stub("x86_64")


def kernel(release: str = RELEASE) -> bytes:
    """Return the start of an x86 kernel with its version (Documentation/arch/x86/boot.rst)."""
    data = bytearray(0x400)
    data[:2] = b"MZ"
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", data, 0x20E, 0x100)
    text = f"{release} (someone@somewhere) #1 SMP\0".encode()
    data[0x300 : 0x300 + len(text)] = text
    return bytes(data)


@pytest.fixture
def wanted(tmp_path: Path) -> uki.Uki:
    linux = tmp_path / "vmlinuz"
    linux.write_bytes(kernel())
    return uki.Uki(STUB, linux, RELEASE, "root=LABEL=x quiet", b"ID=debian\nPRETTY_NAME=Debian\n")


def test_the_file_has_all_sections_and_is_read_back(wanted: uki.Uki, tmp_path: Path) -> None:
    initrd = segment({"/etc/x": b"content"})
    image = tmp_path / "image.efi"
    image.write_bytes(uki.compose(wanted, initrd))
    archive = read_archive(image)
    assert archive.read("/etc/x") == b"content"
    assert archive.sections[".cmdline"] == b"root=LABEL=x quiet\0"
    assert archive.sections[".uname"] == RELEASE.encode()
    assert archive.sections[".osrel"] == wanted.os_release
    assert archive.sections[".linux"] == kernel()
    assert archive.sections[".initrd"] == initrd


def test_the_real_tools_read_it(wanted: uki.Uki, tmp_path: Path) -> None:
    image = tmp_path / "image.efi"
    image.write_bytes(uki.compose(wanted, segment({"/etc/x": b"content" * 1000})))
    out = tmp_path / "cmdline"
    command = ["objcopy", "-O", "binary", "--only-section=.cmdline", str(image), str(out)]
    subprocess.run(command, check=True)
    assert out.read_bytes().rstrip(b"\0") == b"root=LABEL=x quiet"
    listed = subprocess.run(["objdump", "-h", image], capture_output=True, text=True, check=True)
    rows = [line.split() for line in listed.stdout.splitlines() if " ." in line]
    ends = 0
    for _, _, size, address, *_ in sorted(rows, key=lambda row: int(row[3], 16)):
        assert int(address, 16) >= ends, "sections overlap in memory"
        ends = int(address, 16) + int(size, 16)
    assert rows[-1][1] == ".linux"


def test_the_same_parts_give_the_same_bytes(wanted: uki.Uki) -> None:
    initrd = segment({"/etc/x": b"content"})
    assert uki.compose(wanted, initrd) == uki.compose(wanted, initrd)


def test_without_a_command_line_there_is_no_such_section(wanted: uki.Uki) -> None:
    data = uki.compose(replace(wanted, cmdline=""), segment({}))
    assert ".cmdline" not in pe.sections(memoryview(data))


def test_kernel_and_modules_must_have_the_same_release(wanted: uki.Uki) -> None:
    wanted.linux.write_bytes(kernel("6.2.0-other"))
    with pytest.raises(InputError, match=r"'6\.2\.0-other': expected kernel 6\.1\.0-test"):
        uki.compose(wanted, b"")
    wanted.linux.write_bytes(b"\x7fELF")
    with pytest.raises(InputError, match="CONFIG_EFI_STUB"):
        uki.compose(wanted, b"")
    wanted.linux.unlink()
    with pytest.raises(InputError, match="a readable kernel"):
        uki.compose(wanted, b"")


@pytest.mark.parametrize("cmdline", ["a\nb", "x" * 3000, "\x1b[31m"])
def test_a_command_line_is_one_line(wanted: uki.Uki, cmdline: str) -> None:
    with pytest.raises(InputError, match="one line of at most"):
        uki.compose(replace(wanted, cmdline=cmdline), b"")


def test_a_file_that_is_no_stub_is_rejected(wanted: uki.Uki, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="apt install systemd-boot-efi"):
        uki.compose(replace(wanted, stub=tmp_path / "none"), b"")
    for length in (2, 64, 200, 500):
        stub = tmp_path / "stub"
        stub.write_bytes(STUB.read_bytes()[:length])
        with pytest.raises(InputError, match="stub: byte"):
            uki.compose(replace(wanted, stub=stub), b"")


def test_sections_are_not_added_twice_or_without_room() -> None:
    stub = STUB.read_bytes()
    with pytest.raises(pe.DamagedPeError, match="a new section"):
        pe.append(stub, {".sbat": b"x"})
    with pytest.raises(pe.DamagedPeError, match="room for the headers"):
        pe.append(stub, {f".x{number}": b"x" for number in range(40)})


def test_a_kernel_is_found_next_to_its_modules(tmp_path: Path) -> None:
    modules = tmp_path / "lib/modules" / RELEASE
    modules.mkdir(parents=True)
    with pytest.raises(InputError, match="or --linux FILE"):
        uki.find_kernel(RELEASE, modules)
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / f"vmlinuz-{RELEASE}").touch()
    assert uki.find_kernel(RELEASE, modules) == tmp_path / "boot" / f"vmlinuz-{RELEASE}"
    (modules / "vmlinuz").touch()
    assert uki.find_kernel(RELEASE, modules) == modules / "vmlinuz"


@pytest.mark.parametrize("text", [b"", b"\n", b"VERSION_ID=1", "J=Müller\n".encode("latin-1")])
def test_a_system_without_a_name_has_an_entry_all_the_same(text: bytes, tmp_path: Path) -> None:
    """systemd-boot lists no image without one; os-release(5) may be empty or cut short."""
    path = tmp_path / "os-release"
    path.write_bytes(text)
    found = uki.os_release([path])
    assert found.startswith(text.rstrip())
    assert b"\nPRETTY_NAME=Linux\n" in found
    path.write_bytes(b"NAME=mine\n")
    assert uki.os_release([path]) == b"NAME=mine\n"


def test_the_command_line_of_kernel_install(tmp_path: Path) -> None:
    path = tmp_path / "cmdline"
    assert uki.default_cmdline((path,), tmp_path) == ""
    path.write_text("root=LABEL=x\nquiet\n")
    assert uki.default_cmdline((path,), tmp_path) == "root=LABEL=x quiet"


def test_options_override_the_configuration_and_that_overrides_kernel_install(
    wanted: uki.Uki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kernel-install").write_text("from=kernel-install\n")
    monkeypatch.setattr(
        unified, "default_cmdline", lambda: uki.default_cmdline((tmp_path / "kernel-install",))
    )
    folder = tmp_path / "etc-initpy"
    folder.mkdir()
    parser = argparse.ArgumentParser()
    content.configure_content(parser)

    def cmdline(*more: str) -> str:
        words = ["--uki", "--linux", str(wanted.linux), "--config", str(folder), *more]
        arguments = parser.parse_args(words)
        arguments.root = None
        found = content.requested(arguments).uki
        assert found is not None
        return found.cmdline

    with pytest.raises(InputError, match="--output: '': expected a path"):
        cmdline("--output", "")
    assert cmdline() == "from=kernel-install"
    (folder / "image.toml").write_text('cmdline = "from=configuration"\n')
    assert cmdline() == "from=configuration"
    assert cmdline("--cmdline", "from=parameter") == "from=parameter"
    assert cmdline("--cmdline", "") == ""  # none: the boot loader's applies


def test_unusable_keys_are_an_error(wanted: uki.Uki, tmp_path: Path) -> None:
    public = tmp_path / "public"
    signing = uki.Signing(tmp_path / "private", public)
    with pytest.raises(InputError, match=r"a public key \(PEM\)"):
        uki.compose(replace(wanted, signing=signing), b"")
    public.write_text("no key")
    with pytest.raises(ToolError, match="systemd-measure"):
        uki.compose(replace(wanted, signing=signing), b"")


def test_a_build_writes_a_uki(tmp_path: Path, wanted: uki.Uki) -> None:
    request = BuildRequest(
        kernel=VERSION,
        modules=make_modules(tmp_path / "kernel", [("kernel/drivers/md/raid1.ko", "")]),
        output=tmp_path / "image.efi",
        jobs=(),
        programs=("/bin/ls",),
        drivers=("raid1",),
        init=b"#!/bin/sh\n",
        python=False,
        level=1,
        uki=wanted,
    )
    report = build(request)
    archive = read_archive(report.output)
    assert archive.sections[".cmdline"].startswith(b"root=LABEL=x")
    assert "/usr/bin/ls" in archive
    first = report.output.read_bytes()
    build(request)
    assert report.output.read_bytes() == first
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
