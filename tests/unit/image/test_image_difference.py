"""The changes between two images, and their meaning for a boot (R30)."""

import json
import shutil
from pathlib import Path

import peers
import pytest
from fake_modules import VERSION

from initpy.cli import main
from initpy.image.formats.archive import Archive, read_archive
from initpy.image.inspect.difference import Difference, How, compare
from initpy.image.inspect.meaning import Sides, meanings
from initpy.image.inspect.survey import survey
from initpy.image.kernel.roles import Weight, answers_to, role_of

MODULES = f"usr/lib/modules/{VERSION}"


class Pair:
    """Two equal images; a test changes the content of the second."""

    def __init__(self, tmp_path: Path) -> None:
        self._base = tmp_path
        self.first = peers.dracut(tmp_path / "one")
        self.second = tmp_path / "two"
        shutil.copytree(self.first, self.second, symlinks=True)

    def pack(self) -> tuple[Path, Path]:
        return (
            peers.pack(self.first, self._base / "a.img", "gzip"),
            peers.pack(self.second, self._base / "b.img", "zstd"),
        )

    def archives(self) -> tuple[Archive, Archive]:
        first, second = self.pack()
        return read_archive(first), read_archive(second)

    def difference(self) -> Difference:
        return compare(*self.archives())

    def meanings(self) -> list[tuple[Weight, str]]:
        first, second = self.archives()
        sides = Sides(first, second, survey(first), survey(second))
        return [(each.weight, each.text) for each in meanings(sides, compare(first, second))]

    def without(self, *modules: str, builtin: str = "") -> None:
        """Remove modules from the second image, and run depmod in it."""
        kept = tuple(each for each in peers.MODULES if Path(each[0]).stem not in modules)
        shutil.rmtree(self.second / "usr/lib/modules")
        peers.add_modules(self.second, kept, builtin=builtin)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_another_compression_is_no_difference(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not pair.difference()
    assert pair.meanings() == []
    first, second = map(str, pair.pack())
    assert main(["diff", first, second]) == 0
    assert "the content is the same" in capsys.readouterr().out


def test_a_removed_driver_names_the_root_that_does_not_boot(pair: Pair) -> None:
    pair.without("virtio_blk")
    assert pair.difference().modules_gone == ("virtio_blk",)
    assert (
        Weight.BREAKS,
        "virtio_blk is gone: a root on a virtio disk that it drives will not boot",
    ) in pair.meanings()


def test_a_removed_file_system(pair: Pair) -> None:
    pair.without("ext4")
    assert (
        Weight.BREAKS,
        "ext4 is gone: a root, or a /usr, on ext4 cannot be mounted",
    ) in pair.meanings()


def test_a_driver_that_is_now_built_in_is_no_loss(pair: Pair) -> None:
    pair.without("virtio_blk", builtin="kernel/drivers/block/virtio_blk.ko\n")
    found = pair.meanings()
    assert (Weight.NOTE, "built into the second image's kernel: virtio_blk") in found
    assert not any(weight is Weight.BREAKS for weight, _ in found)


NEWER = "virtio_blk is gone, but virtio_blk_new has all its aliases"


def test_a_module_whose_aliases_another_one_has_is_no_loss(pair: Pair) -> None:
    pair.without("virtio_blk")
    table = pair.second / MODULES / "modules.alias"
    table.write_text(table.read_text() + "alias virtio:d00000002v* virtio_blk_new\n")
    (pair.second / MODULES / "modules.alias.bin").unlink()
    assert (Weight.NOTE, NEWER) not in pair.meanings()  # the table names a module that is absent
    (pair.second / MODULES / "kernel/virtio_blk_new.ko").write_bytes(b"")
    assert (Weight.NOTE, NEWER) in pair.meanings()


def test_a_removed_dependency_is_named_with_its_dependents(pair: Pair) -> None:
    (pair.second / MODULES / "kernel/drivers/ata/libata.ko").unlink()
    found = pair.meanings()
    assert (Weight.BREAKS, "ahci cannot be loaded: libata.ko is missing") in found


def test_an_empty_modules_dep_breaks_all_drivers(pair: Pair) -> None:
    (pair.second / MODULES / "modules.dep").write_text("")
    text = f"modules.dep of {VERSION} is empty or gone: no module can be loaded"
    assert (Weight.BREAKS, text) in pair.meanings()


def test_a_removed_library_breaks_its_programs(pair: Pair) -> None:
    library = next(path for path in pair.second.rglob("libc.so.6"))
    library.unlink()
    text = "/usr/bin/cat cannot be started: libc.so.6, which it links with, is gone"
    assert (Weight.BREAKS, text) in pair.meanings()


def test_a_removed_program_is_named_with_its_callers(pair: Pair) -> None:
    (pair.second / "usr/bin/cat").unlink()
    texts = [text for weight, text in pair.meanings() if weight is Weight.WARNS]
    assert any(
        text.startswith("/usr/bin/cat is gone, but /usr/lib/dracut/hooks/mount/99-mount.sh")
        for text in texts
    )


def test_no_init_is_no_boot(pair: Pair) -> None:
    (pair.second / "init").unlink()
    text = "/init is gone: the kernel will look for a root by itself"
    assert pair.meanings()[0] == (Weight.BREAKS, text)


def test_a_key_that_every_user_may_read_now(pair: Pair) -> None:
    for base, mode in ((pair.first, 0o600), (pair.second, 0o644)):
        peers.write(base, "secret", "/etc/key", mode)
    assert (Weight.WARNS, "/etc/key is now world-readable") in pair.meanings()


def test_changed_texts_are_shown_and_secrets_are_not(pair: Pair) -> None:
    for base, word in ((pair.first, "old"), (pair.second, "new")):
        peers.write(base, f"first\nis {word}\nlast\n", "/etc/some.conf")
        peers.write(base, f"secret {word}\n", "/etc/key", 0o600)
    found = pair.difference()
    assert [(each.path, each.what) for each in found.of(How.CHANGED)] == [
        ("/etc/key", "content"),
        ("/etc/some.conf", "content"),
    ]
    assert [each.path for each in found.texts] == ["/etc/some.conf"]
    assert {"-is old", "+is new"} <= set(found.texts[0].lines)


def test_modes_links_and_kinds(pair: Pair) -> None:
    (pair.second / "init").unlink()
    peers.write(pair.second, "#!/bin/sh\n", "/init", 0o755)
    (pair.second / "etc/passwd").chmod(0o600)
    changed = {each.path: each.what for each in pair.difference().of(How.CHANGED)}
    assert changed["/init"] == "a link to usr/lib/systemd/systemd -> a file"
    assert changed["/etc/passwd"] == "mode 0644 -> 0600"


def test_images_of_two_kernels_are_compared_module_by_module(pair: Pair) -> None:
    (pair.second / MODULES).rename(pair.second / "usr/lib/modules/6.2.0-test")
    assert not pair.difference()
    text = f"kernel {VERSION} finds no modules in the second image, which has those of 6.2.0-test"
    assert (Weight.WARNS, text) in pair.meanings()


def test_images_of_another_generator_without_a_merged_usr(tmp_path: Path) -> None:
    first = peers.dracut(tmp_path / "one")
    second = peers.initramfs_tools(tmp_path / "two")
    (second / "sbin").unlink()
    peers.write(second, "", "/sbin/tool", 0o755)
    peers.write(first, "", "/usr/sbin/tool", 0o755)
    a, b = (read_archive(peers.pack(each, tmp_path / f"{each.name}.img", "xz"))
            for each in (first, second))  # fmt: skip
    found = compare(a, b)
    assert found.modules_gone == () and found.modules_new == ()
    assert not any(each.path.endswith("/tool") for each in found.changes)
    texts = [text for _, text in meanings(Sides(a, b, survey(a), survey(b)), found)]
    assert "the images are from different generators: dracut 059-4, initramfs-tools" in texts


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("kernel/fs/xfs/xfs.ko", "file systems"),
        ("kernel/fs/nls/nls_ascii.ko", "character sets"),
        ("kernel/drivers/md/dm-crypt.ko", "device-mapper targets"),
        ("kernel/drivers/md/raid1.ko", "array levels and caches"),
        ("kernel/drivers/nvme/host/nvme.ko", "drivers of disks and controllers"),
        ("kernel/drivers/usb/storage/uas.ko", "drivers of disks and controllers"),
        ("kernel/drivers/usb/host/xhci-pci.ko", "USB drivers"),
        ("kernel/drivers/hid/usbhid/usbhid.ko", "input drivers"),
        ("kernel/arch/x86/crypto/aesni-intel.ko", "ciphers and hashes"),
        ("kernel/drivers/net/virtio_net.ko", "network drivers and protocols"),
        ("updates/dkms/zfs.ko", "other modules"),
    ],
)
def test_a_modules_folder_tells_its_role(path: str, what: str) -> None:
    assert role_of(path).what == what


def test_names_are_those_that_the_kernel_requests() -> None:
    assert answers_to("raid1", ["md-raid1", "md-level-1", "md-personality-3"]) == ["raid1"]
    assert answers_to("ext4", ["fs-ext3", "ext3", "fs-ext4"]) == ["ext3", "ext4"]
    assert answers_to("ahci", ["pci:v*", "acpi*:X:*"]) == ["PCI"]
    assert answers_to("dm_zero", []) == ["dm_zero"]


def test_the_command(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.without("virtio_blk")
    peers.write(pair.second, "more\n", "/etc/passwd")
    first, second = map(str, pair.pack())
    assert main(["diff", first, second]) == 1
    shown = capsys.readouterr().out
    assert "1 kernel modules gone: virtio_blk" in shown
    assert "will not boot" in shown and "+more" in shown
    assert main(["diff", "--json", first, second]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["modules_gone"] == ["virtio_blk"]
    assert found["meanings"][0]["weight"] == "breaks"
    assert {each["path"] for each in found["changes"]} >= {"/etc/passwd"}
