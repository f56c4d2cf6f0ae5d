"""R21, R33: the explorer's worlds are shut down, and the oracle sees a fault of that within few."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.core.goals import handover
from initpy.core.shutdown import attempts, layers, shutdown
from initpy.core.shutdown.messages import Deed
from initpy.core.shutdown.shutdown import Shutdown
from initpy.core.shutdown.standing import items
from initpy.scenario.acts import Cue, Fault
from initpy.scenario.acts import Deed as Harm
from initpy.scenario.parse import load_scenario
from initpy.simulation.explore.generate import draw
from initpy.simulation.machine.run import simulate
from initpy.simulation.oracle.judge import judge

FIRST, MOST = 81_000, 800
FOR_EVER = 1e9
INVARIANTS = {
    "a-way-back-is-kept-for-layers", "nothing-is-taken-down-below-something",
    "nothing-is-left-at-a-shutdown", "a-shutdown-ends-in-time",
}  # fmt: skip
Patch = pytest.MonkeyPatch


def violations(most: int = MOST) -> set[str]:
    """What the oracle sees in the first world of which it says anything about a shutdown."""
    for number in range(FIRST, FIRST + most):
        trial = draw(number)
        if not trial.scenario.shutdown:
            continue
        boot = simulate(trial.scenario, seed=trial.seed, random_faults=trial.random_faults)
        found = {each.invariant for each in judge(boot, trial.random_faults)}
        if ours := {
            each
            for each in found
            if "shutdown" in each or "taken-down" in each or "way-back" in each
        }:
            return ours
    return set()


def test_worlds_are_shut_down_without_a_violation() -> None:
    assert violations(250) == set()


def _all_at_once(patch: Patch) -> None:
    patch.setattr(shutdown, "free", lambda left: list(left.values()))


def _blind_to_mounts(patch: Patch) -> None:
    patch.setattr(shutdown, "items", lambda present: items(present._replace(mounts=())))


def _never_abandons(patch: Patch) -> None:
    patch.setattr(Shutdown, "_limit", lambda self, key: FOR_EVER)


def _gives_up_at_once(patch: Patch) -> None:
    patch.setattr(attempts, "PATIENCE", 0.0)
    patch.setattr(attempts, "TRIES", 0)


def _forgets_arrays(patch: Patch) -> None:
    patch.setitem(layers.LAYERS, "md", lambda _: ())


def _patience_from_the_start(patch: Patch) -> None:
    made = attempts.Attempts.__init__

    def init(self: attempts.Attempts, words: str, steps: tuple[Deed, ...], now: float) -> None:
        made(self, words, steps, now)
        self._since = now

    patch.setattr(attempts.Attempts, "__init__", init)
    patch.setattr(attempts, "TRIES", 0)


def _keeps_nothing(patch: Patch) -> None:
    patch.setattr(handover, "_has_layers", lambda context: False)


def _keeps_always(patch: Patch) -> None:
    patch.setattr(handover, "_has_layers", lambda context: True)


@pytest.mark.parametrize(
    ("plant", "invariant"),
    [
        (_all_at_once, "nothing-is-taken-down-below-something"),
        (_blind_to_mounts, "nothing-is-taken-down-below-something"),
        (_never_abandons, "a-shutdown-ends-in-time"),
        (_gives_up_at_once, "nothing-is-left-at-a-shutdown"),
        (_forgets_arrays, "nothing-is-left-at-a-shutdown"),
        (_patience_from_the_start, "nothing-is-left-at-a-shutdown"),
        (_keeps_nothing, "a-way-back-is-kept-for-layers"),
        (_keeps_always, "a-way-back-is-kept-for-layers"),
    ],
)
def test_a_planted_fault_is_found(
    monkeypatch: Patch, plant: Callable[[Patch], None], invariant: str
) -> None:
    plant(monkeypatch)
    assert invariant in violations()


def test_a_frozen_disk_hangs_the_shutdown_for_a_bounded_time() -> None:
    """R5: what stands on the disk is abandoned; the rest is taken down, and the machine ends."""
    path = Path(__file__).parents[1] / "scenarios" / "shutdown-raid5.toml"
    scenario = load_scenario(path)
    fault = Fault(Cue(when=re.compile("root is mounted")), Harm.FREEZE, "b")
    boot = simulate(replace(scenario, faults=(fault,)))
    closing = boot.closing
    assert closing is not None
    assert closing.mounts == ["/oldroot"]
    assert closing.ended is not None
    assert 90.0 <= closing.ended < 130.0
    assert "unmount /oldroot (ext4): has not ended within 90 s; it is left" in closing.said
