"""What a machine may have in place of a file in /etc or /boot: as if there were none (R38)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_system import nested

from initpy.config.assignments import assignments
from initpy.config.errors import InputError
from initpy.config.image import load_image_config
from initpy.config.jobs import load_job_file
from initpy.config.project import PROJECT
from initpy.image.build import counters
from initpy.image.build.assembly import Assembly
from initpy.image.build.uki import default_cmdline
from initpy.image.content import fonts, keymaps
from initpy.image.content.identity import read_hostname
from initpy.image.content.needs import Wanted
from initpy.image.content.udev import account_lines, is_hidden
from initpy.image.formats.elf import configured_folders, multiarch_folders
from initpy.image.kernel.external import sources
from initpy.image.kernel.kernelconfig import read_kernel_config
from initpy.image.kernel.kmod import configuration, read_index
from initpy.image.stack.bootmenus import SYSLINUX
from initpy.image.stack.commandlines import FOR_ALL, GRUB, command_lines
from initpy.image.stack.hibernated import told
from initpy.image.stack.system import Running
from initpy.image.tree import File

FILES = (
    *FOR_ALL, *GRUB, *SYSLINUX, "/etc/hostname", "/etc/crypttab", "/etc/crypttab.initramfs",
    "/etc/fstab", "/etc/vconsole.conf", "/etc/default/keyboard", "/boot/loader/entries/a.conf",
    "/boot/grub2/grubenv", "/boot/limine.conf", "/boot/refind_linux.conf",
    "/etc/initramfs-tools/initramfs.conf", "/etc/initramfs-tools/conf.d/resume",
)  # fmt: skip


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


KINDS: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,  # to read it would take for ever
    "link to itself": _loop,
    "link to nothing": lambda path: path.symlink_to("/nonexistent/file"),
    "device without an end": lambda path: path.symlink_to("/dev/zero"),
    "empty file": Path.touch,
}


@pytest.mark.parametrize("kind", KINDS)
def test_something_else_in_place_of_each_file(kind: str, tmp_path: Path) -> None:
    for each in FILES:
        path = tmp_path / each.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        KINDS[kind](path)
    base, system = str(tmp_path), Running()
    texts = {system.text(f"{base}{each}") for each in FILES}
    assert texts == ({""} if kind == "empty file" else {None})
    assert not read_hostname(base)
    assert {each.text for each in command_lines(system, base)} <= {""}
    found = keymaps.collect(base, [])
    assert (found.entries, found.warnings) == ({}, [])
    assert told(system, base) in ("", "auto")
    assert default_cmdline([tmp_path / "etc/kernel/cmdline"], tmp_path) == ""


@pytest.mark.parametrize("kind", [each for each in KINDS if each not in ("folder", "empty file")])
def test_what_is_no_file_is_left_out_of_the_image_with_a_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "etc/nvme/hostnqn"
    path.parent.mkdir(parents=True)
    KINDS[kind](path)
    assembly = Assembly()
    assembly.add_own(str(tmp_path), ["/etc/nvme/hostnqn", "/etc/absent", "/etc/absent/*.link"])
    assembly.add_files((), [Wanted(str(path), "x.toml")])
    assert not assembly.missing and len(assembly.tree) == 0
    line = f"{path}: left out of the image, as it is neither a file nor a folder"
    assert assembly.warnings == ([] if "link" in kind else [line, line])


def _kernel_config(path: Path) -> object:
    path.rename(path.parent / "config")
    return read_kernel_config("6.1", path.parent)


def _dkms(path: Path) -> object:
    folder = path.parent / "zfs/2.1/source"
    folder.mkdir(parents=True)
    path.rename(folder / "dkms.conf")
    return sources(path.parent)


def _modprobe(path: Path) -> object:
    path.rename(path.with_suffix(".conf"))
    (found,) = configuration([path.parent])
    return read_index(_no_modules(path), [found]).soft


def _no_modules(path: Path) -> Path:
    folder = path.parent / "modules"
    folder.mkdir()
    return folder


def _toml(path: Path) -> object:
    for read in (lambda: load_image_config(path.parent), lambda: load_job_file(path)):
        try:
            read()
        except InputError as error:
            assert str(path) in str(error) or path.is_file()
    return None


READERS: dict[str, tuple[Callable[[Path], object], object]] = {
    "tries": (counters.configured, 0),
    "passwd": (lambda path: account_lines(path, ["disk"]), "\n"),
    "ld.so.conf": (configured_folders, ()),
    "kernel's config": (_kernel_config, None),
    "dkms.conf": (_dkms, ()),
    "modprobe.d": (_modprobe, {}),
    "x.toml": (_toml, None),
}


@pytest.mark.parametrize("kind", [each for each in KINDS if each != "empty file"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_read_is_a_file(name: str, kind: str, tmp_path: Path) -> None:
    """A pipe is never opened: that would take for ever; nor is a device without an end read."""
    path = tmp_path / "x.toml"
    KINDS[kind](path)
    read, expected = READERS[name]
    assert read(path) == expected


def test_a_line_of_a_megabyte_is_read_at_once() -> None:
    """What takes the square of the length, as shlex does, would take a minute for each file."""
    line = "a" * 1_000_000
    text = f"{line}=x\nKEYMAP=de\n"
    assert dict(assignments(text)) == {line: "x", "KEYMAP": "de"}
    system = nested()
    system.texts["/boot/grub/grub.cfg"] = (
        f"{line}\nmenuentry 'x' {{\nlinux /vmlinuz root=LABEL=x\n}}\n"
    )
    assert "root=LABEL=x" in [each.text for each in command_lines(system)]


def test_a_font_of_blanks(tmp_path: Path) -> None:
    path = tmp_path / "etc/default/console-setup"
    path.parent.mkdir(parents=True)
    path.write_text('FONT=" "\nFONTSIZE=" "\n')
    assert fonts.collect(str(tmp_path), [], PROJECT / "rules").warnings == []


def test_a_command_line_in_utf_16_is_no_list_of_letters(tmp_path: Path) -> None:
    path = tmp_path / "cmdline"
    path.write_bytes("root=LABEL=x quiet\r\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"cmdline: 'zero bytes': expected a command line in UTF"):
        default_cmdline([path])


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xef\xbb\xbfroot=LABEL=x\r\nquiet", "root=LABEL=x quiet"),
        (b"# old\nroot=LABEL=x # that\n#quiet\n\nrw\n", "root=LABEL=x rw"),
        (b'root="LABEL=a #1"\n', 'root="LABEL=a #1"'),
        (b"\n\n", ""),
    ],
)
def test_what_editors_leave_in_a_command_line(data: bytes, line: str, tmp_path: Path) -> None:
    path = tmp_path / "cmdline"
    path.write_bytes(data)
    assert default_cmdline([path]) == line


def test_a_name_with_a_zero_byte_exists_nowhere() -> None:
    system = Running()
    assert (system.text("/etc/a\0"), system.real("/dev/a\0"), system.names("/a\0")) == (
        None, None, ())  # fmt: skip
    assert system.output(["true", "a\0"]) is None
    assert system.luks("/dev/a\0") is None


def test_a_rule_of_udev_that_is_a_link_to_itself(tmp_path: Path) -> None:
    _loop(tmp_path / "60-block.rules")
    assert not is_hidden(tmp_path / "60-block.rules")
    (tmp_path / "null.rules").symlink_to("/dev/null")
    assert is_hidden(tmp_path / "null.rules")


def test_debians_libraries_are_found_without_ld_so_conf(tmp_path: Path) -> None:
    for folder in ("usr/lib/x86_64-linux-gnu", "usr/lib/i386-linux-gnu", "usr/lib/other"):
        (tmp_path / folder).mkdir(parents=True)
    found = [Path(each).relative_to(tmp_path).as_posix() for each in multiarch_folders(tmp_path)]
    assert found == ["usr/lib/i386-linux-gnu", "usr/lib/x86_64-linux-gnu"]


def test_a_link_to_null_hides_a_file_of_systemd_in_the_image(tmp_path: Path) -> None:
    """As on the real system: an interface keeps the kernel's name (systemd.link(5))."""
    folder = tmp_path / "etc/systemd/network"
    (folder / "10-lan.link.d").mkdir(parents=True)
    (folder / "99-default.link").symlink_to("/dev/null")
    (folder / "10-lan.link.d/a.conf").symlink_to("/dev/null")
    (folder / "10-lan.link.d/b.conf").write_text("[Link]\nName=lan0\n")
    (folder / "10-lan.link.d/c.conf").symlink_to("/nonexistent/file")
    assembly = Assembly()
    paths = ["/etc/systemd/network/*.link", "/etc/systemd/network/*.link.d"]
    assembly.add_own(str(tmp_path), paths)
    found = {path: entry.read() for path, entry in assembly.tree.items() if isinstance(entry, File)}
    assert found == {
        "/etc/systemd/network/99-default.link": b"",
        "/etc/systemd/network/10-lan.link.d/a.conf": b"",
        "/etc/systemd/network/10-lan.link.d/b.conf": b"[Link]\nName=lan0\n",
    }
    assert not assembly.warnings and not assembly.missing
