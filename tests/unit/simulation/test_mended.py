"""Mistakes of the world model that exploring has found."""

from pathlib import Path

from initpy.scenario.model import Outcome
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate
from initpy.simulation.world.random_faults import RandomFaults

BTRFS = """
title = "one device of a btrfs is encrypted and comes last"
[machine]
cmdline = "root=LABEL=r"
[[disk]]
name = "a"
size = "128M"
[[disk]]
name = "b"
size = "160M"
[[layer]]
kind = "luks2"
name = "c"
on = ["b"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
passphrase = "correct horse"
[[layer]]
kind = "btrfs"
on = ["a", "c"]
label = "r"
profile = "raid1"
holds = "root"
[[person]]
when = "Passphrase for "
type = "correct horse\\n"
[expect]
outcome = "booted"
"""
THIN = """
title = "the engine is killed while a thin volume is activated"
[machine]
cmdline = "root=/dev/g/v"
[[disk]]
name = "a"
size = "128M"
[[layer]]
kind = "lvm"
group = "g"
name = "v"
on = ["a"]
type = "thin"
size = "64M"
[[layer]]
kind = "ext4"
on = ["v"]
label = "r"
holds = "root"
[expect]
outcome = "booted"
"""


def test_btrfs_is_asked_about_on_mappings_too(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(BTRFS)
    assert simulate(load_scenario(path)).outcome is Outcome.BOOTED


def test_two_lvm_commands_at_once_make_a_volume_once(tmp_path: Path) -> None:
    path = tmp_path / "world.toml"
    path.write_text(THIN)
    scenario = load_scenario(path)
    for number in range(1, 12):
        late = RandomFaults(late=0.5)
        simulated = simulate(scenario, seed=0, crash_after=number, random_faults=late)
        names = [each.mapping.name for each in simulated.world.blocks.values() if each.mapping]
        assert len(names) == len(set(names)), number
