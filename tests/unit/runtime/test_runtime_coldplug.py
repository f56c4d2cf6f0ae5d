"""Coldplug on a made-up sysfs: what can carry a disk is announced first, the rest later."""

from pathlib import Path

import pytest

from initpy.runtime import coldplug


class Sysfs:
    """A folder like /sys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def device(self, bus: str, name: str, attributes: dict[str, str], driver: bool = False) -> str:
        """A device on a bus; its name for the tests is `bus/name`."""
        folder = self.root / "bus" / bus / "devices" / name
        folder.mkdir(parents=True)
        for key, value in {"uevent": "", **attributes}.items():
            (folder / key).write_text(value)
        if driver:
            (folder / "driver").mkdir()
        return f"{bus}/{name}"

    def block(self, name: str) -> str:
        """A block device; named `block/name`."""
        folder = self.root / "class" / "block" / name
        folder.mkdir(parents=True)
        (folder / "uevent").write_text("")
        return f"block/{name}"

    def short(self, paths: list[str]) -> list[str]:
        """The devices' names for the tests."""
        short = (each.removeprefix(f"{self.root}/").split("/") for each in paths)
        return [f"{words[1]}/{words[-1]}" for words in short]

    @property
    def storage(self) -> list[str]:
        return self.short(coldplug.storage(str(self.root)))

    @property
    def others(self) -> list[str]:
        return self.short(coldplug.late(str(self.root)) + coldplug.others(str(self.root)))


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path / "sys")


def test_block_devices_are_announced_whatever_drives_them(sysfs: Sysfs) -> None:
    disks = [sysfs.block("sda"), sysfs.block("sda1")]
    assert (sysfs.storage, sysfs.others) == (disks, [])


@pytest.mark.parametrize(
    ("bus", "attributes"),
    [
        ("virtio", {}),
        ("nvme", {}),
        ("scsi", {}),
        ("usb", {}),
        ("mmc", {}),
        ("vmbus", {}),
        ("xen", {}),
        ("pci", {"class": "0x010802\n"}),  # NVMe
        ("pci", {"class": "0x010601\n"}),  # AHCI
        ("pci", {"class": "0x010000\n"}),  # SCSI, virtio-blk
        ("pci", {"class": "0x010180\n"}),  # IDE
        ("pci", {"class": "0x0c0330\n"}),  # xHCI
        ("pci", {"class": "0x080501\n"}),  # SD
    ],
)
def test_what_leads_to_a_disk_comes_first(
    sysfs: Sysfs, bus: str, attributes: dict[str, str]
) -> None:
    device = sysfs.device(bus, "d0", {"modalias": "x:y", **attributes})
    assert (sysfs.storage, sysfs.others) == ([device], [])


@pytest.mark.parametrize(
    ("bus", "attributes"),
    [
        ("pci", {"class": "0x020000\n"}),  # a network card
        ("pci", {"class": "0x030000\n"}),  # VGA
        ("pci", {}),
        ("hid", {}),
        ("serio", {}),
        ("platform", {}),
        ("acpi", {}),
    ],
)
def test_the_rest_comes_after_it(sysfs: Sysfs, bus: str, attributes: dict[str, str]) -> None:
    device = sysfs.device(bus, "d0", {"modalias": "x:y", **attributes})
    assert (sysfs.storage, sysfs.others) == ([], [device])


@pytest.mark.parametrize("bus", ["virtio", "pci", "serio"])
def test_a_device_that_has_its_driver_or_wants_none_is_left_alone(sysfs: Sysfs, bus: str) -> None:
    sysfs.device(bus, "bound", {"modalias": "x:y", "class": "0x010802"}, driver=True)
    sysfs.device(bus, "bare", {})
    assert (sysfs.storage, sysfs.others) == ([], [])


def test_no_device_is_announced_twice_or_forgotten(sysfs: Sysfs) -> None:
    everything = {sysfs.block("vda")} | {
        sysfs.device(bus, f"{bus}{kind}", {"modalias": "x:y", "class": kind})
        for bus in (*coldplug.STORAGE_BUSES, "pci", "serio", "hid")
        for kind in ("0x010802", "0x020000")
    }
    both = [*sysfs.storage, *sysfs.others]
    assert len(both) == len(set(both))
    assert set(both) == everything - {
        # Their class says that they carry disks, which only means something on PCI; no such
        # devices exist, and their parents lead to what they carry.
        "serio/serio0x010802",
        "hid/hid0x010802",
    }


def test_announcing_has_the_kernel_send_an_add_event(sysfs: Sysfs, tmp_path: Path) -> None:
    sysfs.block("sda")
    paths = coldplug.storage(str(sysfs.root))
    coldplug.announce([*paths, str(tmp_path / "vanished")])
    assert (sysfs.root / "class/block/sda/uevent").read_text() == "add"


def test_a_kernel_without_a_sysfs_has_nothing_to_announce(tmp_path: Path) -> None:
    assert coldplug.storage(str(tmp_path / "none")) == []
    assert coldplug.late(str(tmp_path / "none")) == []
    assert coldplug.others(str(tmp_path / "none")) == []


def test_ide_beside_another_carrier_waits_for_it(sysfs: Sysfs) -> None:
    ide = sysfs.device("pci", "d1", {"modalias": "x:y", "class": "0x010180\n"})
    disk = sysfs.device("pci", "d2", {"modalias": "x:y", "class": "0x010000\n"})
    mouse = sysfs.device("serio", "d0", {"modalias": "x:y"})
    assert (sysfs.storage, sysfs.others) == ([disk], [ide, mouse])
    driven = {f"pci/{Path(each).name}" for each in coldplug.carriers(str(sysfs.root))}
    assert driven == {ide, disk}


def test_ide_waits_for_network_cards_that_lead_to_the_root(sysfs: Sysfs) -> None:
    sysfs.device("pci", "d1", {"modalias": "x:y", "class": "0x010180\n"})
    root = str(sysfs.root)
    assert coldplug.storage(root, ["card"]) == []
    assert sysfs.short(coldplug.late(root, ["card"])) == ["pci/d1"]


def test_the_console_is_announced_if_the_image_has_a_font(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "class/vtconsole/vtcon0").mkdir(parents=True)
    assert coldplug.screens(str(tmp_path)) == []
    monkeypatch.setattr(coldplug, "FONT_RULES", str(tmp_path / "class"))
    assert coldplug.screens(str(tmp_path)) == [f"{tmp_path}/class/vtconsole/vtcon0"]
