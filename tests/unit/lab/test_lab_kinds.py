"""A scenario runs in User Mode Linux unless it needs hardware that only QEMU has."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.lab import umlhost
from initpy.lab.errors import LabError
from initpy.lab.kernels import Kernel
from initpy.lab.kinds import gone_from, kernel_of, kind_for, needs_of_qemu
from initpy.scenario.model import Disk, MachineKind, Outcome, Scenario, Variant
from initpy.scenario.parse import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture(autouse=True)
def _works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umlhost, "problem", lambda: "")


@pytest.fixture
def plain() -> Scenario:
    return load_scenario(SCENARIOS / "plain-ext4-label.toml")


def test_a_scenario_of_virtio_disks_needs_no_qemu(plain: Scenario) -> None:
    assert kind_for(plain) is MachineKind.UML


def test_a_scenario_with_other_hardware_boots_in_qemu(plain: Scenario) -> None:
    lacking = {
        "nvme": replace(plain, disks=(Disk("a", 1 << 26, bus="nvme"),)),
        "firmware": replace(plain, uefi=True),
        "console": replace(plain, second=True),
        "memory": replace(plain, memory=256),
        "power": replace(plain, expect=replace(plain.expect, outcome=Outcome.POWEROFF)),
        "buses": replace(plain, variant=Variant(host="somewhere")),
        "PCI": replace(plain, cmdline="root=/dev/disk/by-path/pci-0000:00:04.0"),
        "starts another": replace(plain, again="kexec"),
        "without root=": replace(plain, cmdline="ro"),
        "drivers": replace(plain, variant=Variant(without=("virtio_blk",))),
    }
    for word, scenario in lacking.items():
        assert kind_for(scenario) is MachineKind.QEMU
        (need,) = needs_of_qemu(scenario)
        assert word in need


def test_network_cards_need_qemu() -> None:
    assert needs_of_qemu(load_scenario(SCENARIOS / "nbd-root-server-late.toml"))[-1].startswith(
        "a network card"
    )


def test_a_disk_in_a_file_of_the_image_is_on_no_bus(plain: Scenario) -> None:
    disk = Disk("hdr", 1 << 26, bus="scsi", image="/etc/header")
    assert needs_of_qemu(replace(plain, disks=(*plain.disks, disk))) == []


def test_the_option_overrides_the_machine_in_the_file(plain: Scenario) -> None:
    told = replace(plain, machine=MachineKind.QEMU)
    assert kind_for(told) is MachineKind.QEMU
    assert kind_for(told, MachineKind.UML) is MachineKind.UML


def test_a_machine_without_the_hardware_is_rejected_with_its_name(plain: Scenario) -> None:
    with pytest.raises(LabError, match=r"have firmware\n  try: initpy boot --machine qemu"):
        kind_for(replace(plain, uefi=True), MachineKind.UML)


def test_a_host_on_which_user_mode_linux_does_not_run_uses_qemu(
    plain: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(umlhost, "problem", lambda: "no ptrace")
    assert kind_for(plain) is MachineKind.QEMU
    kind = kind_for(plain, MachineKind.UML)
    with pytest.raises(LabError, match=r"on this host: no ptrace\n  or boot in QEMU"):
        kernel_of(kind)


def test_a_layer_that_the_kernel_removed_is_named(plain: Scenario, tmp_path: Path) -> None:
    (tmp_path / "modules.dep").write_text("kernel/drivers/md/raid1.ko:\n")
    kernel = Kernel("9.9", tmp_path / "linux", tmp_path)
    old = load_scenario(SCENARIOS / "linear-old-on-raid0.toml").recipe()
    assert gone_from(kernel, old) == "linear"
    assert gone_from(kernel, plain.recipe()) == ""
    (tmp_path / "modules.dep").write_text("kernel/drivers/md/linear.ko:\n")
    assert gone_from(kernel, old) == ""
