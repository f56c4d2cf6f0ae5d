"""No image that lacks a file which its boot needs is called bootable (R28).

Each file of a host-only image is taken away in turn: the check says so, or the file is one of those
below, with the reason why such a boot goes on. The quick tests take a few files of each stack.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.image.build.build import assemble
from initpy.image.build.request import BuildRequest, with_recipe
from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Verdict
from initpy.image.content.recipe import load_recipe
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.system import Recorded
from initpy.image.tree import File, Folder, Link
from initpy.lab.kernels import Kernel, lab_kernel
from initpy.scenario.parse import load_scenario

STACKS = sorted(
    path.stem for path in (Path(__file__).parent / "stacks").glob("*.json")
    if not path.stem.startswith("zfs-")  # the lab's kernel has no ZFS
)  # fmt: skip
EXTRA = {"multipath-path-late": ("multipath.toml",)}
QUICK = ("lvm-on-luks-on-raid1",)
MANY = 7  # one of so many files is tried in a quick test

HARMLESS = {
    r"/dev/.*": "devtmpfs has it; the kernel brings its own console",
    r"/usr/s?bin/(\[|\[\[|[a-z0-9._-]+) -> .*busybox": "an applet: for users in the shell",
    r"/usr/s?bin/(depmod|insmod|lsmod|modinfo|rmmod)": "names of kmod: for users in the shell",
    r"/usr/bin/initpy|.*/initpy/cli/.*": "commands: for users in the shell",
    r"/etc/(group|passwd|mtab|initrd-release)|/var/(run|lock)": "boots go on with a remark",
    r"/etc/ld\.so\.cache": "the libraries are in folders that ld.so searches without it",
    r"/etc/(lvm|mdadm|multipath)/.*|/etc/(multipath|mdadm)\.conf": "the defaults do as well",
    r"/etc/modprobe\.d/.*|.*/modprobe\.d/.*": "options of drivers",
    r"/etc/crypttab": "the boot asks for a passphrase, by the header's UUID",
    r"/bin": "no script of these images has its interpreter there",
    r"/usr/lib/initpy/(left-out-modules|shell-aliases|wanted\.json)": "for messages",
    r"/usr/lib/initpy/jobs/(fsck|fsck-other|network|network-links|resume|system)\.json":
        "for other boots; without a check, a warning",
    r"/usr/lib/initpy/jobs/(btrfs|md)\.json": "needed with a member missing only",
    r".*/(usbhid|hid|hid-generic|usb-common|usbcore|xhci-hcd|xhci-pci|serio_raw)\.ko":
        "these machines have a keyboard on PS/2, too",
    r".*/(virtio-rng|virtio_console|efivarfs|virtio|virtio_ring)\.ko": "not below root",
    r".*/(af_alg|algif_\w+|cryptd|crypto_simd|sha256-ssse3|blake2b_generic|xxhash_generic)\.ko":
        "another implementation does the work, or none is asked for",
    r".*/(aesni-intel|crc32c-intel|crc32c_generic|crct10dif-pclmul|crct10dif_generic)\.ko":
        "one of two implementations",
    r".*/(dm-queue-length|dm-round-robin|scsi_dh_\w+)\.ko": "other arrays choose it",
    r"/usr/lib/multipath/.*": "other arrays choose it",
    r".*/modules\.(builtin\.alias\.bin|builtin\.bin|devname|softdep)":
        "no job asks for a built-in driver; drivers are asked for by alias",
    r"/usr/lib/udev/(ata|scsi|cdrom)_id": "a warning: links by serial number only",
    r".*/64-initpy-btrfs\.rules": "a btrfs on one device is never incomplete",
    r".*/80-initpy-net-names\.rules|.*/systemd/network/.*\.link":
        "the card has the kernel's name then: these command lines name none",
    r"(/usr)?/s?bin/(e2fsck|fsck\..*)": "a warning: the file system is not checked",
    r".*/lib(com_err|e2p|ext2fs|uuid)\.so.*": "e2fsck's",
    r".*/libgcc_s\.so\.1|.*/ossl-modules/.*": "a warning: most volumes need none",
    r".*/initpy/(?:\w+/)*__init__\.pyc": "empty: the folder is a package without it (PEP 420)",
    r".*/initpy/(config/initramfstools|config/project|report/trace|runtime/net/library)\.pyc":
        "asked for by commands, by roots on the network",
}  # fmt: skip
NOT_TRIED = re.compile(r"/usr/lib/python3[^/]*/(?!initpy/)")  # test_image_bytecodeimports.py


@cache
def machine(name: str) -> tuple[Archive, Stack, Kernel]:
    """Return a host-only image for a recorded machine, which booted from such a one."""
    path = Path(__file__).parent / "stacks" / f"{name}.json"
    scenario = load_scenario(PROJECT / f"tests/scenarios/{name}.toml")
    found = describe("/sysroot", Recorded(path.read_text(), path.name))
    stack = replace(found, cmdline=scenario.cmdline)
    kernel = lab_kernel()
    extra = (PROJECT / "jobs/extra" / each for each in EXTRA.get(name, ()))
    request = BuildRequest(
        kernel=kernel.version, modules=kernel.modules, output=Path("/nonexistent/image"),
        jobs=(PROJECT / "jobs", *extra), stack=stack, root=stack,
    )  # fmt: skip
    tree = assemble(with_recipe(request, load_recipe(PROJECT / "build/host.toml"))).tree
    files = {path: File(text.encode()) for path, text in scenario.files}
    return Archive(Path("host.img"), 0, entries={**dict(tree.items()), **files}), stack, kernel


def judged(name: str, gone: str = "") -> Proof:
    archive, stack, kernel = machine(name)
    entries = {path: entry for path, entry in archive.entries.items() if path != gone}
    lacking = Archive(archive.path, 0, entries=entries)
    return prove(lacking, stack, kernel.version, modules=kernel.modules, run=False)


def needed(name: str) -> Iterator[str]:
    """Yield the files whose absence must be said."""
    for path, entry in sorted(machine(name)[0].entries.items()):
        shown = f"{path} -> {entry.target}" if isinstance(entry, Link) else path
        if isinstance(entry, Folder) or NOT_TRIED.match(path):
            continue
        if not any(re.fullmatch(each, path) or re.fullmatch(each, shown) for each in HARMLESS):
            yield path


def doubts(proof: Proof) -> set[tuple[str, str, str]]:
    rows = (*proof.of(Verdict.MISSING), *proof.of(Verdict.UNKNOWN))
    return {(row.layer, row.need, row.reason) for row in rows}


def falsely_proven(name: str, chosen: list[str]) -> list[str]:
    before = doubts(judged(name))
    return [path for path in chosen if not doubts(judged(name, path)) - before]


@pytest.mark.parametrize("name", QUICK)
def test_some_files_that_an_image_lacks_are_said(name: str) -> None:
    paths = [path for path in needed(name) if zlib.crc32(path.encode()) % MANY == 0]
    first = ("/init", "/sbin", "/usr/lib/systemd/systemd-udevd", "/usr/lib/initpy/jobs/root.json")
    chosen = [*first, *paths[:12]]
    assert len(paths) > 12
    assert falsely_proven(name, chosen) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_each_file_that_an_image_lacks_is_said(name: str) -> None:
    assert falsely_proven(name, [*needed(name)]) == []


@pytest.mark.parametrize(
    ("name", "gone", "verdict", "need"),
    [
        ("lvm-on-luks-on-raid1", "/usr/sbin/e2fsck", Verdict.WARNING, "a check before its mount"),
        ("imsm-raid1", "/usr/sbin/mdmon", Verdict.MISSING, "program mdmon"),
        ("imsm-raid1", "/sbin", Verdict.MISSING, "the kernel's modprobe"),
        ("imsm-raid1", "/lib", Verdict.MISSING, "modules at their place"),
        ("imsm-raid1", "/usr/lib/udev/ata_id", Verdict.WARNING,
         "udev rules 60-persistent-storage.rules"),
        ("btrfs-raid1-late", "/usr/lib/initpy/jobs/root.json", Verdict.MISSING, "job"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_file_that_is_not_there(
    name: str, gone: str, verdict: Verdict, need: str
) -> None:
    new = {*judged(name, gone).rows} - {*judged(name).rows}
    assert (verdict, need) in {(row.verdict, row.need) for row in new}
