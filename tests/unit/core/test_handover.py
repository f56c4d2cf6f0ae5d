"""What the handover waits for, and for how long (R1, R21)."""

from pathlib import Path

import pytest
from desk import Desk, filesystem

from initpy.config.jobs import load_job_file
from initpy.core.actions import HandOver
from initpy.core.events import JobEnded
from initpy.core.goals.handover import BELOW_PATIENCE, TOOL_PATIENCE

JOB = """
summary = "a tool of the user"

[[job]]
name = "own"
does = "look after {{DEVNAME}}"
match = {{ KERNEL = "{name}" }}
run = ["own"]
success = {{ exit = true }}
timeout = {timeout}
tries = 1
"""
SAID = "the real system starts although this has not ended: look after /dev/{}"


def mounted(tmp_path: Path, name: str = "vda", timeout: int = 0) -> Desk:
    """Root is mounted from vda1, and a tool is at work on `name`."""
    file = tmp_path / "own.toml"
    file.write_text(JOB.format(name=name, timeout=timeout))
    desk = Desk(also=load_job_file(file).jobs)
    desk.see(filesystem("vda", "other"), filesystem("vdb", "other"))
    desk.see(filesystem("vda1", on=("vda",)))
    desk.mount("/dev/vda1")
    assert desk.runs(f"own@{name}") and not desk.actions(HandOver)
    return desk


def test_a_tool_below_root_without_a_limit_gets_a_minute(tmp_path: Path) -> None:
    desk = mounted(tmp_path)
    desk.wait(BELOW_PATIENCE - 1)
    assert not desk.actions(HandOver)
    desk.wait(BELOW_PATIENCE + TOOL_PATIENCE + 1)
    assert desk.actions(HandOver)
    assert SAID.format("vda") in desk.reports()


@pytest.mark.parametrize("timeout", [100, 0])
def test_a_tool_beside_root_gets_a_moment(tmp_path: Path, timeout: int) -> None:
    desk = mounted(tmp_path, "vdb", timeout)
    desk.wait(TOOL_PATIENCE + 1)
    assert desk.actions(HandOver)
    assert SAID.format("vdb") in desk.reports()


def test_the_limit_of_its_job_ends_a_tool_below_root(tmp_path: Path) -> None:
    desk = mounted(tmp_path, timeout=100)
    desk.wait(99)
    assert not desk.actions(HandOver)
    desk.wait(101)
    desk.give(JobEnded("own@vda", 1, -15))
    assert desk.actions(HandOver)


def test_a_tool_below_root_that_survives_its_end_is_left_behind(tmp_path: Path) -> None:
    desk = mounted(tmp_path, timeout=100)
    desk.wait(111)
    assert desk.actions(HandOver)
