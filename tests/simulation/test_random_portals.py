"""Random fates of two portals of one iSCSI target (R16): root comes as long as one of them does.

With multipath in the image root stands on the map, never on a path; without it on one path.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy.core.storage.lvm import unseen
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.record import Simulated
from initpy.simulation.machine.run import simulate

WORLDS = 40
SCENARIOS = Path(__file__).parents[1] / "scenarios"
SHAPES = ("net-multipath-named", "net-multipath-off", "net-iscsi-two-portals-lvm")
TIMES = ("", "up = 4", "up = 12", "up = 25", 'up = "never"')
LATEST = 30.0  # a portal that is there by then leads to root before its deadline


def draw(number: int, folder: Path) -> tuple[Scenario, tuple[float | None, ...]]:
    """A world, and when each portal answers."""
    chance = random.Random(f"portals {number}")
    name, times = chance.choice(SHAPES), tuple(chance.choice(TIMES) for _ in range(2))
    text = (SCENARIOS / f"{name}.toml").read_text()
    for server, each in zip(("first", "second"), times, strict=True):
        text = text.replace(f'name = "{server}"\n', f'name = "{server}"\n{each}\n')
    if "by-id/dm-uuid" in text and chance.random() < 0.5:
        text = text.replace("/dev/disk/by-id/dm-uuid-mpath-36001405dcbb0c5300000000000000000",
                            "UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0036")  # fmt: skip
    path = folder / f"{name}-{number}.toml"
    path.write_text(text)
    scenario = load_scenario(path)
    return scenario, tuple(each.times.up for each in scenario.servers)


def judge(simulated: Simulated, ups: tuple[float | None, ...]) -> Iterator[str]:
    """Yield what does not hold."""
    comes = [up for up in ups if up is not None and up <= LATEST]
    if comes and not simulated.handed_over:
        yield f"a portal answers from {min(comes):.0f} s on, and root is not mounted"
    if not comes and simulated.handed_over:
        yield "no portal answers, and root is mounted"
    maps = "multipath.conf" in str(simulated.scenario.files)
    maps = maps and "rd.multipath=0" not in simulated.scenario.cmdline
    for entry in simulated.entries():
        for action in entry.actions:
            if action["kind"] == "Mount" and action["source"].startswith("/dev/sd") and maps:
                yield f"{action['source']} is mounted, which is a path"


@pytest.mark.parametrize("number", range(WORLDS))
def test_root_comes_by_the_portal_that_answers(number: int, tmp_path: Path) -> None:
    scenario, ups = draw(number, tmp_path)
    assert list(judge(simulate(scenario, seed=number), ups)) == []


@pytest.mark.parametrize("number", range(0, WORLDS, 4))
def test_and_so_with_an_engine_that_dies(number: int, tmp_path: Path) -> None:
    scenario, ups = draw(number, tmp_path)
    died = simulate(scenario, seed=number, crash_after=8 + number, crash_loses=number % 8 == 0)
    assert list(judge(died, ups)) == []


def test_a_group_that_lvm_sees_twice_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(unseen, "hidden", lambda _context: [])
    worlds = (draw(number, tmp_path) for number in range(WORLDS))
    found = [each for world, ups in worlds if "lvm" in world.name
             for each in judge(simulate(world, seed=1), ups)]  # fmt: skip
    assert any("root is not mounted" in each for each in found)
