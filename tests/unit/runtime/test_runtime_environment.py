"""Whatever PID 1 and the engine start has a search path (R23)."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy.config.project import PROJECT
from initpy.runtime import children, processes, shell
from initpy.runtime.api import PATH

# Calls that start a program; where their environment is: a keyword, or a place in the arguments.
BY_KEYWORD = {"run", "Popen", "check_output", "subprocess_exec", "create_subprocess_exec"}
BY_PLACE = {"posix_spawn": 2, "posix_spawnp": 2}
WITHOUT = {"system", "popen", "create_subprocess_shell", "spawnv", "execvp", "execlp"}
STARTERS = ("os", "subprocess", "asyncio", "asyncio.get_running_loop()")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if ast.unparse(node.func.value) in STARTERS:
            yield node.func.attr, node


FILES = sorted((PROJECT / "initpy/runtime").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_start_says_its_environment(path: Path) -> None:
    for name, call in calls(path):
        assert name not in WITHOUT, ast.unparse(call)
        if name in BY_PLACE:
            assert len(call.args) > BY_PLACE[name], ast.unparse(call)
        elif name in BY_KEYWORD and ast.unparse(call.func) != "asyncio.run":
            assert "env" in {each.arg for each in call.keywords}, ast.unparse(call)


def test_udevd_is_told_to_watch_no_memory_pressure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds no control group, and would say so on the console at each boot."""
    udevd, told = tmp_path / "udevd", tmp_path / "told"
    udevd.write_text(f"#!/bin/sh\nenv >{told}\n")
    udevd.chmod(0o755)
    monkeypatch.setattr(children, "UDEVD", str(udevd))
    os.waitpid(children.start_udevd(), 0)
    assert {"MEMORY_PRESSURE_WATCH=/dev/null", f"PATH={PATH}"} <= set(told.read_text().split())


def test_the_environments_have_a_search_path() -> None:
    for module in (processes, shell, children):
        assert module.ENVIRONMENT["PATH"] == PATH
