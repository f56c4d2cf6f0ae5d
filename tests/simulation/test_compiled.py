"""The compiled copy is the same program: worlds end the same in it (it only takes less time)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from initpy.config.errors import InputError
from initpy.lab import compiled
from initpy.simulation.explore.search import explore_chunk

FIRST, WORLDS = 900_000, 400


@pytest.fixture(autouse=True)
def _quickly_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    # It is the same program; the optimiser takes most of the minutes.
    monkeypatch.setenv(compiled.OPTIMISATION, "0")
    monkeypatch.setenv("MYPYC_DEBUG_LEVEL", "0")


@pytest.mark.slow
def test_each_world_ends_as_it_does_in_the_interpreted_one(tmp_path: Path) -> None:
    words = ["--compiled", "--worlds", str(WORLDS), "--seed", str(FIRST), "--json"]
    command = [sys.executable, "-m", "initpy", "explore", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    del figures["seconds"], figures["files"]
    assert figures == explore_chunk(range(FIRST, FIRST + WORLDS)).plain()


@pytest.mark.slow
def test_it_is_the_compiled_copy_that_runs() -> None:
    path = compiled.compiled_path(lambda _: None)
    asked = "from initpy.lab.compiled import is_compiled; print(is_compiled())"
    command = [sys.executable, "-P", "-c", asked]
    said = subprocess.check_output(command, env=compiled.environment(path), text=True)
    assert said == "True\n"
    assert not compiled.is_compiled()


def test_without_a_compiler_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(InputError, match="apt install gcc"):
        compiled.compiled_path(lambda _: None)


def test_what_the_compiler_refuses_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(compiled, "OF_THE_SIMULATION", ("no-such-module",))
    with pytest.raises(InputError, match="no-such-module"):
        compiled.compiled_path(lambda _: None)
    assert list((tmp_path / "initpy" / "compiled").iterdir()) == []
