"""Installed systems: whose disks differ, what is opened again, what is looked at when it is off."""

import struct
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.lab import installed, off
from initpy.lab.recipe import opening, script
from initpy.lab.system import FACTS
from initpy.report.facts import facts_table
from initpy.scenario.hibernation import awake
from initpy.scenario.model import Layer, as_carried
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import scenario_text

SCENARIOS = Path(__file__).parents[2] / "scenarios"
INSTALLER = SCENARIOS / "debian-12-installer-again.toml"


def test_a_scenario_names_its_system_and_its_boots(tmp_path: Path) -> None:
    scenario = load_scenario(INSTALLER)
    assert (scenario.system, scenario.boots, scenario.variant.made) == ("debian-12", 2, "hook")
    (tmp_path / "same.toml").write_text(scenario_text(scenario))
    assert load_scenario(tmp_path / "same.toml").layers == scenario.layers


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('system = "debian-12"', 'system = "debian-11"', "debian-12"),
        ("boots = 2", "boots = 0", "from 1 to 9"),
        ("boots = 2", 'again = "soft-reboot"', "of a Debian 13"),
        ("boots = 2", 'again = "kexec"', "kexec only with a partition of the type C12A7328"),
        ('holds = "root"\nsystem = "debian-12"', "", "in which the hook makes the image"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(INSTALLER.read_text().replace(old, new))
    with pytest.raises(InputError, match=said):
        load_scenario(file)


def test_an_installed_system_hibernates_by_systemd() -> None:
    scenario = load_scenario(SCENARIOS / "debian-12-hibernates.toml")
    (root,) = [layer for layer in scenario.layers if layer.system]
    assert "\nsystemctl hibernate\n" in dict(root.files)["/lab/run"]
    (root,) = [awake(layer, scenario.hibernates) for layer in scenario.layers if layer.system]
    assert "/lab/run" not in dict(root.files)


def test_the_image_of_the_hook_carries_crypttab_as_without_a_visible_root() -> None:
    scenario = load_scenario(INSTALLER)
    assert "home_crypt" in dict(as_carried(scenario).files)["/etc/crypttab"]
    assert scenario.files == ()


def test_the_layers_are_set_up_again_by_the_names_of_the_installer() -> None:
    lines = opening(load_scenario(INSTALLER).recipe()).splitlines()
    assert '/dev/md0 "$(disk a)"2 "$(disk b)"2' in next(each for each in lines if "mdadm" in each)
    assert [each for each in lines if "cryptsetup open" in each and "md0_crypt" in each]
    assert not [each for each in lines if "luksFormat" in each or "lvcreate" in each]
    assert lines[-1].startswith("mount ") is False
    mount = lines.index("mount /dev/deb-vg/root /target")
    assert lines[mount - 1] == "/usr/sbin/modprobe -q ext4 || true"


def test_a_key_file_is_readable_by_root_only() -> None:
    lines = script(load_scenario(INSTALLER).recipe(), "").splitlines()
    (key,) = [each for each in lines if each.startswith("extra_file /etc/keys/home.key")]
    assert key.endswith(" 0600")


def test_disks_with_a_system_depend_on_its_kernel_and_on_what_the_lab_adds() -> None:
    recipe = load_scenario(INSTALLER).recipe()
    assert installed.system_names([recipe]) == [("debian-12", "")]
    assert len(installed.serial("debian-12", "6.1.0-57-amd64")) <= 20  # virtio's limit
    assert FACTS.name == "facts.sh"


def member(events: int, resync: int) -> bytes:
    """A disk with a superblock of version 1.2."""
    block = bytearray(8192)
    struct.pack_into("<I", block, 4096, 0xA92B4EFC)
    struct.pack_into("<QQ", block, 4096 + 200, events, resync)
    return bytes(block)


IN_SYNC = (1 << 64) - 1


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (member(7, IN_SYNC), member(7, IN_SYNC), "clean"),
        (member(7, 0), member(7, IN_SYNC), "a is dirty"),
        (member(6, IN_SYNC), member(7, IN_SYNC), "a is out of date"),
        (bytes(8192), member(7, IN_SYNC), "a has no superblock"),
    ],
)
def test_members_are_looked_at_when_the_machine_is_off(
    tmp_path: Path, first: bytes, second: bytes, said: str
) -> None:
    disks = {"a": tmp_path / "a", "b": tmp_path / "b"}
    disks["a"].write_bytes(first)
    disks["b"].write_bytes(second)
    facts = off.off_facts([Layer("raid1", "0", ("a", "b"))], disks)
    assert facts == f"INITPY-LAB fact off.0={said}\n"


def test_facts_are_shown_by_group_and_nothing_is_a_dash() -> None:
    lines = [*facts_table({"system.state": "running", "system.failed": "", "off.0": "clean"})]
    assert lines == [
        "system", "  system.state   running", "  system.failed  -", "off", "  off.0          clean",
    ]  # fmt: skip


def test_the_image_of_the_hook_carries_what_debian_configures() -> None:
    files = dict(as_carried(load_scenario(SCENARIOS / "debian-12-resume.toml")).files)
    assert files["/etc/initpy/parameters"] == "resume=/dev/mapper/deb--vg-swap_1\n"
    files = dict(as_carried(load_scenario(SCENARIOS / "debian-12-keyscript.toml")).files)
    assert files["/usr/local/sbin/give"].startswith("#!/bin/sh")


def test_a_system_may_have_its_usr_apart() -> None:
    scenario = load_scenario(SCENARIOS / "debian-12-usr-on-lvm.toml")
    made = script(scenario.recipe(), "0-").splitlines()
    usr, root = (line for line in made if line.startswith("fill "))
    assert usr.split()[-4].endswith("/usr")
    assert root.endswith(" usr")
    last = opening(scenario.recipe()).splitlines()[-1]
    assert last == "mount /dev/deb-vg/usr /target/usr"
