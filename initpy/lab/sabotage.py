"""Adds faults to an image: initpy itself has no hooks for them.

The lab appends an archive to the image, which the kernel unpacks over it. The archive holds an
agent that executes orders, wrappers around tools, and job files with shorter time limits.
"""

import stat

from initpy.config.project import PROJECT
from initpy.image.content.programs import find_program
from initpy.image.tree import Entry, File, Node
from initpy.lab.errors import LabError
from initpy.scenario.acts import AGENT_DEEDS, Tool, Way
from initpy.scenario.jobfiles import with_limits
from initpy.scenario.model import Scenario

AGENT = PROJECT / "qemu" / "agent.sh"
WRAPPER = PROJECT / "qemu" / "tool.sh"
AGENT_PATH = "/lab-agent"
_TOOLS = "/lab-tools"


def sabotage(scenario: Scenario, plugs: int = 0) -> dict[str, bytes | Entry]:
    """Return the files to add to the image.

    `plugs` is the number of disks that the agent in the guest has to plug in.
    """
    files: dict[str, bytes | Entry] = {}
    if orders := plugs + sum(fault.deed in AGENT_DEEDS for fault in scenario.faults):
        agent = AGENT.read_text().replace('"$ORDERS"', str(orders))
        files[AGENT_PATH] = File(agent.encode(), 0o755)
        files["/dev/ttyS2"] = Node(stat.S_IFCHR | 0o600, 4, 66)
    for program in dict.fromkeys(tool.program for tool in scenario.tools):
        files |= _wrapped(program, [tool for tool in scenario.tools if tool.program == program])
    return files | {path: text.encode() for path, text in with_limits(scenario).items()}


def _wrapped(program: str, tools: list[Tool]) -> dict[str, bytes | Entry]:
    """Return the real program under another path, and a wrapper script in its place."""
    path = find_program(program)
    if path is None:
        raise LabError(f"{program} is not installed\n  try: make setup")
    # Each case of the script lets the first calls with matching arguments misbehave.
    cases = [
        f"    matches '{tool.arguments}' \"$@\" && turn {number} {tool.times} && {_function(tool)}"
        for number, tool in enumerate(tools)
    ]
    script = WRAPPER.read_text().replace("PROGRAM", program).replace("# CASES", "\n".join(cases))
    return {
        # Multi-call programs need their own name.
        f"{_TOOLS}/{program}": File(path.read_bytes(), 0o755),
        str(path): File(script.encode(), 0o755),
    }


def _function(tool: Tool) -> str:
    """Return the script's function call; a tool that still does its work needs the arguments."""
    works = tool.way in (Way.MUTE, Way.UNFINISHED, Way.RESTART)
    return f'{tool.way.value} "$@"' if works else tool.way.value
