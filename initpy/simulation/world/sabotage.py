"""Tools and system calls that fail as the scenario says, each so many times."""

from initpy.scenario.acts import SystemCall, Tool, Way
from initpy.scenario.model import Scenario
from initpy.simulation.world.world import World

SAID = {
    Way.FAILS: "fails",
    Way.HANGS: "hangs",
    Way.UNKILLABLE: "waits in the kernel",
    Way.KILLED: "is killed",
    Way.MUTE: "is killed at its end",
    Way.UNFINISHED: "is killed half-way",
    Way.RESTART: "may ask for a restart",
}


class Sabotage:
    """Counts how often each has misbehaved."""

    def __init__(self, scenario: Scenario) -> None:
        self._tools = scenario.tools
        self._left = [tool.times for tool in scenario.tools]

    def of(self, world: World, program: str, words: tuple[str, ...]) -> Tool | None:
        """How this call goes wrong, None when it does not."""
        for number, tool in enumerate(self._tools):
            if tool.program != program or not self._left[number]:
                continue
            if tool.arguments and tool.arguments not in words[1:]:
                continue
            self._left[number] -= 1
            world.kernel(f"INITPY-LAB {program} {SAID[tool.way]}")
            return tool
        return None


class FailingCalls:
    """System calls of process 1 (`[[syscall]]`): which of them fail."""

    def __init__(self, scenario: Scenario) -> None:
        self._said: dict[SystemCall, list[int]] = {}  # so many succeed, then so many fail, ...
        for each in scenario.syscalls:
            self._said.setdefault(each.call, []).extend((each.skip, each.fails))

    def fails(self, call: SystemCall) -> bool:
        """Whether this call fails, for want of memory."""
        left = self._said.get(call, [])
        for index, count in enumerate(left):
            if count:
                left[index] -= 1
                return index % 2 == 1
        return False
