"""The command lines of boot loaders are found, and the right one is chosen for an image."""

from pathlib import Path

import pytest
from fake_system import FakeSystem, nested
from hypothesis import given
from hypothesis import strategies as st

from initpy.image.build.uki import default_cmdline
from initpy.image.formats.cmdline import without_comments
from initpy.image.stack.bootlines import CommandLine, chosen
from initpy.image.stack.commandlines import command_lines
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
        ("../initramfs-linux.img",), "syslinux",
    )  # fmt: skip
    two = line(found, "x.img", "6.1.0-test")
    assert two is not None
    assert (two.text, two.images) == ("root=UUID=two", ("/two.img",))


def test_what_is_for_all_kernels_comes_after_entries_and_before_the_running_system() -> None:
    found = system(**{
        "/proc/cmdline": "root=UUID=running\n",
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
             "/boot/extlinux/extlinux.conf", "/etc/kernel/cmdline", "/proc/cmdline",
             "/etc/zipl.conf", "/etc/kernel/uki.conf", "/etc/cmdline.d/a.conf")  # fmt: skip
    for path in paths:
        command_lines(system(**{path: text}))
        command_lines(system(**{path: f"linux {text}\noptions {text}\nlabel {text}"}))


def test_a_stack_file_has_them() -> None:
    found = nested()
    found.texts["/boot/grub/grub.cfg"] = GRUB
    stack = describe("/", found)
    assert len(stack.command_lines) == 5
    assert Stack.from_json(stack.to_json(), "it") == stack


KERNEL = "6.1.0-56-amd64"
LINUX = f"linux /vmlinuz-{KERNEL} root=UUID="
INITRD = f"initrd /initrd.img-{KERNEL}"
REPORTED = {
    # A variable whose name begins as GRUB's own `root`.
    f"set root='hd0,gpt2'\nset rootuuid=77\n{LINUX}${{rootuuid}} ro\n{INITRD}\n": "root=UUID=77 ro",
    f"initrd /initrd.img-{KERNEL}\n{LINUX}1\n": "root=UUID=1",
    f"\ufeff{LINUX}1\r\n{INITRD}\r\n": "root=UUID=1",
    f"menuentry 'a \x85 b' {{\n{LINUX}1 ro\n{INITRD}\n}}\n": "root=UUID=1 ro",
}


@pytest.mark.parametrize("text", REPORTED)
def test_configurations_of_grub_that_users_reported(text: str) -> None:
    found = system(**{"/boot/grub/grub.cfg": text})
    line = chosen(command_lines(found), f"initrd.img-{KERNEL}", KERNEL)
    assert line is not None
    assert line.text == REPORTED[text]


@pytest.mark.parametrize(
    ("path", "text", "root"),
    [
        ("/boot/loader/loader.conf", "timeout 3\ndefault a.conf\n", "a"),
        ("/boot/loader/loader.conf", "default a*\n", "a"),
        ("/boot/loader/loader.conf", "#default a.conf\n", "z"),
        ("/boot/loader/loader.conf", "default @saved\n", "z"),
        ("/boot/grub2/grubenv", "saved_entry=a\n", "a"),
        ("/boot/loader/loader.conf", "default c.conf\n", "c"),
    ],
)
def test_of_several_entries_with_an_image_the_default_one_is_judged(
    path: str, text: str, root: str
) -> None:
    entry = "linux /vmlinuz-linux\ninitrd /initramfs-linux.img\noptions root=LABEL="
    names = {"a": "a.conf", "c": "c+2-1.conf", "z": "z.conf"}
    files = {f"/boot/loader/entries/{name}": f"{entry}{key}\n" for key, name in names.items()}
    line = chosen(command_lines(system(**files, **{path: text})), "initramfs-linux.img", "linux")
    assert line is not None
    assert line.text == f"root=LABEL={root}"


def test_the_links_of_debian_in_the_place_of_names() -> None:
    found = system(**{
        "/boot/grub/grub.cfg": "linux /vmlinuz root=LABEL=x\ninitrd /initrd.img\n",
        f"/boot/vmlinuz-{KERNEL}": "", f"/boot/initrd.img-{KERNEL}": "",
    })  # fmt: skip
    found.links = {"/vmlinuz": f"/boot/vmlinuz-{KERNEL}",
                   "/initrd.img": f"/boot/initrd.img-{KERNEL}"}  # fmt: skip
    for image in (f"initrd.img-{KERNEL}", "initpy.img"):
        line = chosen(command_lines(found), image, KERNEL)
        assert line is not None
        assert line.text == "root=LABEL=x"
    assert chosen(command_lines(found), "other.img", "6.1.0-50-amd64") is None


def test_a_quotation_in_the_options_of_refind() -> None:
    text = '"Boot" "root=""LABEL=a b"" rw"\n# "No" "root=x"\n'
    (line,) = command_lines(system(**{"/boot/refind_linux.conf": text}))
    assert line.text == 'root="LABEL=a b" rw'


def test_the_older_configuration_of_limine() -> None:
    text = (
        "TIMEOUT=3\n:Arch\nPROTOCOL=linux\nKERNEL_PATH=boot:///vmlinuz-linux\n"
        "CMDLINE=root=UUID=1 rw\nMODULE_PATH=boot:///initramfs-linux.img\n"
    )
    (line,) = command_lines(system(**{"/boot/limine.cfg": text}))
    assert (line.text, line.images) == ("root=UUID=1 rw", ("/initramfs-linux.img",))


def test_the_command_line_in_the_folder_of_mkinitcpio(tmp_path: Path) -> None:
    (tmp_path / "root.conf").write_text("# mine\nroot=LABEL=x\n")
    (tmp_path / "zz.conf").write_text("quiet\n")
    (tmp_path / "old.txt").write_text("root=LABEL=y\n")
    (tmp_path / "folder.conf").mkdir()
    assert default_cmdline([tmp_path / "none"], tmp_path) == "root=LABEL=x quiet"
    (tmp_path / "cmdline").touch()  # empty: there is none
    assert default_cmdline([tmp_path / "cmdline"], tmp_path) == ""


ZIPL = """# s390x
[defaultboot]
defaultmenu = menu
:menu
target = /boot
1 = old
2 = debian
default = 2
[old]
image = /boot/vmlinuz-5.10.0-test,0x10000
parameters = 'root=LABEL=old'
[debian]
target = /boot
image = /boot/vmlinuz
ramdisk = /boot/initrd.img,0x1000000
parmfile = /boot/parm
parameters = "root=LABEL=x ro"
[dump]
dumpto = /dev/dasdb1
"""


@pytest.mark.parametrize(("image", "text"), [
    (f"initrd.img-{KERNEL}", "cio_ignore=all,!condev root=LABEL=x ro"), ("other.img", ""),
])  # fmt: skip
def test_the_entries_of_zipl(image: str, text: str) -> None:
    found = system(**{
        "/etc/zipl.conf": ZIPL, "/boot/parm": "cio_ignore=all,!condev\n",
        f"/boot/vmlinuz-{KERNEL}": "", f"/boot/initrd.img-{KERNEL}": "",
    })  # fmt: skip
    found.links = {"/boot/vmlinuz": f"/boot/vmlinuz-{KERNEL}",
                   "/boot/initrd.img": f"/boot/initrd.img-{KERNEL}"}  # fmt: skip
    assert [each.origin for each in command_lines(found)] == [
        "/etc/zipl.conf (debian)", "/etc/zipl.conf (old)",
    ]  # fmt: skip
    by_image = chosen(command_lines(found), image, "6.0")
    assert (by_image.text if by_image else "") == text
    old = chosen(command_lines(found), "other.img", "5.10.0-test")
    assert old is not None
    assert old.text == "root=LABEL=old"


@pytest.mark.parametrize(
    ("files", "text", "origin"),
    [
        ({"/etc/kernel/uki.conf": "[UKI]\nCmdline= root=LABEL=x  ro # mine\n"},
         "root=LABEL=x ro", "/etc/kernel/uki.conf"),
        ({"/etc/kernel/uki.conf": "[UKI]\nCmdline=@/etc/w\n", "/etc/w": "root=LABEL=x\n#a\n"},
         "root=LABEL=x #a", "/etc/kernel/uki.conf"),
        ({"/etc/kernel/uki.conf": "[UKI]\nSplash=/x\n", "/usr/lib/systemd/ukify.conf":
          "[UKI]\nCmdline=root=LABEL=y\n"}, "root=LABEL=y", "/usr/lib/systemd/ukify.conf"),
        ({"/etc/kernel/uki.conf": "Cmdline=root=LABEL=x\n", "/etc/cmdline.d/b.conf": "quiet",
          "/etc/cmdline.d/a.conf": "# mine\nroot=LABEL=z\n"}, "root=LABEL=z quiet",
         "/etc/cmdline.d/*.conf"),
        # 60-ukify.install passes this one, and ukify then ignores its own.
        ({"/etc/kernel/uki.conf": "[UKI]\nCmdline=root=LABEL=x\n", "/etc/kernel/cmdline":
          "root=LABEL=k\n"}, "root=LABEL=k", "/etc/kernel/cmdline"),
    ],
)  # fmt: skip
def test_the_command_line_of_unified_images(files: dict[str, str], text: str, origin: str) -> None:
    line = chosen(command_lines(system(**files, **{"/proc/cmdline": "root=old"})), "i.img", KERNEL)
    assert line is not None
    assert (line.text, line.origin) == (text, origin)


ARMBIAN = "verbosity=1\nrootdev=UUID=1\nrootfstype=ext4\nextraargs=quiet cma=64M\n# rootdev=x\n"
KBOOT = """default=b
a='/vmlinux initrd=/a.img root=LABEL=a'
b="sda2:/boot/v initrd=/b.img root=LABEL=b"
"""


@pytest.mark.parametrize(
    ("files", "text", "images"),
    [
        ({"/boot/armbianEnv.txt": ARMBIAN}, "root=UUID=1 rootfstype=ext4 quiet cma=64M", ()),
        ({"/boot/armbianEnv.txt": "verbosity=1\n"}, "", ()),  # it names no root
        ({"/boot/uEnv.txt": "uuid=1-2\ncmdline=quiet net.ifnames=0\n"},
         "root=UUID=1-2 quiet net.ifnames=0", ()),
        ({"/boot/uEnv.txt": "mmcroot=/dev/mmcblk1p1 ro\noptargs=x\n"},
         "root=/dev/mmcblk1p1 ro x", ()),
        ({"/boot/uEnv.txt": "bootargs=root=${root} quiet\n"}, "", ()),  # only U-Boot knows
        ({"/etc/default/flash-kernel":
          'LINUX_KERNEL_CMDLINE="quiet"\nLINUX_KERNEL_CMDLINE_DEFAULTS="root=LABEL=r"\n'},
         "root=LABEL=r quiet", ()),
        ({"/etc/default/flash-kernel": 'LINUX_KERNEL_CMDLINE="quiet"\n'}, "", ()),
        ({"/etc/kboot.conf": KBOOT}, "root=LABEL=b", ("/b.img",)),
        ({"/boot/firmware/config.txt": "[pi4]\ncmdline=no.txt\n[all]\ncmdline=x.txt\n",
          "/boot/firmware/x.txt": "console=serial0 root=LABEL=pi\n",
          "/boot/firmware/cmdline.txt": "root=LABEL=other\n"},
         "console=serial0 root=LABEL=pi", ()),
    ],
)  # fmt: skip
def test_the_command_lines_of_boards(
    files: dict[str, str], text: str, images: tuple[str, ...]
) -> None:
    found = command_lines(system(**files))
    assert [(each.text, each.images) for each in found[:1]] == ([(text, images)] if text else [])
