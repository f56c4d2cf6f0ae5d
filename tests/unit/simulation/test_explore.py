"""Exploring: the same worlds and figures however the work is shared out; failures made small."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from initpy.cli import main
from initpy.cli.explore import Here
from initpy.scenario.parse import load_scenario
from initpy.scenario.servers import Times
from initpy.scenario.write import write_scenario
from initpy.simulation.explore import found
from initpy.simulation.explore.exportedroots import exported_root
from initpy.simulation.explore.found import trial_of
from initpy.simulation.explore.generate import Trial, draw
from initpy.simulation.explore.search import (
    Tally,
    explore,
    explore_chunk,
    judge_trial,
    never_seen,
    run_trial,
)
from initpy.simulation.explore.shrink import shrink
from initpy.simulation.oracle.judge import Violation
from initpy.simulation.oracle.logins import logins
from initpy.simulation.world.random_faults import RandomFaults

PROJECT = Path(__file__).parents[3]
FEW = range(40)


def alone() -> Tally:
    return explore(Here(), FEW, at_once=1)


def test_the_figures_do_not_depend_on_the_number_of_processes() -> None:
    with ProcessPoolExecutor(2) as pool:
        assert explore(pool, FEW, at_once=4).plain() == alone().plain()


def test_the_figures_do_not_depend_on_the_order_of_sets() -> None:
    """Texts hash otherwise in every process; a world must not come out otherwise for that."""
    command = [sys.executable, "-m", "initpy", "explore", "--worlds", "40", "--jobs", "1", "--json"]
    seen = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, check=True)
        figures = json.loads(run.stdout)
        del figures["seconds"]
        seen.append(figures)
    assert seen[0] == seen[1]
    assert seen[0]["worlds"] == 40


def test_some_worlds_have_a_network_and_others_are_as_without(tmp_path: Path) -> None:
    """One in three; each is a file that can be read, and what logs in to its servers is known."""
    trials = [draw(number) for number in range(200)]
    far = [trial.scenario for trial in trials if trial.scenario.nics]
    assert 40 <= len(far) <= 90
    kinds = {server.kind for each in far for server in each.servers}
    assert kinds == {"nbd", "iscsi", "nvme", "nfs", "dhcp", "router"}
    for each in far:
        path = tmp_path / each.path
        write_scenario(each, path)
        assert replace(load_scenario(path), path=each.path) == each
        served = {
            name
            for server in each.servers
            for name in server.serves
            if not server.export and server.kind != "nvme"  # nothing logs in to those
        }
        assert {login.disk for login in logins(each)} == served
    assert not any(trial.scenario.servers for trial in trials if not trial.scenario.nics)


def test_what_a_network_has_to_do_with_a_failure_stays_in_the_shrunk_world() -> None:
    def late_server(trial: Trial) -> bool:
        return any((server.times.up or 0.0) > 1.0 for server in trial.scenario.servers)

    drawn_apart = {n for n in range(1000) if exported_root(n) is not None}
    number = next(n for n in range(1000) if n not in drawn_apart and late_server(draw(n)))
    small = shrink(draw(number), late_server).scenario
    (server,) = small.servers
    assert server.times in (Times(2.0), Times(5.0)) and len(server.serves) == 1
    assert [each.carrier for each in small.nics] == [Times(0.0)]
    nothing = shrink(draw(number), lambda trial: len(trial.scenario.layers) > 0).scenario
    assert not (nothing.nics or nothing.servers or nothing.files)


def test_the_coverage_names_what_was_never_made() -> None:
    tally = alone()
    assert tally.worlds == 40
    assert tally.outcomes["booted"] > 10
    assert ("ready", "running") not in never_seen(tally.moves)
    assert ("skipped", "withdrawn") in never_seen(tally.moves.__class__())


def test_a_failing_world_is_shrunk_to_what_it_takes() -> None:
    """Here: a locked volume on an array of any kind, whatever else there is."""
    number = next(
        n for n in range(1000) if _locked_on_array(draw(n)) and len(draw(n).scenario.layers) > 5
    )
    small = shrink(draw(number), _locked_on_array)
    kinds = sorted(layer.kind for layer in small.scenario.layers)
    assert len(kinds) == 3
    assert kinds[0] in ("btrfs", "ext4")
    assert small.random_faults == RandomFaults()
    assert small.seed is None
    assert not (small.scenario.people or small.scenario.faults or small.scenario.tools)
    assert len(small.scenario.disks) <= 3  # an array of one is none
    assert small.scenario.cmdline.startswith("root=")


def _locked_on_array(trial: Trial) -> bool:
    layers = {layer.name: layer for layer in trial.scenario.layers if layer.name}
    return any(
        layer.kind.startswith("luks") and layer.on[0] in layers
        and layers[layer.on[0]].kind.startswith("raid")
        for layer in layers.values()
    )  # fmt: skip


def test_a_violation_becomes_a_file_that_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A made-up invariant: no array is ever started without members."""

    def judged(trial: Trial) -> tuple[Violation, ...]:
        simulated = run_trial(trial)
        runs = [
            a for step in simulated.steps for a in step.actions if "--run" in getattr(a, "argv", ())
        ]
        return (Violation("made-up", 0.0, "started"),) if runs else ()

    monkeypatch.setattr(found, "judge_trial", judged)
    number = next(n for n in range(1000) if judged(draw(n)) and draw(n).scenario.people)
    path = found.keep(number, "made-up", tmp_path)
    text = path.read_text()
    assert text.startswith(f"# Found by `initpy explore`, world {number}; ")
    assert "\n# made-up at 0.0 s: started\n" in text
    scenario = load_scenario(path)
    assert judged(trial_of(scenario))
    assert len(scenario.layers) <= 3
    assert not scenario.people


def test_replay_tells_of_one_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--replay", "0", "--keep", str(tmp_path)]) == 0
    assert "outcome: booted" in capsys.readouterr().out
    assert judge_trial(trial_of(load_scenario(tmp_path / "world-0.toml"))) == ()


def test_wrong_numbers_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "--worlds", "0"]) == 2
    assert "--worlds: 0: expected 1 or more" in capsys.readouterr().err
    assert main(["explore", "--time", "0"]) == 2
    assert "--time: 0.0: expected more than 0 seconds" in capsys.readouterr().err
    assert main(["explore", "--replay", "-1"]) == 2
    assert "--replay: -1: expected 0 or more" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_refused_before_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["explore", "--keep", str(tmp_path / "file" / "found")]) == 2
    assert "--keep: " in capsys.readouterr().err


def test_what_was_found_until_an_interrupt_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chunks: list[Sequence[int]] = []
    whole = explore_chunk

    def interrupted(numbers: Sequence[int]) -> Tally:
        chunks.append(numbers)
        if len(chunks) == 2:
            raise KeyboardInterrupt
        return whole(numbers)

    monkeypatch.setattr("initpy.simulation.explore.search.explore_chunk", interrupted)
    assert main(["explore", "--worlds", "500", "--jobs", "1"]) == 130
    said = capsys.readouterr().out
    assert "50 worlds in" in said
    assert "interrupted: not all worlds were explored" in said


def test_a_cluster_does_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """R33: two workers of a local Dask cluster, through the same interface."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        words = ["explore", "--worlds", "120", "--dask", cluster.scheduler_address, "--json"]
        assert main(words) == 0
    figures = json.loads(capsys.readouterr().out)
    whole = explore(Here(), range(120), at_once=1).plain()
    assert {key: figures[key] for key in whole} == json.loads(json.dumps(whole))
