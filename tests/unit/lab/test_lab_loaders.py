"""Boot loaders with several entries that count their boots."""

import subprocess
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.lab import esp, loaders
from initpy.scenario.model import BootEntry, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import scenario_text
from initpy.simulation.machine.loader import BootLoader

SCENARIOS = Path(__file__).parents[2] / "scenarios"
ENTRIES = (BootEntry("new", "root=LABEL=a", 2), BootEntry("old", "root=LABEL=b"))


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Path, Path]:
    kernel, initrd = tmp_path / "kernel", tmp_path / "image"
    kernel.write_bytes(b"MZ")
    initrd.write_bytes(b"070701")
    return kernel, initrd


def scenario(name: str) -> Scenario:
    return load_scenario(SCENARIOS / f"{name}.toml")


def test_systemd_boot_has_the_tries_in_the_names(parts: tuple[Path, Path]) -> None:
    files = loaders.files(scenario("counted-fallback"), *parts, "quiet")
    names = sorted(path for path in files if path.startswith("loader"))
    assert names == [f"loader/entries/{name}.conf" for name in ("new+1", "old+1", "recovery")]
    words = files["loader/entries/old+1.conf"].decode().splitlines()
    assert "options quiet root=LABEL=initpy-root rootfstype=xfs" in words
    assert (files["linux"], files["initrd"]) == (b"MZ", b"070701")


def test_grub_has_them_in_its_environment_block(parts: tuple[Path, Path], tmp_path: Path) -> None:
    files = loaders.files(scenario("counted-grub"), *parts, "quiet")
    block = tmp_path / "grubenv"
    block.write_bytes(files["grubenv"])
    listed = subprocess.check_output(["grub-editenv", str(block), "list"], text=True)
    assert listed.splitlines() == ["tries_new=1", "tries_old=2"]
    assert files[esp.BOOTED].startswith(b"MZ")


def test_grub_understands_the_script(tmp_path: Path) -> None:
    script = tmp_path / "grub.cfg"
    script.write_text("\n".join(loaders._script(ENTRIES, "quiet")))
    subprocess.run(["grub-script-check", str(script)], check=True)
    assert "initpy.tries=${tries_new}" in script.read_text()


@pytest.mark.parametrize(
    ("name", "roots", "left"),
    [("counted-fallback", ["nowhere", "initpy-root", "initpy-root"], [0, 0, None]),
     ("counted-grub", ["nowhere", "initpy-root", "initpy-root", "initpy-root"], [0, 1, 0, None])],
)  # fmt: skip
def test_the_simulated_loader_takes_tries_and_falls_back(
    name: str, roots: list[str], left: list[int | None]
) -> None:
    loader = BootLoader(scenario(name))
    boots = [loader.boot().settings for _ in roots]
    assert [each.root.value for each in boots if each.root is not None] == roots
    assert [each.counting and each.counting.left for each in boots] == left


def test_a_scenario_with_entries_survives_being_written(tmp_path: Path) -> None:
    for name in ("counted-fallback", "counted-grub"):
        file = tmp_path / f"{name}.toml"
        file.write_text(scenario_text(scenario(name)))
        again = load_scenario(file)
        assert (again.entries, again.loader) == (scenario(name).entries, scenario(name).loader)
        assert again.restarts


def test_entries_need_a_firmware(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    text = (SCENARIOS / "counted-fallback.toml").read_text()
    file.write_text(text.replace('firmware = "uefi"\n', ""))
    with pytest.raises(InputError, match="uefi, since there are tables"):
        load_scenario(file)


def test_a_small_partition_of_a_large_disk_gets_a_file_system(tmp_path: Path) -> None:
    disk = tmp_path / "a.raw"
    with disk.open("wb") as file:
        file.truncate(1600 << 20)
    place = esp.Place(1 << 20, 220 << 20)
    esp.furnish(disk, place, {"linux": b"MZ", esp.BOOTED: b"MZ"})
    command = ["mcopy", "-i", f"{disk}@@{place.offset}", "::/linux", str(tmp_path / "linux")]
    subprocess.run(command, check=True)
    assert (tmp_path / "linux").read_bytes() == b"MZ"
