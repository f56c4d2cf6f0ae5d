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
    """Yield a Debian with a kernel and type #1 entries of the Boot Loader Specification.

    Its root needs virtio_blk, which the kernel lacks: no image can be installed yet.
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
    """Write a plugin that runs action for `add`; it replaces systemd's plugin of the same name."""
    path = f"/etc/kernel/install.d/{name}.install"
    system.write(path, f'#!/bin/sh\n[ "$1" = add ] || exit 0\n{action}\n')
    system.run("chmod", "+x", path)


def entry(system: Chroot) -> str:
    return system.run("cat", LOADER).output


def test_a_kernel_is_added_with_our_image_and_removed(system: Chroot) -> None:
    build_module(system)
    done = add(system)
    # systemd up to 252 writes this to stdout, later versions to stderr.
    assert "50-initpy.install add" in done.output + done.errors
    assert "initpy: making" in done.output and "it boots /" in done.output
    assert system.names(ENTRY) == ["initrd", "linux"]
    assert f"initrd     {ENTRY}/initrd\n" in entry(system)
    stack = (
        "--stack", "/etc/initpy/stack.json", "--kernel", VERSION, "--cmdline", "root=UUID=7a0c",
    )  # fmt: skip
    system.run("initpy", "check", f"{ENTRY}/initrd", *stack)
    assert system.names("/tmp") == []
    system.run("kernel-install", "remove", VERSION)
    assert not system.exists(ENTRY) and not system.exists(LOADER)


def test_a_root_that_cannot_be_booted_yet_stops_it_cleanly(system: Chroot) -> None:
    """R28: without the module of the root's driver, the old boot entry stays."""
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


def test_the_plugin_leaves_the_image_to_another_tool(system: Chroot) -> None:
    """The plugin builds nothing in these cases: a build would fail."""
    system.write("/etc/kernel/install.conf", "layout=other\n")
    assert "layout 'other' has no initrd" in add(system).output
    system.write("/etc/kernel/install.conf", "layout=bls\ninitrd_generator=dracut\n")
    assert "install.conf has initrd_generator=dracut" in add(system).output
    system.write("/etc/kernel/install.conf", "layout=bls\n")
    system.write("/boot/mine.img", "mine")
    assert "the command line names an initrd" in add(system, "/boot/mine.img").output
    assert "mine.img" in entry(system)
    system.write(f"/boot/initrd.img-{VERSION}", "initramfs-tools made it")
    assert "another tool made an initrd" in add(system).output
    assert f"initrd.img-{VERSION}" in entry(system)


def test_initrd_generator_makes_ours_the_only_image(system: Chroot) -> None:
    """The kernel unpacks both images of an entry, and the later /init wins."""
    build_module(system)
    system.write(f"/boot/initrd.img-{VERSION}", "initramfs-tools made it")
    system.write("/etc/kernel/install.conf", "layout=bls\ninitrd_generator=initpy\n")
    assert f"removing initrd.img-{VERSION}" in add(system).output
    assert system.names(ENTRY) == ["initrd", "linux"]
    assert entry(system).count("initrd ") == 1


def test_without_initpy_the_plugin_does_nothing(system: Chroot) -> None:
    system.run("rm", "/usr/local/bin/initpy")
    add(system)
    assert system.names(ENTRY) == ["linux"]


def test_ukify_gets_our_image_alone(system: Chroot) -> None:
    """60-ukify.install of later systemd versions takes initrd* from the staging area."""
    build_module(system)
    system.write("/etc/kernel/install.conf", "layout=uki\n")
    # Debian 13's 55-initrd.install adds the image of initramfs-tools: ukify must not pack it.
    put_plugin(system, "55-initrd", 'ln -s /boot/other "$KERNEL_INSTALL_STAGING_AREA/initrd.img-x"')
    packing = 'ls "$KERNEL_INSTALL_STAGING_AREA" >/boot/packed; cd "$KERNEL_INSTALL_STAGING_AREA"'
    put_plugin(system, "60-ukify", f"{packing}; echo unified >uki.efi")
    system.write("/etc/kernel/install.conf", "layout=uki\ninitrd_generator=initpy\n")
    add(system)
    assert system.run("cat", "/boot/packed").output == "initrd\n"


def test_a_unified_kernel_image_gets_no_other_initrd(system: Chroot) -> None:
    """The contract of systemd 253 and later; a build would fail here."""
    system.run("mkdir", "/tmp/staging")
    done = system.run(
        "/usr/lib/kernel/install.d/50-initpy.install", "add", VERSION, ENTRY, KERNEL,
        KERNEL_INSTALL_LAYOUT="uki", KERNEL_INSTALL_STAGING_AREA="/tmp/staging",
        KERNEL_INSTALL_IMAGE_TYPE="uki", KERNEL_INSTALL_UKI_GENERATOR="initpy",
        KERNEL_INSTALL_VERBOSE="1", KERNEL_INSTALL_ENTRY_TOKEN="token",
    )  # fmt: skip
    assert "the kernel is a unified image with its own initrd" in done.output
    assert system.names("/tmp/staging") == []


def test_without_ukify_the_plugin_makes_the_unified_image(system: Chroot) -> None:
    """systemd 252 has no unified images: the plugin installs and removes the image itself."""
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
    stack = (
        "--stack", "/etc/initpy/stack.json", "--kernel", VERSION, "--cmdline", "root=UUID=7a0c",
    )  # fmt: skip
    system.run("initpy", "check", made, *stack)
    system.run("kernel-install", "remove", VERSION)
    assert system.names("/boot/EFI/Linux") == []
