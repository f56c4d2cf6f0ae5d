"""Debian's zfs-dkms, whose build fails for a new kernel: old image and entry stay (R28, R29).

Headers that cannot build a module make the build fail as an incompatible kernel does: in zfs's own
configure, which dkms runs. The system is the one in which the lab builds the driver.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from chroot import Chroot, opened
from kernelpackage import VERSION, add_module, make_kernel, make_package
from rootstack import QUICK

from initpy.lab.kernels import lab_kernel
from initpy.lab.zfs import with_driver, zfs_folder

pytestmark = pytest.mark.slow
IMAGE = f"/boot/initpy-{VERSION}.img"
HEADERS = f"/usr/src/linux-headers-{VERSION}"
CONFIG = 'jobs = ["/mnt/checkout/jobs/extra/zfs.toml"]\n' + QUICK
SCREEN = (
    f"DKMS has not built zfs for kernel {VERSION}",
    "dkms status     zfs/2",
    f"-k {VERSION}",
    f"next try        initpy install --kernel {VERSION}",
    "nothing was installed",
)


@pytest.fixture
def chroot(tmp_path: Path) -> Iterator[Chroot]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount and enter a chroot")
    kernel = lab_kernel()
    with_driver(kernel, print)
    with opened(tmp_path, zfs_folder(kernel.version) / "system") as found:
        found.write("/etc/initpy/zfs.toml", CONFIG)
        yield found


def add_headers(chroot: Chroot) -> None:
    """Install headers with which no module can be built."""
    release = f'#define UTS_RELEASE "{VERSION}"\n'
    chroot.write(f"{HEADERS}/include/generated/utsrelease.h", release)
    chroot.write(f"{HEADERS}/Makefile", "all modules clean:\n\t@echo broken headers; false\n")
    chroot.write(f"{HEADERS}/.config", "CONFIG_MODULES=y\n")
    chroot.run("mkdir", "-p", f"/lib/modules/{VERSION}")
    for name in ("build", "source"):
        chroot.run("ln", "-sfn", HEADERS, f"/lib/modules/{VERSION}/{name}")


def build_driver(chroot: Chroot) -> None:
    """Add the module, as dkms does once it can; with the headers dkms would try again."""
    for name in ("build", "source"):
        chroot.run("rm", f"/lib/modules/{VERSION}/{name}")
    add_module(chroot, "zfs", alias="fs-zfs")


def assert_screen(said: str) -> None:
    for words in SCREEN:
        assert words in said, said


def test_a_kernel_package_stays_unconfigured_until_dkms_has_built(
    chroot: Chroot, tmp_path: Path
) -> None:
    shutil.copy(make_package(tmp_path), chroot.shared)
    chroot.write(IMAGE, "the old one")
    add_headers(chroot)
    said = chroot.run("dpkg", "-i", f"/mnt/linux-image-{VERSION}.deb", accept=1)
    assert "Building module" in said.output + said.errors, said
    assert chroot.run("cat", IMAGE).output == "the old one"
    done = chroot.run("initpy", "install", "--kernel", VERSION, accept=77)
    assert_screen(done.errors)
    assert "its last build failed: /var/lib/dkms/zfs/" in done.errors, done
    assert chroot.run("cat", IMAGE).output == "the old one"
    build_driver(chroot)
    chroot.run("dpkg", "--configure", "-a")
    assert chroot.run("head", "-c", "4", IMAGE).output == "0707"


def test_kernel_install_makes_no_entry(chroot: Chroot) -> None:
    make_kernel(chroot.shared / "kernel")
    chroot.run("cp", "-r", "/mnt/kernel/boot/.", "/boot")
    chroot.run("cp", "-r", "/mnt/kernel/lib/.", "/usr/lib")
    chroot.run("mkdir", "-p", "/boot/token")
    chroot.write("/etc/kernel/entry-token", "token\n")
    chroot.write("/etc/kernel/cmdline", "root=ZFS=rpool/root\n")
    chroot.write(f"/boot/token/{VERSION}/initrd", "the old one")
    add_headers(chroot)
    chroot.run("dkms", "autoinstall", "-k", VERSION, accept=None)
    add = ("kernel-install", "--verbose", "add", VERSION, f"/boot/vmlinuz-{VERSION}")
    done = chroot.run(*add)
    assert_screen(done.errors)
    assert chroot.run("cat", f"/boot/token/{VERSION}/initrd").output == "the old one"
    assert not chroot.exists(f"/boot/loader/entries/token-{VERSION}.conf")
    build_driver(chroot)
    chroot.run(*add)
    assert chroot.exists(f"/boot/loader/entries/token-{VERSION}.conf")


def test_the_kernels_hook_names_the_headers_that_dkms_lacks(chroot: Chroot, tmp_path: Path) -> None:
    """Without headers dkms passes over the kernel, and our hook comes next."""
    shutil.copy(make_package(tmp_path), chroot.shared)
    chroot.write(IMAGE, "the old one")
    done = chroot.run("dpkg", "-i", f"/mnt/linux-image-{VERSION}.deb", accept=1)
    said = done.output + done.errors
    assert "return code 77" in said, said
    assert_screen(said)
    assert f"its headers are missing: apt install linux-headers-{VERSION}" in said
    assert chroot.run("cat", IMAGE).output == "the old one"
