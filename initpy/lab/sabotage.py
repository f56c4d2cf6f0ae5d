"""What the lab adds to an image so that things go wrong in it; the product itself has no hook.

An agent that takes orders, wrappers around tools, job files with shorter time limits: all in an
archive of its own behind the image, which the kernel unpacks over it.
"""

import stat

from initpy.config.project import PROJECT
from initpy.image.content.programs import find_program
from initpy.image.tree import Entry, File, Node
from initpy.lab.errors import LabError
from initpy.scenario.jobfiles import with_limits
from initpy.scenario.model import AGENT_DEEDS, Scenario, Tool, Way

AGENT = PROJECT / "qemu" / "agent.sh"
WRAPPER = PROJECT / "qemu" / "tool.sh"
AGENT_PATH = "/lab-agent"
_TOOLS = "/lab-tools"


def sabotage(scenario: Scenario, plugs: int = 0) -> dict[str, bytes | Entry]:
    """The files to put over those of the image.

    `plugs`: how many disks the agent in the guest is to look for.
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
    """The real program under another name, and a script in its place that first misbehaves."""
    path = find_program(program)
    if path is None:
        raise LabError(f"{program} is not installed\n  try: make setup")
    # A case of the script: which of its calls do what, the first ones of those with the word.
    cases = [
        f"    matches '{tool.arguments}' \"$@\" && turn {number} {tool.times} && {_function(tool)}"
        for number, tool in enumerate(tools)
    ]
    script = WRAPPER.read_text().replace("PROGRAM", program).replace("# CASES", "\n".join(cases))
    return {
        # Programs that have several names tell by their own which one they are.
        f"{_TOOLS}/{program}": File(path.read_bytes(), 0o755),
        str(path): File(script.encode(), 0o755),
    }


def _function(tool: Tool) -> str:
    """What the script calls; a tool that still does its work needs the arguments."""
    works = tool.way in (Way.MUTE, Way.UNFINISHED, Way.RESTART)
    return f'{tool.way.value} "$@"' if works else tool.way.value
