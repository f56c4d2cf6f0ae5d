"""Nothing that a machine has in /etc ends a build in a traceback (R38).

Each file that the builder reads is any bytes here: a name in Latin-1, a file cut short, a binary.
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_system import nested
from hypothesis import given
from hypothesis import strategies as st

from initpy.config.crypttab import parse_crypttab
from initpy.config.errors import InputError
from initpy.config.fstab import parse_fstab
from initpy.config.image import load_image_config
from initpy.config.keyboard import layout_of
from initpy.config.network.iscsi import default_parameters
from initpy.config.project import PROJECT
from initpy.config.settings import read_settings
from initpy.image.build.assembly import Assembly
from initpy.image.build.uki import default_cmdline, os_release
from initpy.image.content import fonts, layout, mdadmconf, udev
from initpy.image.content.identity import identity_of, lvm_files, read_hostname
from initpy.image.content.keys import crypttab_warnings
from initpy.image.content.recipe import load_recipe
from initpy.image.content.reduced import crypttab, lvm_conf, lvm_settings, modprobe_conf
from initpy.image.formats.elf import configured_folders
from initpy.image.formats.microcode import this_processor
from initpy.image.kernel.kernelconfig import read_kernel_config
from initpy.image.kernel.kmod import read_index
from initpy.image.missing import IncompleteError
from initpy.image.stack.commandlines import command_lines
from initpy.image.stack.describe import StackError, describe
from initpy.image.stack.system import Running
from initpy.image.tree import File, Tree

LATIN = "Jürgen Müller".encode("latin-1")
LINES = [
    b"root:x:0:0:", b"disk:x:6:", b"include ", b"/usr/lib", b"PRETTY_NAME=", b"filter = [",
    b"blacklist ", b"softdep a pre: ", b"AUTO -all", b"ARRAY /dev/md0 UUID=", b"/dev/a /usr ext4 ",
    b"c UUID=x none ", b"recipe = ", b"CONFIG_A=", b"menuentry 'x' {", b"linux /vmlinuz ", b"\\\n",
    b'GROUP="', b'PROGRAM="', b"\0", b"#", LATIN, b"\xe2\x80\xa8", b"\x85", b"%s{}[]", b"= ", b"\t",
]  # fmt: skip
BYTES = st.one_of(
    st.binary(max_size=80),
    st.lists(st.one_of(st.sampled_from(LINES), st.binary(max_size=6)), max_size=12).map(b"".join),
    st.lists(st.sampled_from(LINES), max_size=8).map(b"\n".join),
)


def _text(path: Path) -> str:
    return path.read_text("utf-8", "surrogateescape")


def _rewritten(path: Path) -> None:
    """Do as a build does with the files that it reduces."""
    changes: tuple[Callable[[str], str], ...] = (
        lambda text: lvm_conf(text, own=False, portable=True),
        lambda text: mdadmconf.reduced(text, own=True, arrays=["a:b"], whole=False),
        lambda text: mdadmconf.reduced(text, own=False),
        lambda text: crypttab(text, {"c"}, others=True),
        lambda text: modprobe_conf(text, {"a"}, {"a"}),
    )
    for change in changes:
        assembly = Assembly()
        assembly.tree.add("/etc/x", File(path))
        before, after = assembly.rewrite("/etc/x", change)
        lvm_settings(before, after)
        mdadmconf.left_out(before, after)
    found = mdadmconf.read([path.read_text("utf-8", "replace")])
    found.permits(["/dev/sda"])
    found.assembles("1.2")


def _crypttab(path: Path) -> None:
    parse_crypttab("t", _text(path))
    tree = Tree()
    tree.add("/etc/crypttab", File(path))
    crypttab_warnings(tree)


def _accounts(path: Path) -> None:
    udev.account_lines(path, ["disk"]).encode("utf-8", "surrogateescape")


def _index(path: Path) -> None:
    (path.parent / "kernel").mkdir(exist_ok=True)
    (path.parent / "modules.dep").write_bytes(path.read_bytes())
    (path.parent / "config").write_bytes(path.read_bytes())
    with contextlib.suppress(IncompleteError):
        read_index(path.parent, [path])
    read_kernel_config("6.1", path.parent)


def _hostname(path: Path) -> None:
    (path.parent / "etc").mkdir(exist_ok=True)
    (path.parent / "etc/hostname").write_bytes(path.read_bytes())
    identity_of(read_hostname(str(path.parent)))
    [*lvm_files({"/etc/lvm/lvm.conf": _text(path)})]


def _described(path: Path) -> None:
    text = Running().text(str(path)) or ""
    for name in ("/etc/fstab", "/etc/crypttab", "/etc/hostname", "/proc/cmdline", "/proc/modules",
                 "/boot/grub/grub.cfg", "/boot/loader/entries/a.conf", "/proc/self/mountinfo",
                 "/run/udev/data/b9:127", "/proc/devices", "/boot/limine.cfg", "/boot/limine.conf",
                 "/boot/refind_linux.conf", "/boot/extlinux/extlinux.conf",
                 "/boot/loader/loader.conf", "/etc/crypttab.initramfs"):  # fmt: skip
        system = nested()
        system.texts[name] = text
        command_lines(system)
        try:
            describe("/", system)
        except StackError:
            continue


def _configuration(path: Path) -> None:
    for read in (lambda: load_image_config(path.parent, required=True), lambda: load_recipe(path)):
        try:
            read()
        except InputError as error:
            assert str(error)


def _console(path: Path) -> None:
    """Read the files of the console: layout and font are made of them."""
    text = _text(path)
    layout_of({"/etc/vconsole.conf": text, "/etc/default/keyboard": text})
    for place in ("vconsole.conf", "default/console-setup"):
        file = path.parent / "etc" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.read_bytes())
    fonts.collect(str(path.parent), [text], PROJECT / "rules")


def _targets(path: Path) -> None:
    read_settings("", defaults=default_parameters(_text(path)))


READERS: tuple[Callable[[Path], object], ...] = (
    _targets, _accounts, lambda path: udev.mentions([path]), configured_folders, layout.release,
    _rewritten, _crypttab, lambda path: parse_fstab(_text(path)), _index, _hostname, _described,
    _configuration, lambda path: default_cmdline([path]), lambda path: os_release([path]),
    this_processor, _console,
)  # fmt: skip


@given(BYTES, st.sampled_from(READERS))
def test_any_content_of_a_file_is_read(content: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as base:
        path = Path(base, "x.toml")
        path.write_bytes(content)
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_name_in_latin_1(read: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(b"root:x:0:0:" + LATIN + b"\ndisk:x:6:" + LATIN + b"\n")
    read(path)


def test_a_configuration_of_the_linker_that_includes_itself(tmp_path: Path) -> None:
    path = tmp_path / "ld.so.conf"
    path.write_bytes(b"include *.conf\ninclude /\n/opt/" + LATIN + b"\n")
    folders = configured_folders(path)
    assert [each.encode("utf-8", "surrogateescape") for each in folders] == [b"/opt/" + LATIN]
