"""Random shortages: /run is full, or no process can be started, for a while (R26).

Drawn from a generator of its own, so that worlds without them stay what they are.
"""

import random
from dataclasses import replace

from initpy.scenario.acts import Cue, Deed, Fault
from initpy.scenario.model import Scenario

SHARE = 0.08  # of the worlds
BEGINS, SECONDS = (0.5, 1.2, 2.0, 5.0, 12.0, 33.0), (0.5, 2.0, 5.0, 15.0)
KINDS = ((Deed.FILL_RUN, Deed.EMPTY_RUN), (Deed.REFUSE_FORKS, Deed.ALLOW_FORKS))


def with_shortage(number: int, scenario: Scenario) -> Scenario:
    """The world of that number, perhaps short of something for a while."""
    chance = random.Random(f"shortage {number}")
    if chance.random() >= SHARE:
        return scenario
    (begin, end), at = chance.choice(KINDS), chance.choice(BEGINS)
    faults = [Fault(Cue(at=at), begin)]
    if begin is Deed.REFUSE_FORKS or chance.random() < 0.7:
        faults.append(Fault(Cue(at=at + chance.choice(SECONDS)), end))
    return replace(scenario, faults=(*scenario.faults, *faults))
