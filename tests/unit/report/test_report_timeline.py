"""A boot's timeline from its journal; a journal that is none is one clear error."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.cli import main
from initpy.report.timeline import Span, render, spans, wrong


def line(t: float, kind: str, **fields: object) -> dict[str, Any]:
    """A line of a journal."""
    return {"t": t, "kind": kind, **fields}


def moved(t: float, job: str, after: str, reason: str = "") -> dict[str, Any]:
    return line(t, "Moved", job=job, before="ready", after=after, reason=reason)


BOOT = [
    line(3.0, "EngineStarted", init_started=1.0),
    moved(3.5, "luks-open@sda", "ready"),
    line(4.0, "Ask", job="luks-open@sda", text="Passphrase: "),
    line(9.0, "Answered", job="luks-open@sda", secret="…"),
    moved(9.0, "luks-open@sda", "running", "unlock /dev/sda"),
    moved(10.0, "luks-open@sda", "awaiting", "waits for its effect to show"),
    moved(10.5, "luks-open@sda", "done", "its effect is there"),
    moved(10.5, "mount-root@dm-0", "running", "mount /dev/dm-0 as the root file system"),
    moved(11.0, "mount-root@dm-0", "failed", "ext4: in use (status 16)"),
    line(11.0, "HandedOver", root="/sysroot", init="/sbin/init"),
]


def test_runs_prompts_and_the_start_have_a_beginning_and_an_end() -> None:
    assert spans(BOOT) == [
        Span("start of /init and the engine", 1.0, 3.0, ""),
        Span("prompt for sda", 4.0, 9.0, "answered"),
        Span("unlock /dev/sda", 9.0, 10.5, ""),
        Span("mount /dev/dm-0 as the root file system", 10.5, 11.0,
             "failed: ext4: in use (status 16)"),
        Span("handing over to /sbin/init", 11.0, 11.0, ""),
    ]  # fmt: skip


def test_an_engine_that_was_started_again_ends_what_went_on_before() -> None:
    """R5: the start of /init happened once."""
    lives = [
        *BOOT[:3],
        moved(4.0, "scan@sdb", "running", "scan /dev/sdb"),
        line(6.0, "DeviceChanged"),
        line(8.0, "EngineStarted", init_started=1.0),
        line(8.5, "Ask", job="luks-open@sda", text="Passphrase: "),
        line(9.0, "Withdraw", job="luks-open@sda", reason="gone"),
    ]
    assert spans(lives) == [
        Span("start of /init and the engine", 1.0, 3.0, ""),
        Span("scan /dev/sdb", 4.0, 6.0, "the engine ended"),
        Span("prompt for sda", 4.0, 6.0, "the engine ended"),
        Span("the engine is started again", 6.0, 8.0, ""),
        Span("prompt for sda", 8.5, 9.0, "withdraw"),
    ]


def test_what_had_no_end_is_unfinished() -> None:
    unfinished = [*BOOT[:3], moved(5.0, "scan@sdb", "running", "scan /dev/sdb"), line(7.0, "x")]
    assert spans(unfinished)[1:] == [
        Span("prompt for sda", 4.0, 7.0, "unfinished"),
        Span("scan /dev/sdb", 5.0, 7.0, "unfinished"),
    ]


def test_every_span_is_a_line_with_a_bar() -> None:
    shown = render(BOOT).splitlines()
    assert len([each for each in shown if "#" in each]) == len(spans(BOOT))
    assert shown[2].startswith("   4.00s    5.00s  ")
    assert shown[2].endswith("  prompt for sda [answered]")
    assert shown[-1] == "  11.00s          in all 10.00 s since /init started"


def test_the_clocks_follow_with_their_holders() -> None:
    """R6: which deadline was held by whom."""
    clocks = [
        line(3.0, "Clock", name="root wait", left=90.0, owner="", reason=""),
        line(4.0, "Clock", name="root wait", left=89.0, owner="luks-open@sda", reason="waits"),
        line(8.0, "Clock", name="root wait", left=1.0, owner="", reason=""),
        line(9.5, "Clock", name="root wait", left=None, owner="", reason=""),
    ]
    shown = render(sorted([*BOOT, *clocks], key=lambda each: each["t"])).splitlines()
    assert shown[-5:] == [
        "clock of root wait",
        "   3.00s    1.00s  counts, 90 s left",
        "   4.00s    4.00s  held by luks-open@sda: waits",
        "   8.00s    1.50s  counts, 1 s left",
        "   9.50s           its time is over",
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    words = " ".join(["a long reason"] * 12)
    wide = [*BOOT[:-1], moved(11.0, "a@b", "running", words), moved(12.0, "a@b", "failed", words)]
    clock = line(12.0, "Clock", name="root wait", left=1.0, owner="a@b", reason=words)
    assert max(map(len, render([*wide, clock, line(13.0, "x")]).splitlines())) <= 76


def test_an_empty_journal_says_so() -> None:
    assert render([]) == "the journal is empty"
    assert render([line(1.0, "Report", text="x")]) == "the journal is empty"


RIGHT = st.one_of(
    st.builds(line, st.floats(0, 1e6), st.just("EngineStarted"), init_started=st.floats(0, 1e6)),
    st.builds(moved, st.floats(0, 1e6), st.sampled_from("ab"),
              st.sampled_from(["running", "awaiting", "done", "failed"]), st.text()),
    st.builds(line, st.floats(0, 1e6), st.sampled_from(["Ask", "Answered", "Withdraw"]),
              job=st.sampled_from(["a", "b@c"])),
    st.builds(line, st.floats(0, 1e6), st.just("HandedOver"), init=st.text()),
)  # fmt: skip


@given(st.lists(RIGHT))
def test_every_journal_of_right_lines_can_be_drawn(journal: list[dict[str, Any]]) -> None:
    assert all(wrong(each) == "" for each in journal)
    assert render(journal)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
KINDS = st.sampled_from(
    [
        "EngineStarted",
        "Moved",
        "Ask",
        "Answered",
        "HandedOver",
        "other",
        "Run",
        "DeviceChanged",
        "Enumerated",
        "Clock",
        "Report",
        "JobEnded",
        "OpenShell",
    ]
)
KEYS = st.sampled_from(
    [
        "t",
        "kind",
        "job",
        "after",
        "reason",
        "init",
        "init_started",
        "device",
        "devices",
        "argv",
        "left",
        "name",
        "owner",
        "text",
        "status",
        "cmdline",
    ]
)


@given(st.builds(lambda kind, rest: {"t": 1.0, "kind": kind, **rest}, KINDS,
                 st.dictionaries(KEYS, JSON)))  # fmt: skip
def test_a_line_is_wrong_or_can_be_drawn(found: dict[str, Any]) -> None:
    if not wrong(found):
        assert render([found, found])


def timeline(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run `initpy timeline`."""
    status = main(["timeline", str(path)])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_the_command_draws_a_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in BOOT))
    status, out, err = timeline(path, capsys)
    assert (status, out, err) == (0, render(BOOT) + "\n", "")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe", ": 'invalid start byte': expected a journal, which is UTF-8 text"),
        (b"not json\n", ":1: 'not json': expected a JSON object with 't' and 'kind'"),
        (b'{"t": 1, "kind": "x"}\n{"t": 1\n', ":2: '{\"t\": 1': expected a JSON object"),
        (b"[]\n", ":1: '[]': expected a JSON object"),
        (b"[" * 100_000, ":1: '[[[["),
        (b'{"kind": "x"}', "expected a number of seconds as 't'"),
        (b'{"t": "soon", "kind": "x"}', "expected a number of seconds as 't'"),
        (b'{"t": NaN, "kind": "x"}', "expected a number of seconds as 't'"),
        (b'{"t": Infinity, "kind": "x"}', "expected a number of seconds as 't'"),
        (b'{"t": 1, "kind": []}', "expected a JSON object with 't' and 'kind'"),
        (b'{"t": 1, "kind": "Moved"}', "expected Moved to have a text as 'job'"),
        (b'{"t": 1, "kind": "HandedOver"}', "expected HandedOver to have a text as 'init'"),
        (
            b'{"t": 1, "kind": "EngineStarted", "init_started": null}',
            "expected a number of seconds as 'init_started'",
        ),
    ],
)
def test_a_journal_that_is_none_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, complaint: str
) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    status, out, err = timeline(path, capsys)
    assert (status, out) == (2, "")
    assert err.startswith(f"initpy: {path}")
    assert complaint in err
    assert err.count("\n") == 1


def test_a_journal_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = timeline(tmp_path / "missing", capsys)
    assert status == 2
    assert "'No such file or directory': expected a readable journal" in err
