"""Modules are selected with all dependencies, hard and soft; built-in ones count (R27)."""

from pathlib import Path

import pytest
from fake_modules import VERSION, make_modules, modinfo_reads

from initpy.image.kernel import firmware
from initpy.image.kernel.kmod import (
    ModuleIndex,
    Need,
    Selection,
    Want,
    configuration,
    read_index,
    select,
)
from initpy.image.kernel.tables import module_tables
from initpy.image.missing import IncompleteError

MODULES = (
    ("kernel/drivers/md/dm-mod.ko", ""),
    ("kernel/drivers/md/dm-crypt.ko", "dm_mod"),
    ("kernel/drivers/md/raid1.ko", "md_mod"),
    ("kernel/drivers/md/md-mod.ko", ""),
    ("kernel/fs/btrfs/btrfs.ko", "libcrc32c"),
    ("kernel/lib/libcrc32c.ko", ""),
    ("kernel/crypto/crc32c_generic.ko", ""),
    ("kernel/arch/x86/crypto/crc32c-intel.ko", ""),
    ("kernel/drivers/scsi/sd_mod.ko", ""),
    ("kernel/drivers/scsi/scsi_debug.ko", ""),
)
SOFTDEP = "# a comment\nsoftdep libcrc32c pre: crc32c\nsoftdep dm_crypt post: nowhere raid1\n"
ALIAS = "alias crc32c crc32c_generic\nalias crc32c crc32c_intel\nalias fs-btrfs* btrfs\n"
BUILTIN = "kernel/drivers/input/serio/i8042.ko\nkernel/drivers/video/fbdev/simplefb.ko\n"


@pytest.fixture
def index(tmp_path: Path) -> ModuleIndex:
    folder = make_modules(
        tmp_path,
        MODULES,
        builtin=BUILTIN,
        softdep=SOFTDEP,
        alias=ALIAS,
        modinfo=b"i8042.alias=platform-keyboard\0i8042.license=GPL\0",
    )
    (folder / "kernel/drivers/input").mkdir(parents=True)
    return read_index(folder)


def chosen(index: ModuleIndex, *names: str, without: tuple[str, ...] = ()) -> Selection:
    return select(index, [Want(name, "test") for name in names], without)


def names(selection: Selection) -> set[str]:
    return {Path(path).stem for path in selection.paths}


def test_dashes_and_underscores_mean_the_same(index: ModuleIndex) -> None:
    assert chosen(index, "dm-mod") == chosen(index, "dm_mod")


def test_dependencies_are_included(index: ModuleIndex) -> None:
    assert names(chosen(index, "raid1")) == {"raid1", "md-mod"}


def test_soft_dependencies_are_included_by_alias(index: ModuleIndex) -> None:
    assert names(chosen(index, "btrfs")) == {
        "btrfs",
        "libcrc32c",
        "crc32c_generic",
        "crc32c-intel",
    }


def test_post_soft_dependencies_count_and_absent_ones_do_not(index: ModuleIndex) -> None:
    selection = chosen(index, "dm_crypt")
    assert names(selection) == {"dm-crypt", "dm-mod", "raid1", "md-mod"}
    assert selection.missing == ()


def test_softdep_lines_of_modprobe_d_count(index: ModuleIndex, tmp_path: Path) -> None:
    for folder, text in (("etc", "softdep raid1 pre: sd_mod\n"), ("usr", "blacklist raid1\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.conf").write_text(text)
    files = configuration((tmp_path / "etc", tmp_path / "usr"))
    assert files == (tmp_path / "etc/mine.conf",)
    again = read_index(index.folder, files)
    assert names(chosen(again, "raid1")) == {"raid1", "md-mod", "sd_mod"}
    assert "crc32c_generic" in names(chosen(again, "btrfs"))


@pytest.mark.parametrize(
    "text",
    [
        "softdep raid1 \\\n  pre: sd_mod\n", "softdep raid1 pre: \\\nsd_mod\n",
        "weakdep raid1 sd_mod\n", "weakdep raid1 sd_mod nowhere\n",
    ],
)  # fmt: skip
def test_lines_of_modprobe_d_that_go_on_and_weak_dependencies(
    text: str, index: ModuleIndex, tmp_path: Path
) -> None:
    (tmp_path / "mine.conf").write_text(text)
    again = read_index(index.folder, [tmp_path / "mine.conf"])
    assert names(chosen(again, "raid1")) == {"raid1", "md-mod", "sd_mod"}


def test_the_weak_dependencies_that_depmod_lists(index: ModuleIndex) -> None:
    (index.folder / "modules.weakdep").write_text("# depmod\nweakdep raid1 sd_mod\n")
    assert names(chosen(read_index(index.folder), "raid1")) == {"raid1", "md-mod", "sd_mod"}


def test_built_in_modules_are_not_missing(index: ModuleIndex) -> None:
    assert chosen(index, "i8042", "simplefb", "platform-keyboard", "drivers/input/") == Selection(
        (), ()
    )


def test_a_name_may_be_an_alias_with_wildcards(index: ModuleIndex) -> None:
    assert "btrfs" in names(chosen(index, "fs-btrfs"))


def test_a_folder_without_its_excluded_modules(index: ModuleIndex) -> None:
    assert names(chosen(index, "drivers/scsi/", without=("scsi-debug",))) == {"sd_mod"}
    assert names(chosen(index, "drivers/scsi/", without=("drivers/scsi/",))) == set()


def test_a_folder_has_the_modules_that_replace_its_own(tmp_path: Path) -> None:
    """DKMS puts them into another folder, and depmod lists only these."""
    folder = tmp_path / "5.0"
    for path in ("kernel/drivers/block/virtio_blk.ko", "updates/dkms/virtio_blk.ko"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).touch()
    (folder / "updates/dkms/nvidia.ko").touch()
    (folder / "modules.dep").write_text("updates/dkms/virtio_blk.ko:\nupdates/dkms/nvidia.ko:\n")
    assert chosen(read_index(folder), "drivers/block/").paths == ("updates/dkms/virtio_blk.ko",)


def test_an_excluded_dependency_is_included(index: ModuleIndex) -> None:
    assert "dm-mod" in names(chosen(index, "dm_crypt", "drivers/md/", without=("dm_mod",)))


def test_a_module_by_name_overrides_the_exclusion_from_a_folder(index: ModuleIndex) -> None:
    assert "scsi_debug" in names(chosen(index, "scsi_debug", without=("scsi_debug",)))


def test_unknown_names_and_folders_are_all_reported(index: ModuleIndex) -> None:
    missing = chosen(index, "zfs", "drivers/zfs/", "raid1").missing
    assert [(item.kind, item.name, item.wanted_by) for item in missing] == [
        ("module", "zfs", "test"),
        ("module folder", "drivers/zfs/", "test"),
    ]


def test_optional_modules_are_reported_separately(index: ModuleIndex) -> None:
    wanted = [
        Want("linear", "jobs", Need.OPTIONAL),
        Want("bcache", "jobs", Need.TECHNOLOGY),
        Want("drivers/ata/", "recipe", Need.OPTIONAL),
        Want("i8042", "recipe", Need.OPTIONAL),
        Want("zfs", "request"),
    ]
    selection = select(index, wanted)
    assert selection.absent == tuple(wanted[:3])
    assert [item.name for item in selection.missing] == ["zfs"]


def test_an_alias_excludes_hardware_accelerators(tmp_path: Path) -> None:
    """`modprobe aes` fails if padlock_aes finds no VIA processor."""
    modules = [("kernel/arch/x86/crypto/aesni-intel.ko", ""),
               ("kernel/drivers/crypto/padlock-aes.ko", "")]  # fmt: skip
    alias = "alias aes aesni_intel\nalias aes padlock_aes\nalias rng padlock_aes\n"
    index = read_index(make_modules(tmp_path, modules, alias=alias))
    assert names(chosen(index, "aes")) == {"aesni-intel"}
    assert names(chosen(index, "rng")) == {"padlock-aes"}


def test_a_folder_without_modules_dep_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "5.0/kernel").mkdir(parents=True)
    (tmp_path / "5.0/kernel/a.ko.xz").touch()
    with pytest.raises(IncompleteError, match=r"depmod 5\.0"):
        read_index(tmp_path / "5.0")


@pytest.mark.parametrize(
    "text", ["", "garbage\n", "\udcff", "kernel/a.ko: kernel/b.ko\n", "kernel/a.ko: ker"]
)
def test_what_a_full_disk_leaves_of_modules_dep(tmp_path: Path, text: str) -> None:
    (tmp_path / "5.0/kernel").mkdir(parents=True)
    (tmp_path / "5.0/kernel/a.ko").touch()
    (tmp_path / "5.0/modules.dep").write_text(text, errors="surrogateescape")
    (tmp_path / "5.0/modules.alias").write_text("alias crypto-aes aesni_intel\n")
    with pytest.raises(IncompleteError, match=r"incomplete.*depmod 5\.0"):
        read_index(tmp_path / "5.0")


def test_an_alias_of_a_module_that_is_not_there_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text("kernel/a.ko:\n")
    lines = "alias crypto-aes gone\nalias crypto-aes a\nalias pci:v* gone\nalias x-* gone\n"
    (tmp_path / "modules.alias").write_text(lines)
    index = read_index(tmp_path)
    assert (index.aliases, index.patterns, index.buses) == ({"crypto-aes": ("a",)}, {}, {})


@pytest.mark.parametrize("folder", [True, False])
def test_a_kernel_without_modules_has_all_of_its_drivers_built_in(
    tmp_path: Path, folder: bool
) -> None:
    if folder:
        (tmp_path / "5.0").mkdir()
    selection = select(read_index(tmp_path / "5.0"), [Want("ext4", "a"), Want("drivers/", "b")])
    assert (selection.paths, selection.missing, selection.absent) == ((), (), ())


def test_the_images_indexes_have_only_its_modules(index: ModuleIndex) -> None:
    tables = module_tables(index, chosen(index, "raid1").paths, VERSION)
    assert b"raid1" in tables["modules.dep.bin"]
    assert b"btrfs" not in tables["modules.dep.bin"]
    assert b"8042" in tables["modules.builtin.bin"]


def test_a_listed_module_without_a_file_is_reported(index: ModuleIndex) -> None:
    (index.folder / "kernel/drivers/md/md-mod.ko").unlink()
    (missing,) = chosen(index, "raid1").missing
    assert missing.name == "kernel/drivers/md/md-mod.ko"
    assert f"depmod {VERSION}" in missing.hint


def test_fake_modules_are_modules_for_modinfo(index: ModuleIndex) -> None:
    assert "depends:        md_mod" in modinfo_reads(index.folder / "kernel/drivers/md/raid1.ko")


def test_firmware_is_found_as_the_kernel_finds_it(tmp_path: Path) -> None:
    (tmp_path / "updates").mkdir()
    (tmp_path / "vendor").mkdir()
    (tmp_path / "updates/a.bin").write_bytes(b"new")
    (tmp_path / "a.bin").write_bytes(b"old")
    (tmp_path / "vendor/b-1.fw.xz").write_bytes(b"")
    pairs = [("one", "a.bin"), ("two", "vendor/b-*.fw"), ("three", "c.bin")]
    found = firmware.find(pairs, "6.1.0-test", tmp_path)
    assert found.files == (tmp_path / "updates/a.bin", tmp_path / "vendor/b-1.fw.xz")
    assert found.absent == (("three", "c.bin"),)
