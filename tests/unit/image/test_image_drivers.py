"""Drivers of a layer: in the image with all dependencies, and found by its own indexes (R28).

The kernels are fake: real ELF modules and real depmod, once for the installed kernel and once for
the image's part of it.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_kernel import VERSION, Module, make_kernel
from writing import archive_of

from initpy.image.check.check import prove
from initpy.image.check.proof import Proof, Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.kernel.moduletree import installed
from initpy.image.stack.layers import Ask, Kind, Layer, Stack
from initpy.image.tree import File, Link, Tree

EXT4 = Module(
    "kernel/fs/ext4/ext4.ko", ("jbd2",), ("fs-ext4", "fs-ext3"), soft="pre: crypto-crc32c"
)
JBD2 = Module("kernel/fs/jbd2/jbd2.ko")
CRC = Module("kernel/crypto/crc32c_generic.ko", (), ("crypto-crc32c",))
CRC_FAST = Module("kernel/arch/x86/crypto/crc32c-intel.ko", (), ("crypto-crc32c",))
BLK = Module("kernel/drivers/block/virtio_blk.ko", ("virtio",), ("virtio:d00000002v*",))
VIRTIO = Module("kernel/drivers/virtio/virtio.ko")
SPL = Module("updates/dkms/spl.ko")
ZFS = Module("updates/dkms/zfs.ko", ("spl",), ("fs-zfs", "devname:zfs"))
HBA = Module("kernel/drivers/scsi/hba.ko", (), ("pci:v0000ABCDd*",), firmware=("hba/fw-1.bin",))
ALL = (EXT4, JBD2, CRC, CRC_FAST, BLK, VIRTIO, SPL, ZFS, HBA)
ON_DISK = Ask(("virtio:d00000002v00001AF4", "virtio_blk"), "driver", ("virtio_blk",), works=True)


def asks(*names: str, using: tuple[str, ...] = (), works: bool = False) -> Ask:
    return Ask(names, f"driver of {names[0]}", using, works)


def stack(*wanted: Ask, kernel: str = VERSION, in_use: tuple[str, ...] = ()) -> Stack:
    """Return a stack of one file system that requests these drivers."""
    layer = Layer("block:vda", Kind.DISK, "/dev/vda", asks=wanted)
    top = Layer("fs:/", Kind.FILESYSTEM, "root", on=("block:vda",))
    return Stack("/", kernel, "x86_64", ("fs:/",), (top, layer), in_use)


class Bench:
    """An installed kernel, and an image with some of its modules."""

    def __init__(self, base: Path, modules: Iterable[Module] = ALL) -> None:
        self._base = base
        self.installed = make_kernel(base / "system", modules, builtin="kernel/fs/xfs/xfs.ko",
                                     modinfo="xfs.alias=fs-xfs")  # fmt: skip
        self.firmware = base / "firmware"

    def image(self, modules: Iterable[Module]) -> Path:
        return make_kernel(self._base / "image", modules)

    def archive(self, folder: Path, **extra: bytes) -> Archive:
        """Return an image with this tree and with more files by path."""
        tree = Tree()
        for path in folder.rglob("*"):
            if path.is_file() and not path.name.startswith("modules.builtin"):
                place = f"/usr/lib/modules/{VERSION}/{path.relative_to(folder)}"
                tree.add(place, File(path))
        for name, content in extra.items():
            tree.add(name, File(content))
        tree.add("/lib", Link("usr/lib"))
        return archive_of(tree, Path("test.img"))

    def prove(self, modules: Iterable[Module] | Path, stack: Stack) -> Proof:
        folder = modules if isinstance(modules, Path) else self.image(modules)
        return prove(self.archive(folder), stack, VERSION, modules=self.installed,
                     host_firmware=self.firmware)  # fmt: skip

    def rows(self, modules: Iterable[Module] | Path, stack: Stack) -> list[Row]:
        """Return the rows of the layer that requests the drivers."""
        proof = self.prove(modules, stack)
        return [row for row in proof.rows if row.layer.startswith("/dev/vda")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def verdicts(rows: Iterable[Row]) -> list[Verdict]:
    return [row.verdict for row in rows]


def test_a_driver_with_all_dependencies_is_ok(bench: Bench) -> None:
    (row,) = bench.rows((BLK, VIRTIO), stack(ON_DISK))
    assert row.verdict is Verdict.OK
    assert row.reason == "kernel/drivers/block/virtio_blk.ko, with virtio"


def test_a_missing_driver_is_named_with_its_file(bench: Bench) -> None:
    (row,) = bench.rows((VIRTIO,), stack(ON_DISK))
    assert row.verdict is Verdict.MISSING
    assert row.module == "virtio_blk"
    assert "kernel/drivers/block/virtio_blk.ko" in row.reason


def test_a_built_in_driver_needs_no_module(bench: Bench) -> None:
    (row,) = bench.rows((BLK, VIRTIO), stack(asks("fs-xfs", "xfs")))
    assert (row.verdict, row.reason) == (Verdict.OK, "xfs is built into the kernel")


def test_an_external_module_that_the_image_lacks_is_missing(bench: Bench) -> None:
    """DKMS installed it in updates/, and the image was built without it."""
    proof = bench.prove((BLK, VIRTIO), stack(asks("fs-zfs", "zfs", using=("zfs",)), ON_DISK))
    (row,) = (row for row in proof.of(Verdict.MISSING) if row.module)
    assert row.module == "zfs"
    assert "updates/dkms/zfs.ko" in row.reason
    assert proof.status == 77


def test_an_external_module_with_all_dependencies_is_ok(bench: Bench) -> None:
    (row,) = bench.rows((ZFS, SPL), stack(asks("fs-zfs", "zfs", using=("zfs",))))
    assert (row.verdict, row.module) == (Verdict.OK, "zfs")


def test_an_external_module_that_is_not_built_for_this_kernel_yet(bench: Bench) -> None:
    """A frequent case: the old kernel runs the root's driver, and the new one lacks it."""
    used = asks("fs-newfs", "newfs", using=("newfs",))
    (row,) = bench.rows((BLK, VIRTIO), stack(used, kernel="6.0.9-before"))
    assert row.verdict is Verdict.MISSING
    assert "newfs drives it now" in row.reason
    assert "may not have been built" in row.reason


def test_an_absent_dependency_is_missing(bench: Bench) -> None:
    folder = bench.image((ZFS, SPL))
    (folder / "updates/dkms/spl.ko").unlink()
    (row,) = bench.rows(folder, stack(asks("fs-zfs", "zfs")))
    assert row.verdict is Verdict.MISSING
    assert "updates/dkms/spl.ko" in row.reason


def test_a_dependency_that_only_the_images_index_lacks_is_missing(bench: Bench) -> None:
    """depmod ran before the other module was in the image."""
    folder = bench.image((ZFS,))
    (row,) = bench.rows(folder, stack(asks("fs-zfs", "zfs")))
    assert row.verdict is Verdict.MISSING
    assert "zfs depends on spl" in row.reason


@pytest.mark.parametrize("tables", ["modules.dep", "modules.dep.bin"])
def test_an_empty_modules_dep_makes_everything_missing(bench: Bench, tables: str) -> None:
    """A real case: an image with 12 modules instead of 816, because the index was empty."""
    folder = bench.image((BLK, VIRTIO))
    (folder / "modules.dep").write_text("")
    if tables.endswith(".bin"):
        (folder / "modules.dep.bin").write_bytes(bytes.fromhex("b007f457 00020001 00000000"))
    else:
        (folder / "modules.dep.bin").unlink()
    proof = bench.prove(folder, stack(ON_DISK))
    reasons = [row.reason for row in proof.of(Verdict.MISSING)]
    assert any("modules.dep is empty, but there are 2 modules" in each for each in reasons)
    assert any("not in its modules.dep" in each for each in reasons)


def test_an_empty_modules_dep_of_the_installed_kernel_is_named(bench: Bench) -> None:
    (bench.installed / "modules.dep").write_text("")
    (bench.installed / "modules.dep.bin").write_bytes(bytes.fromhex("b007f457 00020001 00000000"))
    proof = bench.prove((), stack(ON_DISK))
    assert any("run `depmod 6.1.0-test`" in row.reason for row in proof.of(Verdict.MISSING))


def test_without_modules_alias_drivers_are_missing(bench: Bench) -> None:
    folder = bench.image((BLK, VIRTIO))
    (folder / "modules.alias").write_text("")
    (folder / "modules.alias.bin").write_bytes(bytes.fromhex("b007f457 00020001 00000000"))
    proof = bench.prove(folder, stack(ON_DISK))
    reasons = [row.reason for row in proof.of(Verdict.MISSING)]
    assert any("modules.alias is empty" in each for each in reasons)
    assert any("lacks virtio:d00000002v00001AF4" in each for each in reasons)


def test_a_damaged_index_is_named(bench: Bench) -> None:
    folder = bench.image((BLK, VIRTIO))
    (folder / "modules.dep.bin").write_bytes(b"no index")
    with pytest.raises(ValueError, match=r"test\.img: /usr/lib/modules/.*/modules\.dep\.bin"):
        bench.prove(folder, stack(ON_DISK))


def test_a_module_of_another_kernel_is_missing(bench: Bench) -> None:
    folder = bench.image((replace(BLK, made_for="6.1.0-other"), VIRTIO))
    (row,) = bench.rows(folder, stack(ON_DISK))
    assert row.verdict is Verdict.MISSING
    assert "virtio_blk was built for kernel 6.1.0-other, not for 6.1.0-test" in row.reason


def test_a_truncated_module_is_missing(bench: Bench) -> None:
    folder = bench.image((BLK, VIRTIO))
    file = folder / BLK.path
    file.write_bytes(file.read_bytes()[:70])
    (row,) = bench.rows(folder, stack(ON_DISK))
    assert row.verdict is Verdict.MISSING
    assert "ELF" in row.reason


def test_an_absent_soft_dependency_that_is_loaded_here_is_missing(bench: Bench) -> None:
    """ext4 does not mount without crc32c, which is only its soft dependency."""
    modules = (EXT4, JBD2)
    rows = bench.rows(modules, stack(asks("fs-ext4"), in_use=("crc32c_intel",)))
    assert verdicts(rows) == [Verdict.OK, Verdict.MISSING]
    assert rows[1].module == "crc32c_intel"


def test_another_absent_soft_dependency_is_a_warning(bench: Bench) -> None:
    rows = bench.rows((EXT4, JBD2), stack(asks("fs-ext4")))
    assert verdicts(rows) == [Verdict.OK, Verdict.WARNING]


def test_any_module_with_the_alias_meets_a_soft_dependency(bench: Bench) -> None:
    found = bench.rows((EXT4, JBD2, CRC), stack(asks("fs-ext4"), in_use=("crc32c_intel",)))
    assert verdicts(found) == [Verdict.OK]


def test_a_soft_dependency_is_not_met_by_what_this_processor_may_lack(bench: Bench) -> None:
    """As reported of f2fs: the image had only the module that takes newer instructions."""
    wanted = stack(asks("fs-ext4"), in_use=("crc32c_generic",))
    found = bench.rows((EXT4, JBD2, CRC_FAST), wanted)
    assert verdicts(found) == [Verdict.OK, Verdict.WARNING]
    assert (
        found[1].reason == "crc32c_intel may not work on this processor: crc32c_generic is in use"
    )
    assert verdicts(bench.rows((EXT4, JBD2, CRC_FAST, CRC), wanted)) == [Verdict.OK]
    unknown = stack(asks("fs-ext4"))
    assert verdicts(bench.rows((EXT4, JBD2, CRC_FAST), unknown)) == [Verdict.OK]


def test_a_driver_that_the_next_kernel_lacks_is_a_warning_though_another_answers(
    bench: Bench,
) -> None:
    """As reported of NVMe disks in Intel's RAID mode, whose driver was gone after an update."""
    names = ("pci:v0000ABCDd00000001", "remap")
    gone = Ask(names, "pci driver remap", ("remap",), works=True)
    row, *_ = bench.rows((HBA,), stack(gone))
    assert (row.verdict, row.module) == (Verdict.WARNING, "hba")
    assert f"remap drives it now, and kernel {VERSION} has no such module" in row.reason
    row, *_ = bench.rows((HBA,), stack(replace(gone, using=("hba",))))
    assert row.verdict is Verdict.OK


def test_one_of_several_drivers_suffices_unless_one_is_in_use(bench: Bench) -> None:
    wanted = asks("crypto-crc32c")
    assert verdicts(bench.rows((CRC,), stack(wanted))) == [Verdict.OK]
    used = asks("crypto-crc32c", using=("crc32c_intel",))
    assert verdicts(bench.rows((CRC,), stack(used))) == [Verdict.MISSING]


def test_the_first_name_that_the_kernel_has_counts(bench: Bench) -> None:
    (row,) = bench.rows((BLK, VIRTIO), stack(asks("dm-thin", "dm-thin-pool", "virtio")))
    assert (row.verdict, row.module) == (Verdict.OK, "virtio")


def test_firmware_that_only_this_system_has_is_missing(bench: Bench) -> None:
    (bench.firmware / "hba").mkdir(parents=True)
    (bench.firmware / "hba/fw-1.bin").write_bytes(b"")
    rows = bench.rows((HBA,), stack(asks("pci:v0000ABCDd00000001")))
    assert verdicts(rows) == [Verdict.OK, Verdict.MISSING]
    assert "hba/fw-1.bin" in rows[1].reason


def test_firmware_that_this_system_lacks_is_a_warning(bench: Bench) -> None:
    rows = bench.rows((HBA,), stack(asks("pci:v0000ABCDd00000001")))
    assert verdicts(rows) == [Verdict.OK, Verdict.WARNING]


@pytest.mark.parametrize("name", ["hba/fw-1.bin", "hba/fw-1.bin.xz", "updates/hba/fw-1.bin"])
def test_firmware_in_the_image_is_ok(bench: Bench, name: str) -> None:
    archive = bench.archive(bench.image((HBA,)), **{f"/usr/lib/firmware/{name}": b""})
    proof = prove(archive, stack(asks("pci:v0000ABCDd00000001")), VERSION,
                  modules=bench.installed, host_firmware=bench.firmware)  # fmt: skip
    assert verdicts(r for r in proof.rows if r.layer.startswith("/dev/vda")) == [Verdict.OK]


def test_a_driver_in_use_without_a_module_is_built_in(bench: Bench) -> None:
    (row,) = bench.rows((BLK,), stack(asks("pci:v00008086d00007010", "piix", works=True)))
    assert row.verdict is Verdict.OK
    assert "built in" in row.reason


def test_a_driver_in_use_without_a_module_is_a_warning_for_another_kernel(bench: Bench) -> None:
    wanted = asks("pci:v00008086d00007010", "piix", works=True)
    (row,) = bench.rows((BLK,), stack(wanted, kernel="6.0.9-before"))
    assert row.verdict is Verdict.WARNING


def test_a_file_system_that_the_kernel_lacks_is_missing(bench: Bench) -> None:
    (row,) = bench.rows((BLK,), stack(asks("fs-bcachefs", "bcachefs")))
    assert row.verdict is Verdict.MISSING
    assert "has no driver for fs-bcachefs" in row.reason


def test_without_the_installed_kernel_rows_are_unknown(bench: Bench, tmp_path: Path) -> None:
    archive = bench.archive(bench.image((BLK, VIRTIO)))
    wanted = stack(ON_DISK, asks("fs-ext4", "ext4"))
    proof = prove(archive, wanted, VERSION, modules=tmp_path / "gone")
    rows = [row for row in proof.rows if row.layer.startswith("/dev/vda")]
    assert verdicts(rows) == [Verdict.OK, Verdict.UNKNOWN]
    assert not proof.certain


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("blacklist virtio_blk", "blacklists virtio_blk, which its alias asks for"),
        ("install virtio-blk /bin/false", "has a command instead of virtio_blk (install)"),
        ("blacklist virtio", ""),  # a dependency is loaded all the same
        ("blacklist other", ""),
    ],
)
def test_a_forbidden_driver_is_missing(bench: Bench, line: str, words: str) -> None:
    conf = {"/etc/modprobe.d/mine.conf": f"{line}\n".encode()}
    archive = bench.archive(bench.image((BLK, VIRTIO)), **conf)
    proof = prove(archive, stack(ON_DISK), VERSION, modules=bench.installed)
    missing = [row.reason for row in proof.of(Verdict.MISSING) if row.need != "init"]
    assert missing == ([f"/etc/modprobe.d/mine.conf of the image {words}"] if words else [])


@pytest.mark.parametrize(
    ("cmdline", "words"),
    [
        ("modprobe.blacklist=x,virtio-blk", "the command line blacklists virtio_blk, which its"),
        ("modprobe.blacklist=virtio", ""),  # a dependency is loaded all the same
        ("nomodule", "makes the kernel load no module"),
        ("sysctl.kernel.modules_disabled=1", "makes the kernel load no module"),
        ("module_blacklist=virtio_blk", "makes the kernel refuse virtio_blk"),
        ("module_blacklist=other,virtio", "makes the kernel refuse virtio"),
        ("rd.driver.blacklist=virtio_blk", ""),  # has no effect here
    ],
)
def test_a_driver_that_the_command_line_forbids_is_missing(
    bench: Bench, cmdline: str, words: str
) -> None:
    archive = bench.archive(bench.image((BLK, VIRTIO)))
    proof = prove(archive, stack(ON_DISK), VERSION, modules=bench.installed, cmdline=cmdline)
    missing = [row.reason for row in proof.of(Verdict.MISSING) if row.need != "init"]
    assert len(missing) == bool(words)
    assert all(words in each for each in missing)


def test_the_indexes_are_read_as_modprobe_reads_them(bench: Bench) -> None:
    """Our answers equal those of the real modprobe for each alias of the tree."""
    tree = installed(bench.installed)
    assert tree is not None
    names = ["fs-ext4", "fs-zfs", "virtio:d00000002v00001AF4", "pci:v0000ABCDd00000001", "none"]
    for name in names:
        base = bench.installed.parents[2]
        command = ["/sbin/modprobe", "-d", str(base), "-S", VERSION, "-R", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert tree.find(name) == tuple(done.stdout.split()), name
