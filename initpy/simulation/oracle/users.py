"""What the users of a scenario type, and where."""

import re

from initpy.scenario.acts import Cue
from initpy.scenario.model import Scenario


def answers(scenario: Scenario, mapping: str) -> list[str]:
    """What users type at the prompt for this mapping, in order."""
    text = f"Passphrase for {mapping} (/dev/x): "
    return [
        each.text
        for each in scenario.people
        if each.cue.when is not None and _about(each.cue, text)
    ]


def _about(cue: Cue, text: str) -> bool:
    return cue.when is not None and bool(re.search(cue.when.pattern, text, re.MULTILINE))


def types_elsewhere(scenario: Scenario) -> bool:
    """Whether a user types at a cue that the oracle does not understand."""
    return any(
        each.cue.when is None or not each.cue.when.pattern.startswith("Passphrase for ")
        for each in scenario.people
    )
