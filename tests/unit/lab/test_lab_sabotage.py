"""Files that the lab adds to an image: failing tools, shorter time limits, the agent."""

import json
import subprocess
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.image.tree import File
from initpy.lab.sabotage import AGENT, AGENT_PATH, WRAPPER, sabotage
from initpy.scenario.acts import Tool, Way
from initpy.scenario.model import Scenario
from initpy.scenario.parse import load_scenario

HEAD = """\
title = "x"
[[disk]]
name = "a"
size = "1M"
[expect]
outcome = "booted"
"""


def scenario(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "x.toml"
    path.write_text(HEAD + text)
    return load_scenario(path)


def test_a_scenario_without_faults_adds_no_files(tmp_path: Path) -> None:
    assert sabotage(scenario(tmp_path, "")) == {}


def test_a_tool_is_wrapped_and_stays_next_to_its_wrapper(tmp_path: Path) -> None:
    text = '[[tool]]\nprogram = "mke2fs"\nwith = "-F"\nfails = 2\n'
    text += '[[tool]]\nprogram = "mke2fs"\nkilled = 1\n'
    read = scenario(tmp_path, text)
    assert read.tools == (Tool("mke2fs", Way.FAILS, 2, "-F"), Tool("mke2fs", Way.KILLED, 1))
    files = sabotage(read)
    script = files["/usr/sbin/mke2fs"]
    assert isinstance(script, File)
    assert b"matches '-F' \"$@\" && turn 0 2 && fails" in script.read()
    assert b"matches '' \"$@\" && turn 1 1 && killed" in script.read()
    assert "/lab-tools/mke2fs" in files


def test_a_limit_changes_one_job_of_its_file(tmp_path: Path) -> None:
    files = sabotage(scenario(tmp_path, '[limits]\n"lvm-scan" = 4\n'))
    content = files["/etc/initpy/jobs/lvm.json"]
    assert isinstance(content, bytes)
    jobs = {job["name"]: job for job in json.loads(content)["job"]}
    assert jobs["lvm-scan"]["timeout"] == 4
    assert "timeout" not in jobs["lvm-activate"]
    with pytest.raises(InputError, match="no-such-job"):
        sabotage(scenario(tmp_path, '[limits]\n"no-such-job" = 4\n'))


def test_the_agent_is_added_if_a_fault_needs_it(tmp_path: Path) -> None:
    text = '[[fault]]\nat = 1\ndo = "storm a"\n[[fault]]\nat = 1\ndo = "unplug a"\n'
    files = sabotage(scenario(tmp_path, text))
    agent = files[AGENT_PATH]
    assert isinstance(agent, File)
    assert b'[ "$orders" -lt 1 ]' in agent.read()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[fault]]\nat = 1\ndo = "storm"\n', "'storm': expected storm with one of a"),
        ('[[fault]]\nat = 1\ndo = "kill-udevd a"\n', "expected just kill-udevd"),
        ('[[fault]]\nat = 1\ndo = "sing"\n', "'sing': expected one of plug, unplug"),
        (
            '[[tool]]\nprogram = "lvm"\n',
            "expected one of `fails`, `hangs`, `killed`, `mute`, `restart`",
        ),
        ('[[tool]]\nprogram = "lvm"\nfails = 0\n', "0: expected how many times, 1 or more"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        scenario(tmp_path, text)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("script", [AGENT, WRAPPER], ids=lambda path: path.name)
def test_the_shell_accepts_the_scripts(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
