"""A violation as a file: a world made small, with what chance does in it, to be replayed."""

from dataclasses import fields, replace
from pathlib import Path

from initpy.scenario.model import Scenario
from initpy.scenario.write import write_scenario
from initpy.simulation.explore.generate import Trial, draw
from initpy.simulation.explore.search import judge_trial
from initpy.simulation.explore.shrink import shrink
from initpy.simulation.world.random_faults import RandomFaults, fate_of


def keep(number: int, invariant: str, folder: Path) -> Path:
    """Shrink the world of that number, which breaks that invariant, and write its file."""
    path = folder / f"{invariant}-{number}.toml"

    def fails(trial: Trial) -> bool:
        return any(each.invariant == invariant for each in judge_trial(trial))

    trial = draw(number)
    again = fails(trial)
    small = shrink(trial, fails) if again else trial
    words = [str(each) for each in judge_trial(small)]
    if not again:
        words.append(f"NOT REPEATED, NOT MADE SMALL: {invariant} holds when it is judged again")
    title = f"{invariant.replace('-', ' ')}: world {number}"
    how = "`initpy simulate --judge` judges it again:"
    comment = "\n".join((f"Found by `initpy explore`, world {number}; {how}", *words))
    write_scenario(replace(scenario_of(small), title=title, path=path), path, comment)
    return path


def scenario_of(trial: Trial) -> Scenario:
    """The scenario with the trial's seed and random faults in it."""
    chance = [] if trial.seed is None else [("seed", float(trial.seed))]
    chance += [
        (name.replace("_", "-"), value)
        for name in (each.name for each in fields(RandomFaults))
        if (value := getattr(trial.random_faults, name))
    ]
    return replace(trial.scenario, chance=tuple(chance))


def trial_of(scenario: Scenario) -> Trial:
    """What `scenario_of` has put into a scenario, taken out again."""
    fate = fate_of(scenario)
    return Trial(scenario, fate.random_faults, fate.seed)
