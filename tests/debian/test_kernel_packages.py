"""dpkg installs and removes kernel packages with the hooks of `make install` (R29)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chroot import PROJECT, Chroot, for_one_test
from kernelpackage import VERSION, add_module, make_package
from rootstack import EXT4_ON_VIRTIO, QUICK

PACKAGE = f"/mnt/linux-image-{VERSION}.deb"
NAME = f"linux-image-{VERSION}"
IMAGE = f"/boot/initpy-{VERSION}.img"
# A boot loader's hook, which runs last; it must see no kernel without an image.
LOADER = "/etc/kernel/postinst.d/zz-loader"


@pytest.fixture
def chroot(tmp_path: Path) -> Iterator[Chroot]:
    yield from for_one_test(tmp_path)


def package(chroot: Chroot, folder: Path, *, external: tuple[str, ...] = ()) -> None:
    shutil.copy(make_package(folder, external=external), chroot.shared)
    chroot.write("/etc/initpy/quick.toml", QUICK)


def loader(chroot: Chroot) -> None:
    chroot.write(LOADER, '#!/bin/sh\necho "$1" >>/boot/menu\n')
    chroot.run("chmod", "+x", LOADER)


def state(chroot: Chroot) -> str:
    done = chroot.run("dpkg-query", "-W", "-f", "${db:Status-Status}", NAME, accept=None)
    return done.output


def listed(chroot: Chroot) -> list[str]:
    """Return the files of the installed image; zstd and cpio list them, not initpy."""
    chroot.run("cp", IMAGE, "/mnt/image")
    script = "zstd -dcq | cpio -t --quiet"
    if (chroot.shared / "image").read_bytes().startswith(b"0707"):
        # The archive of modules is not compressed, the other is.
        script = f"cpio -t --quiet && {script}"
    script = f"({script}) <image"
    done = subprocess.run(["sh", "-c", script], cwd=chroot.shared, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def test_a_kernel_is_installed_and_removed(chroot: Chroot, tmp_path: Path) -> None:
    package(chroot, tmp_path)
    loader(chroot)
    done = chroot.run("dpkg", "-i", PACKAGE)
    assert "not checked against any root: this is a" in done.errors + done.output
    assert state(chroot) == "installed"
    assert chroot.names("/boot") == [f"initpy-{VERSION}.img", "menu", f"vmlinuz-{VERSION}"]
    assert {"init", f"usr/lib/modules/{VERSION}/modules.builtin.bin"} <= set(listed(chroot))
    # Settings changed; --all rebuilds the images of all kernels.
    chroot.write("/etc/initpy/more.toml", 'programs = ["ls"]\n')
    chroot.run("initpy", "install", "--all", "--quiet")
    assert "usr/bin/ls" in listed(chroot)
    assert f"initpy-{VERSION}.img.old" in chroot.names("/boot")
    chroot.run("dpkg", "--purge", NAME)
    assert chroot.names("/boot") == ["menu"]


def test_a_kernel_without_the_roots_driver_gets_no_boot_entry_until_it_is_built(
    chroot: Chroot, tmp_path: Path
) -> None:
    """R28: an external module is not built yet, the usual reason for exit status 77."""
    package(chroot, tmp_path, external=("virtio_blk",))
    loader(chroot)
    chroot.write("/etc/initpy/stack.json", EXT4_ON_VIRTIO)
    chroot.write("/etc/initpy/root.toml", 'stack = "/etc/initpy/stack.json"\n')
    done = chroot.run("dpkg", "-i", PACKAGE, accept=1)
    said = done.output + done.errors
    for words in ("return code 77", "virtio_blk", "nothing was installed"):
        assert words in said, said
    assert state(chroot) == "half-configured"
    assert chroot.names("/boot") == [f"vmlinuz-{VERSION}"]
    # dkms would build the module; dpkg then configures the package.
    add_module(chroot, "virtio_blk", alias="virtio:d00000002v*")
    chroot.run("dpkg", "--configure", "-a")
    assert state(chroot) == "installed"
    assert chroot.names("/boot") == [f"initpy-{VERSION}.img", "menu", f"vmlinuz-{VERSION}"]
    assert any(name.endswith("virtio_blk.ko.zst") for name in listed(chroot))


def test_the_hook_for_headers_includes_a_module_built_with_them(
    chroot: Chroot, tmp_path: Path
) -> None:
    """dkms's hook for headers runs before ours; the kernel's own hook ran too early."""
    package(chroot, tmp_path)
    chroot.write("/etc/initpy/more.toml", 'modules = ["zfs"]\n')
    done = chroot.run("dpkg", "-i", PACKAGE, accept=1)
    assert "return code 77" in done.output + done.errors and "zfs" in done.errors + done.output
    hooks = ("run-parts", "--exit-on-error", f"--arg={VERSION}", "/etc/kernel/header_postinst.d")
    # The hook warns and does not fail: the headers are not the cause.
    assert "warning: no image" in chroot.run(*hooks).errors
    add_module(chroot, "zfs", alias="fs-zfs")
    done = chroot.run(*hooks)
    assert chroot.exists(IMAGE), done.errors
    assert any(name.endswith("zfs.ko.zst") for name in listed(chroot))
    chroot.run("dpkg", "--configure", "-a")


def test_beside_initramfs_tools_a_failure_is_a_warning(chroot: Chroot, tmp_path: Path) -> None:
    package(chroot, tmp_path)
    loader(chroot)
    other = "/etc/kernel/postinst.d/initramfs-tools"
    chroot.write(other, "#!/bin/sh\necho other >/boot/initrd.img-$1\n")
    chroot.run("chmod", "+x", other)
    chroot.write("/etc/initpy/more.toml", 'modules = ["zfs"]\n')
    done = chroot.run("dpkg", "-i", PACKAGE)
    assert "initramfs-tools makes its own" in done.output + done.errors
    assert state(chroot) == "installed"
    assert chroot.names("/boot") == [f"initrd.img-{VERSION}", "menu", f"vmlinuz-{VERSION}"]


def test_make_install_and_uninstall(tmp_path: Path) -> None:
    for target in ("install", "install", "uninstall"):
        command = ["make", "-s", target, f"DESTDIR={tmp_path}/sys tem", "PREFIX=/opt/x"]
        environment = {"PATH": os.environ["PATH"]}  # without the variables of a calling make
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, env=environment)
        files = [path for path in tmp_path.rglob("*") if not path.is_dir()]
        if target == "install":
            outside = [path for path in files if "/opt/x" not in str(path)]
            hooks = [path for path in outside if "cache" not in path.parts]
            assert len(hooks) == 6
            assert all("'/opt/x/bin/initpy'" in path.read_text() for path in hooks)
            assert any(path.name.startswith("boot.cpython-") for path in files)
            (tmp_path / "sys tem/var/cache/initpy").mkdir(parents=True, exist_ok=True)
            (tmp_path / "sys tem/var/cache/initpy/python-3.11").touch()
    assert files == []


def test_hooks_of_a_removed_initpy_do_nothing(chroot: Chroot, tmp_path: Path) -> None:
    package(chroot, tmp_path)
    chroot.run("rm", "-r", "/usr/local/lib/initpy", "/usr/local/bin/initpy")
    chroot.run("dpkg", "-i", PACKAGE)
    chroot.run("dpkg", "--purge", NAME)


def test_an_image_under_the_name_that_boot_loaders_know(chroot: Chroot, tmp_path: Path) -> None:
    package(chroot, tmp_path)
    chroot.write("/etc/initpy/name.toml", 'output = "/boot/initrd.img-{kernel}"\nkeep = 0\n')
    chroot.run("dpkg", "-i", PACKAGE)
    assert chroot.names("/boot") == [f"initrd.img-{VERSION}", f"vmlinuz-{VERSION}"]
    chroot.run("dpkg", "--purge", NAME)
    assert chroot.names("/boot") == []
