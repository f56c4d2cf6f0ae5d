"""What only the simulator can do to a machine: how a file says it, and who refuses to boot it."""

from dataclasses import replace
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.lab.errors import LabError
from initpy.lab.kinds import kind_for
from initpy.scenario.acts import Deed, Syscall, SystemCall, Tool, Way
from initpy.scenario.feasible import simulated_only
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import write_scenario

HEAD = """title = "adverse"
[[disk]]
name = "a"
size = "64M"
{disk}
[expect]
outcome = "booted"
{more}
"""
UNKILLABLE = '[[tool]]\nprogram = "mdadm"\nunkillable = 2\nends = 30\n'
FREEZE = '[[fault]]\nat = 3\ndo = "freeze a"\n[[fault]]\nat = 9\ndo = "thaw a"\n'
SYSCALL = '[[syscall]]\ncall = "spawn-udevd"\nfails = 2\nskip = 1\n'
ANNOUNCED = "announced = 5"


def read(folder: Path, more: str = "", disk: str = "") -> Scenario:
    path = folder / "x.toml"
    path.write_text(HEAD.format(disk=disk, more=more))
    return load_scenario(path)


def test_a_file_says_all_of_it(tmp_path: Path) -> None:
    scenario = read(tmp_path, UNKILLABLE + FREEZE + SYSCALL, ANNOUNCED)
    assert scenario.tools == (Tool("mdadm", Way.UNKILLABLE, 2, ends=30.0),)
    assert [(each.deed, each.argument) for each in scenario.faults] == [
        (Deed.FREEZE, "a"), (Deed.THAW, "a")
    ]  # fmt: skip
    assert scenario.syscalls == (Syscall(SystemCall.SPAWN_UDEVD, 2, 1),)
    assert scenario.disks[0].announced == 5.0
    again = tmp_path / "again.toml"
    write_scenario(scenario, again)
    assert replace(load_scenario(again), path=scenario.path) == scenario


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ('[[tool]]\nprogram = "mdadm"\nhangs = 1\nends = 3\n', "`unkillable` beside it"),
        ('[[fault]]\nat = 3\ndo = "freeze b"\n', "freeze with one of a"),
        ('[[syscall]]\ncall = "mount"\nfails = 1\n', "one of spawn-udevd"),
        ('[[syscall]]\ncall = "poll"\nfails = 0\n', "how many times, 1 or more"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, wrong: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        read(tmp_path, wrong)


@pytest.mark.parametrize(
    ("more", "disk", "what"),
    [
        (UNKILLABLE, "", "processes that survive SIGKILL"),
        (FREEZE, "", "disks that stop answering"),
        (SYSCALL, "", "system calls that fail in process 1"),
        ("", ANNOUNCED, "a udev that announces partitions before their disk"),
    ],
)
def test_no_virtual_machine_takes_it(tmp_path: Path, more: str, disk: str, what: str) -> None:
    scenario = read(tmp_path, more, disk)
    assert [*simulated_only(scenario)] == [what]
    with pytest.raises(LabError, match=f"(?s){what}.*initpy simulate"):
        kind_for(scenario)


def test_what_machines_can_do_is_not_among_it(tmp_path: Path) -> None:
    assert [*simulated_only(read(tmp_path))] == []
