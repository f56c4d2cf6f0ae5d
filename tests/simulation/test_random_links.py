"""Random links below a root that a server has (R15, R16): VLANs, bonds, bridges, engines that die.

`explore/exportedroots.py` and `explore/sessions.py` draw the worlds, the invariants of the explorer
judge them.
"""

import pytest

from initpy.core.network import links, logins, technology
from initpy.simulation.explore import sessions
from initpy.simulation.explore.exportedroots import draw, draw_nvme
from initpy.simulation.explore.generate import Trial
from initpy.simulation.explore.generate import draw as draw_any
from initpy.simulation.explore.search import judge_trial

WORLDS = 60


def violations(number: int) -> list[str]:
    """What does not hold in a world with an exported root."""
    world = draw(number)
    return [f"{number} ({world.shape}, {world.method}): {each}"
            for each in judge_trial(Trial(world.scenario, seed=number))]  # fmt: skip


def test_random_links_lead_to_their_root() -> None:
    assert [each for number in range(WORLDS) for each in violations(number)] == []


def test_some_random_links_have_both_versions_and_neither_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dual = [number for number in range(WORLDS) if "beside" in str(draw(number).scenario.servers)]
    assert len(dual) > WORLDS // 10
    # A root at an IPv4 address is not reached by IPv6 alone, nor the other way round.
    monkeypatch.setattr(links.Links, "ready_for", lambda *_: [])
    assert any(each for number in dual for each in violations(number))


def test_random_links_lead_to_their_nvme_namespace() -> None:
    trials = (Trial(draw_nvme(number).scenario, seed=number) for number in range(WORLDS))
    assert [(each.seed, found) for each in trials if (found := judge_trial(each))] == []


def test_a_parent_that_is_taken_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(technology, "stands_on", lambda _settings, names: set(names))
    found = [each for number in range(WORLDS) for each in violations(number)]
    assert any("was taken down" in each for each in found)


def test_a_second_address_of_links_that_compete_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links.Links, "_take_back", lambda *_: None)
    monkeypatch.setattr(sessions, "SHARE", 1.0)
    found = [each.invariant for each in judge_trial(draw_any(335))]
    assert "no-link-has-two-addresses" in found


COMPETING_WORLDS = (2, 7, 10, 30)  # whose servers are behind the card that has its turn later


def test_servers_behind_either_of_two_cards_lead_to_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SHARE", 1.0)
    monkeypatch.setattr(sessions, "COMPETING", 1.0)
    drawn = {number: draw_any(number) for number in (*COMPETING_WORLDS, *range(100, 112))}
    served = {number: each for number, each in drawn.items() if each.scenario.servers}
    assert len(served) > len(COMPETING_WORLDS)
    for number, each in served.items():
        assert judge_trial(each) == (), number


def test_a_card_that_keeps_its_turn_in_vain_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SHARE", 1.0)
    monkeypatch.setattr(sessions, "COMPETING", 1.0)
    monkeypatch.setattr(logins, "another_way", lambda _context, _name: None)
    for number in COMPETING_WORLDS:
        found = [each.invariant for each in judge_trial(draw_any(number))]
        assert "a-reachable-root-is-mounted" in found, number


def test_disks_of_servers_lead_to_their_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "SHARE", 1.0)
    drawn = [draw_any(number) for number in range(WORLDS // 2)]
    assert [(each.scenario.title, judge_trial(each)) for each in drawn if judge_trial(each)] == []
