"""Fake kernel packages with the maintainer scripts of Debian's kernels."""

import subprocess
from pathlib import Path

from chroot import Chroot
from fake_modules import relocatable

from initpy.image.content.needs import gather, load_jobs
from initpy.image.content.recipe import project_folder

VERSION = "9.9-test"

# linux-image-6.1.0-*.postinst and .postrm, without their symbolic links and obsolete names.
SCRIPT = """#!/bin/sh -e
version={version}
image=/boot/vmlinuz-$version
{before}
if [ -d /etc/kernel/{hooks}.d ]; then
    DEB_MAINT_PARAMS="$*" run-parts --report --exit-on-error --arg=$version \\
        --arg=$image /etc/kernel/{hooks}.d
fi
exit 0
"""


def make_kernel(folder: Path, version: str = VERSION, *, external: tuple[str, ...] = ()) -> Path:
    """Write a kernel with the modules of the job files built in, and return its tree.

    The kernel lacks the modules in `external`: a test adds them later, as dkms does.
    """
    modules = folder / "lib/modules" / version
    modules.mkdir(parents=True)
    # The drivers of the tests' root, and the modules that job files name.
    wanted = {"ext4", "virtio_blk", "virtio_pci"}
    wanted |= {want.what for want in gather(load_jobs([project_folder("jobs")])).modules}
    names = sorted(wanted - set(external))
    (modules / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in names))
    for name in ("modules.builtin.modinfo", "modules.order"):
        (modules / name).touch()
    subprocess.run(["/sbin/depmod", "-b", str(folder), version], check=True)
    (folder / "boot").mkdir()
    (folder / f"boot/vmlinuz-{version}").write_text("MZ: the magic of an EFI executable")
    return folder


def make_package(folder: Path, version: str = VERSION, *, external: tuple[str, ...] = ()) -> Path:
    """Build a .deb of the fake kernel and return its path."""
    tree = make_kernel(folder / "tree", version, external=external)
    control = tree / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        f"Package: linux-image-{version}\nVersion: 1\nArchitecture: all\n"
        "Maintainer: Test <test@example.org>\nDescription: fake kernel of a test\n"
    )
    depmod = "depmod $version"
    for name, before in (("postinst", depmod), ("postrm", "")):
        script = control / name
        script.write_text(SCRIPT.format(version=version, hooks=name, before=before))
        script.chmod(0o755)
    package = folder / f"linux-image-{version}.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", "-Znone", str(tree), str(package)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return package


def add_module(chroot: Chroot, name: str, alias: str = "") -> None:
    """Install an external module that depmod(8) accepts."""
    info = f"name={name}\0license=GPL\0depends=\0"
    info += f"alias={alias}\0" if alias else ""
    (chroot.shared / f"{name}.ko").write_bytes(relocatable(info))
    target = f"/lib/modules/{VERSION}/updates/dkms/{name}.ko"
    chroot.run("install", "-D", "-m", "0644", f"/mnt/{name}.ko", target)
    chroot.run("depmod", VERSION)
