"""Tools of the user, of a job file of the image, on root's disks or beside them: some never end.

Their job may set no limit. Drawn from a generator of its own, so that other worlds stay what they
are.
"""

import random
from dataclasses import replace

from initpy.scenario.model import Scenario

SHARE = 0.06  # of all worlds
SUBJECTS = ("vda", "vdb", "vda1", "md*", "dm-*")
SECONDS = (1, 8, 40, 100_000)
JOB_FILE = "/etc/initpy/jobs/own.toml"
JOB = """summary = "a tool of the user"

[[job]]
name = "own"
does = "look after {{DEVNAME}}"
match = {{ KERNEL = "{subject}" }}
needs = "present"
run = ["sleep", "{seconds}"]
success = {{ exit = true }}
timeout = {limit}
tries = 1
"""


def has_user_tool(number: int) -> bool:
    """Whether the world of that number has such a tool."""
    return random.Random(f"user tool {number}").random() < SHARE


def with_user_tool(number: int, scenario: Scenario) -> Scenario:
    """The world of that number with such a tool."""
    chance = random.Random(f"user tools {number}")
    text = JOB.format(
        subject=chance.choice(SUBJECTS),
        seconds=chance.choice(SECONDS),
        limit=chance.choice((0, 0, 20, 60)),
    )
    return replace(scenario, files=(*scenario.files, (JOB_FILE, text)))
