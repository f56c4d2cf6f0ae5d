"""Debian 12's own kernel-install (systemd 252) with our plugin (R29)."""

import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chroot import Chroot, Done, for_one_test
from kernelpackage import VERSION, add_module, make_kernel
from rootstack import EXT4_ON_VIRTIO, QUICK

from initpy.image.build.uki import find_stub

ENTRY = f"/boot/token/{VERSION}"
LOADER = f"/boot/loader/entries/token-{VERSION}.conf"
KERNEL = f"/boot/vmlinuz-{VERSION}"


@pytest.fixture
def chroot(tmp_path: Path) -> Iterator[Chroot]:
    yield from for_one_test(tmp_path)


@pytest.fixture
def system(chroot: Chroot) -> Chroot:
    """A Debian with a kernel and a boot partition of the type #1 of the boot loader specification.

    It stands on a virtio disk whose driver is not there: nothing can be installed yet.
    """
    make_kernel(chroot.shared / "kernel", external=("virtio_blk",))
    chroot.run("cp", "-r", "/mnt/kernel/boot/.", "/boot")
    chroot.run("cp", "-r", "/mnt/kernel/lib/.", "/usr/lib")
    chroot.run("mkdir", "-p", "/boot/token")
    chroot.write("/etc/kernel/entry-token", "token\n")
    chroot.write("/etc/kernel/cmdline", "root=/dev/vda\n")
    chroot.write("/etc/initpy/stack.json", EXT4_ON_VIRTIO)
    chroot.write("/etc/initpy/root.toml", 'stack = "/etc/initpy/stack.json"\n' + QUICK)
    return chroot


def build_module(system: Chroot) -> None:
    add_module(system, "virtio_blk", alias="virtio:d00000002v*")


def add(system: Chroot, *more: str, accept: int = 0) -> Done:
    return system.run("kernel-install", "--verbose", "add", VERSION, KERNEL, *more, accept=accept)


def put_plugin(system: Chroot, name: str, action: str) -> None:
    """A plugin that acts when a kernel is added; it replaces one of systemd's of the same name."""
    path = f"/etc/kernel/install.d/{name}.install"
    system.write(path, f'#!/bin/sh\n[ "$1" = add ] || exit 0\n{action}\n')
    system.run("chmod", "+x", path)


def entry(system: Chroot) -> str:
    return system.run("cat", LOADER).output


def test_a_kernel_is_added_with_our_image_and_removed(system: Chroot) -> None:
    build_module(system)
    done = add(system)
    # Up to systemd 252 it is told on stdout, later on stderr.
    assert "50-initpy.install add" in done.output + done.errors
    assert "initpy: making" in done.output and "it boots /" in done.output
    assert system.names(ENTRY) == ["initrd", "linux"]
    assert f"initrd     {ENTRY}/initrd\n" in entry(system)
    stack = ("--stack", "/etc/initpy/stack.json", "--kernel", VERSION)
    system.run("initpy", "check", f"{ENTRY}/initrd", *stack)
    assert system.names("/tmp") == []
    system.run("kernel-install", "remove", VERSION)
    assert not system.exists(ENTRY) and not system.exists(LOADER)


def test_a_root_that_cannot_be_booted_yet_stops_it_cleanly(system: Chroot) -> None:
    """R28: the module of the root's driver was not built yet; what was there stays."""
    system.write(f"{ENTRY}/initrd", "the old one")
    system.write(LOADER, "the old one")
    done = add(system)
    assert "virtio_blk" in done.errors and "nothing was installed" in done.errors
    assert system.run("cat", f"{ENTRY}/initrd").output == "the old one"
    assert entry(system) == "the old one"
    said = done.output + done.errors
    assert "90-loaderentry.install" not in said[said.index("virtio_blk") :]
    assert system.names("/tmp") == []
    build_module(system)
    add(system)
    assert f"initrd     {ENTRY}/initrd\n" in entry(system)


def test_another_failure_is_a_failure(system: Chroot) -> None:
    system.run(
        "rm", f"/lib/modules/{VERSION}/modules.dep", "/usr/lib/kernel/install.d/50-depmod.install"
    )
    system.write("/etc/initpy/broken.toml", "modules = 3\n")
    done = add(system, accept=2)
    assert "/etc/initpy/broken.toml:1: modules: 3: expected a list" in done.errors
    assert not system.exists(LOADER)


def test_only_where_the_image_is_ours_to_make(system: Chroot) -> None:
    """In none of these is anything built: it would fail."""
    system.write("/etc/kernel/install.conf", "layout=other\n")
    assert "layout 'other' has no place" in add(system).output
    system.write("/etc/kernel/install.conf", "layout=bls\ninitrd_generator=dracut\n")
    assert "initrd_generator is dracut" in add(system).output
    system.write("/etc/kernel/install.conf", "layout=bls\n")
    system.write("/boot/mine.img", "mine")
    assert "given on the command line" in add(system, "/boot/mine.img").output
    assert "mine.img" in entry(system)
    system.write(f"/boot/initrd.img-{VERSION}", "initramfs-tools made it")
    assert "another tool's initrd is there" in add(system).output
    assert f"initrd.img-{VERSION}" in entry(system)


def test_asked_for_it_ours_is_the_only_one(system: Chroot) -> None:
    """Of two images in an entry the kernel unpacks both, and the later /init wins."""
    build_module(system)
    system.write(f"/boot/initrd.img-{VERSION}", "initramfs-tools made it")
    system.write("/etc/kernel/install.conf", "layout=bls\ninitrd_generator=initpy\n")
    assert f"leaving out initrd.img-{VERSION}" in add(system).output
    assert system.names(ENTRY) == ["initrd", "linux"]
    assert entry(system).count("initrd ") == 1


def test_a_plugin_that_was_left_behind_does_nothing(system: Chroot) -> None:
    system.run("rm", "/usr/local/bin/initpy")
    add(system)
    assert system.names(ENTRY) == ["linux"]


def test_what_makes_a_unified_image_gets_ours(system: Chroot) -> None:
    """As 60-ukify.install of later systemds, which takes initrd* from the staging area."""
    build_module(system)
    system.write("/etc/kernel/install.conf", "layout=uki\n")
    # Debian 13's 55-initrd.install puts that of initramfs-tools there as well: it must not get in.
    put_plugin(system, "55-initrd", 'ln -s /boot/other "$KERNEL_INSTALL_STAGING_AREA/initrd.img-x"')
    packing = 'ls "$KERNEL_INSTALL_STAGING_AREA" >/boot/packed; cd "$KERNEL_INSTALL_STAGING_AREA"'
    put_plugin(system, "60-ukify", f"{packing}; echo unified >uki.efi")
    system.write("/etc/kernel/install.conf", "layout=uki\ninitrd_generator=initpy\n")
    add(system)
    assert system.run("cat", "/boot/packed").output == "initrd\n"


def test_a_kernel_that_is_a_unified_image_already_gets_no_other_initrd(system: Chroot) -> None:
    """The contract of systemd 253 and later; nothing is built here: it would fail."""
    system.run("mkdir", "/tmp/staging")
    done = system.run(
        "/usr/lib/kernel/install.d/50-initpy.install", "add", VERSION, ENTRY, KERNEL,
        KERNEL_INSTALL_LAYOUT="uki", KERNEL_INSTALL_STAGING_AREA="/tmp/staging",
        KERNEL_INSTALL_IMAGE_TYPE="uki", KERNEL_INSTALL_UKI_GENERATOR="initpy",
        KERNEL_INSTALL_VERBOSE="1", KERNEL_INSTALL_ENTRY_TOKEN="token",
    )  # fmt: skip
    assert "the kernel is a unified image already" in done.output
    assert system.names("/tmp/staging") == []


def test_a_unified_image_is_made_where_nobody_else_does(system: Chroot) -> None:
    """systemd 252 knows nothing of them: we put it in place and take it away."""
    system.write("/etc/kernel/install.conf", "layout=uki\n")
    stub = find_stub(platform.machine())
    shutil.copy(stub, system.shared)
    system.run("install", "-D", f"/mnt/{stub.name}", str(stub))
    assert "virtio_blk" in add(system).errors
    assert not system.exists("/boot/EFI")
    build_module(system)
    system.write("/etc/kernel/tries", "3\n")
    for _ in range(2):
        add(system)
        assert system.names("/boot/EFI/Linux") == [f"token-{VERSION}+3.efi"]
    made = f"/boot/EFI/Linux/token-{VERSION}+3.efi"
    stack = ("--stack", "/etc/initpy/stack.json", "--kernel", VERSION)
    system.run("initpy", "check", made, *stack)
    system.run("kernel-install", "remove", VERSION)
    assert system.names("/boot/EFI/Linux") == []
