"""The command lines of boot loaders are found, and the right one is chosen for an image."""

from pathlib import Path

import pytest
from fake_system import FakeSystem, nested
from hypothesis import given
from hypothesis import strategies as st

from initpy.image.build.uki import default_cmdline
from initpy.image.formats.cmdline import without_comments
from initpy.image.stack.commandlines import CommandLine, chosen, command_lines
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack

GRUB = r"""
set timeout=5
function load_video { insmod all_video
}
menuentry 'Debian GNU/Linux' --class debian --class os $menuentry_id_option 'gnulinux-simple-7a0c' {
	load_video
	search --no-floppy --fs-uuid --set=root 1234
	echo	'Loading Linux 6.1.0-56-amd64 ...'
	linux	/vmlinuz-6.1.0-56-amd64 root=/dev/mapper/vg0-root ro  quiet $vt_handoff
	initrd	/initrd.img-6.1.0-56-amd64
}
submenu 'Advanced options' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-56-amd64 (recovery mode)' {
		linux	/vmlinuz-6.1.0-56-amd64 root=/dev/mapper/vg0-root ro single
		initrd	/initpy-6.1.0-56-amd64.img
	}
	menuentry 'initpy' {
		linux	/vmlinuz-6.1.0-56-amd64 root=UUID=7a0c ro "dyndbg=file a.c +p"
		initrd	/intel-ucode.img /initpy-6.1.0-56-amd64.img
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-50-amd64' {
		linux	/vmlinuz-6.1.0-50-amd64 root=UUID=old
	}
}
"""
ENTRY = """# made by kernel-install
title      Fedora Linux
version    6.8.9-300.fc40.x86_64
linux      /vmlinuz-6.8.9-300.fc40.x86_64
initrd     /initramfs-6.8.9-300.fc40.x86_64.img $tuned_initrd
options    root=UUID=fedora ro rootflags=subvol=root
options    $kernelopts
"""
SYSLINUX = """DEFAULT arch
LABEL arch
    LINUX ../vmlinuz-linux
    APPEND root=/dev/sda3 rw
    INITRD ../initramfs-linux.img
LABEL two
    KERNEL /vmlinuz-6.1.0-test
    APPEND initrd=/two.img root=UUID=two
"""


def system(**files: str) -> FakeSystem:
    found = FakeSystem()
    found.texts |= files
    return found


def line(found: FakeSystem, image: str, kernel: str, base: str = "") -> CommandLine | None:
    return chosen(command_lines(found, base), image, kernel)


@pytest.mark.parametrize(
    ("image", "kernel", "text", "origin"),
    [
        # By the image: the recovery entry is not the one that a user starts by default.
        (
            "initpy-6.1.0-56-amd64.img",
            "6.1.0-56-amd64",
            'root=UUID=7a0c ro "dyndbg=file a.c +p"',
            "initpy",
        ),
        ("other.img", "6.1.0-56-amd64", "root=/dev/mapper/vg0-root ro quiet", "Debian GNU/Linux"),
        ("other.img", "6.1.0-50-amd64", "root=UUID=old", "with Linux 6.1.0-50-amd64"),
    ],
)  # fmt: skip
def test_grub(image: str, kernel: str, text: str, origin: str) -> None:
    found = line(system(**{"/boot/grub/grub.cfg": GRUB}), image, kernel)
    assert found is not None
    assert found.text == text
    assert found.origin.startswith("/boot/grub/grub.cfg (")
    assert origin in found.origin


@pytest.mark.parametrize("boot", ["/boot", "/efi", "/boot/efi"])
def test_an_entry_of_type_1_with_a_variable_of_grub(boot: str) -> None:
    files = {
        f"{boot}/loader/entries/abc-6.8.9.conf": ENTRY,
        "/boot/grub2/grubenv": "# GRUB Environment Block\nkernelopts=rhgb quiet\n####",
    }
    found = line(system(**files), "initpy.img", "6.8.9-300.fc40.x86_64")
    assert found is not None
    assert found.text == "root=UUID=fedora ro rootflags=subvol=root rhgb quiet"
    assert found.origin == f"{boot}/loader/entries/abc-6.8.9.conf"


def test_syslinux() -> None:
    found = system(**{"/boot/syslinux/syslinux.cfg": SYSLINUX})
    assert line(found, "initramfs-linux.img", "6.9") == CommandLine(
        "root=/dev/sda3 rw", "/boot/syslinux/syslinux.cfg (arch)", "../vmlinuz-linux",
        ("../initramfs-linux.img",),
    )  # fmt: skip
    two = line(found, "x.img", "6.1.0-test")
    assert two is not None
    assert (two.text, two.images) == ("root=UUID=two", ("/two.img",))


def test_what_is_for_all_kernels_comes_after_entries_and_before_the_running_system() -> None:
    found = system(**{
        "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=UUID=running\n",
        "/etc/kernel/cmdline": "root=UUID=kernel-install\n",
        "/boot/grub/grub.cfg": GRUB,
    })  # fmt: skip
    last = line(found, "x.img", "6.12.0")
    assert last is not None
    assert (last.text, last.origin) == ("root=UUID=kernel-install", "/etc/kernel/cmdline")
    del found.texts["/etc/kernel/cmdline"]
    last = line(found, "x.img", "6.12.0")
    assert last is not None
    assert last.origin == "/proc/cmdline"
    assert line(found, "x.img", "6.12.0", "/mnt") is None


COMMENTED = """# root=UUID=old
root=UUID=new ro # quiet rd.break
  #nomodeset
rd.luks.options="a # b",discard

console=ttyS0#x
"""


def test_comments_and_several_lines_of_the_file_of_kernel_install(tmp_path: Path) -> None:
    wanted = 'root=UUID=new ro rd.luks.options="a # b",discard console=ttyS0#x'
    assert without_comments(COMMENTED) == wanted
    (tmp_path / "cmdline").write_text(COMMENTED)
    assert default_cmdline([tmp_path / "cmdline"]) == wanted


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    without_comments(text)
    paths = ("/boot/grub/grub.cfg", "/boot/grub/grubenv", "/boot/loader/entries/a.conf",
             "/boot/extlinux/extlinux.conf", "/etc/kernel/cmdline", "/proc/cmdline")  # fmt: skip
    for path in paths:
        command_lines(system(**{path: text}))
        command_lines(system(**{path: f"linux {text}\noptions {text}\nlabel {text}"}))


def test_a_stack_file_has_them() -> None:
    found = nested()
    found.texts["/boot/grub/grub.cfg"] = GRUB
    stack = describe("/", found)
    assert len(stack.command_lines) == 5
    assert Stack.from_json(stack.to_json(), "it") == stack
