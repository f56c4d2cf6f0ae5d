"""The check judges images of other generators by their documented layouts (R30)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import peers
import pytest
from fake_modules import VERSION, relocatable
from fake_system import FakeSystem
from layouts import KERNEL, LUKS, ROOT, encrypted, grub, plain

from initpy.image.check.check import kernel_of, prove
from initpy.image.check.proof import Proof, Verdict
from initpy.image.formats.archive import read_archive
from initpy.image.stack.describe import describe
from initpy.image.status import Status

VIRTIO = ("kernel/drivers/virtio/virtio_pci.ko", "")
BUSYBOX = "/usr/bin/busybox"


def modules(base: Path, folder: str, without: str = "") -> None:
    """Put this machine's modules with depmod's tables below a folder."""
    scratch = peers.merged(base.parent / "scratch")
    kept = [each for each in (*peers.MODULES, VIRTIO) if Path(each[0]).stem != without]
    peers.add_modules(scratch, tuple(kept))
    target = base / folder
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(scratch / "usr/lib/modules", target)


def dracut(base: Path, without: str) -> None:
    peers.dracut(base)
    peers.add_program(base, "/usr/bin/sh")
    modules(base, "usr/lib/modules", without)


def initramfs_tools(base: Path, without: str) -> None:
    peers.initramfs_tools(base)
    peers.add_program(base, "/usr/bin/sh")
    modules(base, "usr/lib/modules", without)


def mkinitcpio(base: Path, without: str) -> None:
    """`/init` for busybox's ash, `/config`, hooks at run time."""
    peers.merged(base)
    peers.add_program(base, BUSYBOX)
    (base / "usr/bin/ash").symlink_to("busybox")
    peers.write(base, "#!/usr/bin/ash\n. /init_functions\n", "/init", 0o755)
    peers.write(base, 'EARLYHOOKS="udev"\n', "/config")
    peers.write(base, "run_hook() { :; }\n", "/hooks/udev", 0o755)
    modules(base, "usr/lib/modules", without)


def booster(base: Path, without: str) -> None:
    """One static program, and modules in no folder of a release."""
    folder = base / "usr/lib/modules"
    folder.mkdir(parents=True)
    peers.add_program(base, BUSYBOX)
    (base / "init").symlink_to("usr/bin/busybox")
    for path, depends in (*peers.MODULES, VIRTIO):
        name = Path(path).stem
        if name != without:
            (folder / f"{name}.ko").write_bytes(relocatable(f"name={name}\0depends={depends}\0"))
    peers.write(base, f"kernel: {VERSION}\n", "/etc/booster.init.yaml")


def nixos(base: Path, without: str) -> None:
    """All files in the store, `/init` and the modules by links."""
    store = "/nix/store/abc"
    peers.add_program(base, BUSYBOX)
    peers.write(base, "#!/usr/bin/busybox ash\n", f"{store}-stage-1-init.sh", 0o755)
    (base / "init").symlink_to(f"{store}-stage-1-init.sh")
    modules(base, f"{store[1:]}-linux-{VERSION}-modules-shrunk/lib/modules", without)
    (base / "lib").mkdir(exist_ok=True)
    (base / "lib/modules").symlink_to(f"{store}-linux-{VERSION}-modules-shrunk/lib/modules")


def alpine(base: Path, without: str) -> None:
    """mkinitfs: folders that are not merged."""
    (base / "bin").mkdir()
    shutil.copy(BUSYBOX, base / "bin/busybox")
    (base / "bin/sh").symlink_to("/bin/busybox")
    peers.add_program(base, BUSYBOX)
    peers.write(base, "#!/bin/sh\n", "/init", 0o755)
    modules(base, "lib/modules", without)


def mkosi(base: Path, without: str) -> None:
    """A system with systemd as its /init."""
    dracut(base, without)
    shutil.rmtree(base / "usr/lib/dracut")
    peers.write(base, "ID=arch\n", "/etc/initrd-release")


MAKERS = (dracut, initramfs_tools, mkinitcpio, booster, nixos, alpine, mkosi)
Maker = Callable[[Path, str], None]


def checked(
    maker: Maker, folder: Path, words: str, make: Callable[[FakeSystem], None] = plain, *,
    without: str = "",
) -> Proof:  # fmt: skip
    base = folder / "base"
    base.mkdir()
    maker(base, without)
    system = FakeSystem()
    make(system)
    system.texts |= grub(words)
    stack = describe("/", system)
    archive = read_archive(peers.pack(base, folder / "test.img", "zstd"))
    assert kernel_of(archive, stack) == KERNEL
    shutil.rmtree(base)
    # The kernel's own folder has what depmod needs, so that names of drivers are known.
    kernel = peers.merged(folder / "kernel")
    peers.add_modules(kernel, (*peers.MODULES, VIRTIO))
    installed = kernel / "usr/lib/modules" / VERSION
    return prove(archive, stack, KERNEL, modules=installed, run=False)


@pytest.mark.parametrize("maker", MAKERS)
def test_an_image_that_boots(maker: Maker, tmp_path: Path) -> None:
    proof = checked(maker, tmp_path, f"root=UUID={ROOT} ro")
    assert proof.status is Status.OK, [each for each in proof.rows if each.verdict != "ok"]


@pytest.mark.parametrize("maker", MAKERS)
def test_an_image_without_the_disks_driver(maker: Maker, tmp_path: Path) -> None:
    proof = checked(maker, tmp_path, f"root=UUID={ROOT} ro", without="virtio_blk")
    assert "virtio_blk" in {row.module for row in proof.of(Verdict.MISSING)}


NAMES = "/dev/mapper/vda5_crypt"


@pytest.mark.parametrize(
    ("words", "make", "expected"),
    [
        ("root=UUID=0000", plain, Verdict.MISSING),
        ("root=LABEL=none", plain, Verdict.MISSING),
        ("root=LABEL=cloudimg-rootfs", plain, Verdict.OK),
        # Only the generator's own files tell what opens a volume, and what root is without root=.
        ("ro quiet", plain, Verdict.UNKNOWN),
        ("root=ZFS=a/b", plain, Verdict.UNKNOWN),
        (f"root={NAMES}", encrypted("vda5_crypt"), Verdict.WARNING),
        (f"root={NAMES}", encrypted("other"), Verdict.UNKNOWN),
        (f"root=UUID={ROOT}", encrypted("other"), Verdict.OK),
        (f"root={NAMES} cryptdevice=UUID={LUKS}:vda5_crypt", encrypted("vda5_crypt"), Verdict.OK),
    ],
)
def test_the_root_of_another_generators_image(
    words: str, make: Callable[[FakeSystem], None], expected: Verdict, tmp_path: Path
) -> None:
    proof = checked(mkinitcpio, tmp_path, words, make)
    assert [row.verdict for row in proof.rows if row.need == "root="] == [expected], proof.rows
