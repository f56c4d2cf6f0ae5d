"""R34: the journals of real boots, replayed: the core decides what it decided then.

`make record` boots and records them again, after a change of the core that is meant.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from initpy.cli.reading import read_journal
from initpy.cli.replay import job_texts, render
from initpy.simulation.journal.recorded import is_decision, is_event
from initpy.simulation.journal.replay import lives, replay

JOURNALS = sorted((Path(__file__).parent / "journals").glob("*.jsonl.gz"))


def named(name: str) -> list[dict[str, Any]]:
    """The journal of a scenario."""
    return read_journal(Path(__file__).parent / "journals" / f"{name}.jsonl.gz")


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.partition(".")[0])
def test_the_core_decides_what_it_decided_in_the_real_boot(path: Path) -> None:
    result = replay(read_journal(path), job_texts())
    assert result.difference is None, render(result)
    assert result.events > 3
    assert result.decisions > 3


def test_there_are_journals_of_different_kinds() -> None:
    kinds = {path: {line["kind"] for line in read_journal(path)} for path in JOURNALS}
    assert len(kinds) >= 8
    seen = set().union(*kinds.values())
    assert {"Ask", "Fetch", "ShowFailure", "OpenShell", "HandOver", "LookAgain", "Stop"} <= seen


def test_a_boot_of_two_engines_is_replayed_engine_by_engine() -> None:
    journal = named("engine-killed-at-prompt")
    result = replay(journal, job_texts())
    assert result.engines == len(lives(journal)) == 2


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.name.partition(".")[0])
def test_a_decision_that_is_taken_away_is_missed(path: Path) -> None:
    """The comparison can fail: each decision counts."""
    journal = read_journal(path)
    decided = [number for number, each in enumerate(journal) if is_decision(each)]
    for number in decided[:: max(1, len(decided) // 7)]:
        alone = is_event(journal[number - 1]) and not is_decision(
            journal[number + 1] if number + 1 < len(journal) else {"kind": "Lost"}
        )
        result = replay([*journal[:number], *journal[number + 1 :]], job_texts())
        if not alone:  # the only decision of an engine's last event may be missing
            assert result.difference is not None, journal[number]


def test_the_journals_are_small_and_whole() -> None:
    for path in JOURNALS:
        assert path.stat().st_size < 64 * 1024
        for line in gzip.decompress(path.read_bytes()).splitlines():
            assert json.loads(line)["kind"] != "Lost" or "run-full" in path.name
