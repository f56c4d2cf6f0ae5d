"""Random links below an NFS root (R15, R16): VLANs, bonds, bridges, IPv6, engines that die.

`explore/exportedroots.py` draws the worlds, `oracle/exportedroots.py` judges them.
"""

import pytest

from initpy.core.network import technology
from initpy.simulation.explore.exportedroots import draw
from initpy.simulation.machine.run import simulate
from initpy.simulation.oracle.exportedroots import judge

WORLDS = 60


def violations(number: int) -> list[str]:
    """What does not hold in a world."""
    world = draw(number)
    return [f"{number} ({world.shape}, {world.method}): {each}"
            for each in judge(simulate(world.scenario, seed=number))]  # fmt: skip


def test_random_links_lead_to_their_root() -> None:
    assert [each for number in range(WORLDS) for each in violations(number)] == []


def test_a_parent_that_is_taken_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(technology, "stands_on", lambda _settings, names: set(names))
    found = [each for number in range(WORLDS) for each in violations(number)]
    assert any("was taken down" in each for each in found)
