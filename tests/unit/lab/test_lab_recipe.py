"""Recipes become scripts for the real tools; values with blanks or quotes are quoted."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.lab.recipe import script
from initpy.scenario.model import Dataset, Layer, Partition, Recipe


def recipe(*layers: Layer) -> Recipe:
    return Recipe((("a", 1 << 26), ("b", 1 << 26)), layers, (("/k", "key"),))


NESTED = recipe(
    Layer("raid1", "md", ("a", "b")),
    Layer("luks2", "crypt", ("md",), passphrase="it's mine", keyfile="/k"),
    Layer("lvm", "root", ("crypt",), group="vg0", size=1 << 25),
    Layer("lvm", "home", (), group="vg0"),
    Layer("ext4", "", ("root",), label="my root", holds="root"),
)


def test_layers_are_created_upwards_and_stopped_downwards() -> None:
    words = [line.split()[0:3] for line in script(NESTED, "0-").splitlines()]
    tools = ("mdadm", "lvm", "cryptsetup", "stop_array")
    order = [" ".join(each) for each in words if each[0] in tools]
    assert order == [
        "mdadm --quiet --create",
        "cryptsetup luksAddKey --batch-mode",
        "cryptsetup open --type",
        "lvm pvcreate -q",
        "lvm vgcreate -q",
        "lvm lvcreate -q",
        "lvm lvcreate -q",
        "lvm vgchange -q",
        "cryptsetup close crypt",
        "stop_array /dev/md100",
    ]


def test_disks_are_found_by_serial_number() -> None:
    assert '"$(disk 3-a)" "$(disk 3-b)"' in script(NESTED, "3-")


def test_secrets_are_never_arguments() -> None:
    assert "mine" not in script(NESTED, "")


def test_partitions_have_their_names_and_sizes() -> None:
    parts = (Partition("a1", 1 << 20, label="EFI"), Partition("a2"))
    text = script(recipe(Layer("partitions", "", ("a",), parts=parts)), "")
    assert 'size=2048, name="EFI"' in text
    assert text.rstrip().endswith('sfdisk --quiet "$(disk a)"')


@pytest.mark.skipif(shutil.which("busybox") is None, reason="needs busybox")
def test_busybox_accepts_the_script() -> None:
    done = subprocess.run(
        ["busybox", "sh", "-n"], input=script(NESTED, "").encode(), check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("", "lvm lvcreate -q -y -Zn -Wn  -L 8388608b -n root vg0"),
        ("striped", "--type striped -i 2 -L 8388608b -n root vg0"),
        ("raid1", "--type raid1 -m 1 --nosync -L 8388608b -n root vg0"),
        ("thin", "--type thin -V 8388608b -n root vg0/pool"),
        ("cachevol", "lvconvert -q -y --type cache --cachevol fast vg0/root"),
        ("cachepool", '--type cache-pool -L 16m -n fast vg0 "$(disk b)"'),
    ],
)
def test_each_type_of_logical_volume_has_its_command(kind: str, line: str) -> None:
    layer = Layer("lvm", "root", ("a", "b"), group="vg0", size=8 << 20, type=kind)
    assert line in script(recipe(layer), "")


def test_a_cached_disk_is_stopped_again() -> None:
    text = script(recipe(Layer("bcache", "joint", ("a", "b")), Layer("ext4", "", ("joint",))), "")
    lines = text.splitlines()
    assert lines[0] == 'cached "$(disk a)" "$(disk b)"'
    assert lines[1].endswith(" /dev/bcache0")
    assert lines[-1] == "uncached"


def test_a_detached_header_is_created_in_memory_and_copied_to_its_place() -> None:
    layer = Layer("luks2", "crypt", ("a",), passphrase="p", header="b")
    text = script(recipe(layer), "")
    assert "--header /run/crypt.header" in text
    assert text.index("cryptsetup open") < text.index('cat /run/crypt.header >"$(disk b)"')


def test_a_header_may_be_a_file_on_a_file_system() -> None:
    stick = Layer("ext4", "stick", ("b",))
    layer = Layer("luks2", "crypt", ("a",), passphrase="p", header="stick:/h")
    assert "cp /run/crypt.header /mnt/h" in script(recipe(stick, layer), "")


def test_key_derivation_is_cheap_unless_a_scenario_sets_its_cost() -> None:
    layer = Layer("luks2", "crypt", ("a",), passphrase="p", argon2=(262144, 4))
    words = "--pbkdf argon2id --pbkdf-parallel 1 --pbkdf-memory 262144 --pbkdf-force-iterations 4"
    assert words in script(recipe(layer), "")
    assert "--pbkdf pbkdf2" in script(recipe(replace(layer, argon2=None)), "")


@pytest.mark.skipif(shutil.which("debugfs") is None, reason="debugfs is not installed")
@pytest.mark.parametrize(("left", "preened"), [("errors", 1), ("spoilt", 4)])
def test_r19_a_file_system_has_the_requested_kind_of_errors(
    tmp_path: Path, left: str, preened: int
) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    os.truncate(disk, 1 << 24)
    found = recipe(Layer("ext4", "", ("a",), label="x", left=left))
    lines = script(found, "").replace('"$(disk a)"', str(disk))
    system = tmp_path / "os-release"
    system.write_text("ID=test\n")
    lines = lines.replace("/lab/system/etc/os-release", str(system))
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    subprocess.run(["sh", "-e", "-c", lines], check=True, env={"PATH": path}, capture_output=True)
    check = subprocess.run(["e2fsck", "-a", disk], env={"PATH": path}, capture_output=True)
    assert check.returncode == preened
    repair = subprocess.run(["e2fsck", "-y", disk], env={"PATH": path}, capture_output=True)
    assert repair.returncode in (0, 1)


def test_a_default_subvolume_is_made_the_default() -> None:
    layer = Layer("btrfs", "", ("a",), holds="root", subvolume="current", default=True)
    lines = script(recipe(layer), "").splitlines()
    assert "btrfs subvolume set-default /mnt/current" in lines
    # The kernel takes another disk with the same UUID for the same file system.
    assert lines[-1].startswith("btrfs device scan --forget")


def test_further_subvolumes_and_folders_apart_are_given_to_fill() -> None:
    layers = (
        Layer("ext4", "", ("b",), holds="var"),
        Layer(
            "btrfs", "", ("a",), holds="root", system="debian-12",
            subvolume="@", subvolumes=("@home", "@/opt"),
        ),
    )  # fmt: skip
    lines = script(replace(recipe(*layers), kernel="6.1"), "").splitlines()
    var, root = (each for each in lines if each.startswith("fill "))
    assert var.endswith("/var '' \"\" ''")
    assert root.endswith('@ "" var @home @/opt')


def test_a_group_gets_its_owner_when_it_is_inactive_and_its_last_name_last_of_all() -> None:
    layers = (
        Layer("lvm", "root", ("a",), group="vg0", system_id="other", left="exported"),
        Layer("lvm", "guest", ("b",), group="vg1", renamed="vg0"),
    )
    lines = script(recipe(*layers), "").splitlines()
    assert lines[-4:] == [
        "lvm vgchange -q -an vg0",
        "lvm vgchange -q -y --systemid other vg0",
        "left_exported vg0",
        """renamed vg1 vg0 '' "$(disk b)\"""",
    ]


def test_a_pool_is_exported_unless_another_system_keeps_it() -> None:
    own = Dataset("ROOT/debian", "/", "noauto", passphrase="it's mine too", holds="root")
    pool = Layer("zfs", "rpool", ("a", "b"), profile="mirror", datasets=(own,))
    text = script(recipe(pool), "")
    assert 'rpool mirror "$(disk a)" "$(disk b)"' in text
    assert "zfs create -u -o canmount=noauto" in text
    assert "mine" not in text
    assert text.rstrip().endswith("zpool export rpool")
    volume = script(recipe(replace(pool, volumes=(("vol", 64 << 20),))), "")
    assert "zfs create -s -V 67108864 rpool/vol" in volume
    kept = script(recipe(replace(pool, host_id="00c0ffee")), "")
    assert "echo 0x00c0ffee >" in kept and "zpool export" not in kept
