"""Tools that misbehave as the scenario says (`[[tool]]`), each so many times."""

from initpy.scenario.model import Scenario, Way
from initpy.simulation.world.world import World

SAID = {Way.FAILS: "fails", Way.HANGS: "hangs", Way.KILLED: "is killed",
        Way.MUTE: "is killed at its end", Way.UNFINISHED: "is killed half-way",
        Way.RESTART: "may ask for a restart"}  # fmt: skip


class Sabotage:
    """Counts how often each has misbehaved."""

    def __init__(self, scenario: Scenario) -> None:
        self._tools = scenario.tools
        self._left = [tool.times for tool in scenario.tools]

    def way(self, world: World, program: str, words: tuple[str, ...]) -> Way | None:
        """How this call goes wrong, None when it does not."""
        for number, tool in enumerate(self._tools):
            if tool.program != program or not self._left[number]:
                continue
            if tool.arguments and tool.arguments not in words[1:]:
                continue
            self._left[number] -= 1
            world.kernel(f"INITPY-LAB {program} {SAID[tool.way]}")
            return tool.way
        return None
