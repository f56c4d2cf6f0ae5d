"""What a machine may have in place of a file in /etc or /boot: as if there were none (R38)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.image.build.uki import default_cmdline
from initpy.image.content import keymaps
from initpy.image.content.identity import read_hostname
from initpy.image.stack.commandlines import FOR_ALL, GRUB, SYSLINUX, command_lines
from initpy.image.stack.hibernated import told
from initpy.image.stack.system import Running

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
