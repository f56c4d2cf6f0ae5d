"""Modules that a disk without an answer does not hold back: `async_probe` in modprobe.d."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules

from initpy.image.build.build import build
from initpy.image.build.request import BuildRequest
from initpy.image.formats.archive import read_archive
from initpy.image.kernel import asyncprobe, kmod

ALIASES = """\
alias fs-ext4 ext4
alias devname:mapper/control dm_mod
alias char-major-10-236 dm_mod
alias scsi:t-0x00* sd_mod
alias virtio:d00000008v* virtio_scsi
alias pci:v00008086d*sv*sd*bc*sc*i* ahci
alias cpu:type:x86*fam*mod*:feature:*0099* aesni_intel
alias crypto-aes aesni_intel
"""
PATHS = {
    "kernel/fs/ext4/ext4.ko": "",
    "kernel/drivers/md/dm-mod.ko": "",
    "kernel/drivers/md/dm-multipath.ko": "dm_mod",
    "kernel/drivers/scsi/sd_mod.ko": "",
    "kernel/drivers/scsi/virtio_scsi.ko": "",
    "kernel/drivers/ata/ahci.ko": "",
    "kernel/arch/x86/crypto/aesni-intel.ko": "",
    "kernel/drivers/net/dummy.ko": "",
}
EXEMPT = {"ext4", "dm_mod", "dm_multipath", "sd_mod", "aesni_intel"}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    return make_modules(tmp_path, PATHS.items(), alias=ALIASES)


def test_modules_that_probe_no_device_are_exempt_and_those_of_disks(modules: Path) -> None:
    index = kmod.read_index(modules)
    lines = asyncprobe.text(index, tuple(PATHS)).splitlines()
    assert {each.split()[1] for each in lines} == EXEMPT
    assert {(each.split()[0], each.split()[2]) for each in lines} == {("options", "async_probe")}


def test_an_image_has_the_options_of_its_own_modules(modules: Path, tmp_path: Path) -> None:
    (modules / "config").write_text("CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_ZSTD=y\n")
    request = BuildRequest(
        kernel=VERSION, modules=modules, output=tmp_path / "image", jobs=(),
        init=b"#!/bin/sh\n", python=False,
    )  # fmt: skip
    build(replace(request, recipe_drivers=("dm-multipath", "ahci")))
    image = read_archive(request.output)
    found = image.read(asyncprobe.PATH).decode()
    assert found == "options dm_mod async_probe\noptions dm_multipath async_probe\n"


@pytest.mark.skipif(not Path("/usr/sbin/modprobe").exists(), reason="needs kmod")
def test_modprobe_passes_the_option(modules: Path, tmp_path: Path) -> None:
    folder = tmp_path / "modprobe.d"
    folder.mkdir()
    (folder / "a.conf").write_text(asyncprobe.text(kmod.read_index(modules), tuple(PATHS)))
    subprocess.run(["depmod", "-b", str(tmp_path), VERSION], check=False)
    argv = ["modprobe", "-d", str(tmp_path), "-S", VERSION, "-C", str(folder), "-n", "-v"]
    done = subprocess.run([*argv, "dm-multipath"], capture_output=True, text=True, check=False)
    assert done.stdout.rstrip().endswith("dm-multipath.ko async_probe")
