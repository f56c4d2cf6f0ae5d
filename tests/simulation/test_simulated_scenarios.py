"""R32: the scenario files that QEMU boots are simulated, with the same expectations."""

from pathlib import Path

import pytest

from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.toml"))
# What these are about is not in this world; their other expectations are not judged.
NOT_SIMULATED = {
    "mapping-silent": "mappings that a person makes with dmsetup",
    "shutdown-hangs": "a mapping that the real system suspends",
    "image-microcode": "what is in the image, as the shell's programs show it",
    "debian-12-emergency": "what the real system shows in its emergency mode",
    "debian-12-init-bash": "what a user types in the real system",
    "debian-12-home-late": "what happens after the handover",
    "debian-12-single": "what the real system shows in its rescue mode",
    "debian-12-rescue": "what the real system shows in its rescue mode",
    "uki": "what firmware says before the kernel starts",
    "uki-gpt-auto": "the disk that firmware has booted from",
}
# Files in which something is asked that only a real kernel can answer; the rest of each is judged.
MOST_UNSUPPORTED = 40
SEEDS = 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_expectations_hold(path: Path) -> None:
    boot = simulate(load_scenario(path))
    if path.stem in NOT_SIMULATED:
        assert boot.unsupported
        pytest.skip(NOT_SIMULATED[path.stem])
    assert not boot.reasons, "\n".join([*boot.reasons, boot.console])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_they_hold_at_whatever_pace(path: Path) -> None:
    """Everything takes between a third and three times as long; so it does on real machines."""
    scenario = load_scenario(path)
    for seed in range(SEEDS if path.stem not in NOT_SIMULATED else 0):
        boot = simulate(scenario, seed=seed)
        assert not boot.reasons, "\n".join([f"seed {seed}", *boot.reasons, boot.console])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_with_the_same_seed_it_is_the_same_boot(path: Path) -> None:
    scenario = load_scenario(path)
    first, second = (simulate(scenario, seed=7) for _ in range(2))
    assert first.steps == second.steps or first.journal() == second.journal()
    assert first.console == second.console


def test_few_ask_for_what_the_simulator_cannot_do() -> None:
    # It has no installed systems, whose facts are their own.
    own = [scenario for path in FILES if not (scenario := load_scenario(path)).system]
    beyond = {scenario.name: simulate(scenario).unsupported for scenario in own}
    lines = [f"{name}: {', '.join(what)}" for name, what in beyond.items() if what]
    print("\n".join(lines))  # noqa: T201 for people: pytest -s
    assert len(lines) <= MOST_UNSUPPORTED
    assert not any("the program" in line for line in lines)
