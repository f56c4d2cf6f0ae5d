"""The journal: every event and action a line of JSON, no secret in it, never a reason to fail."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from initpy.config.errors import InputError
from initpy.core.actions import Arm, Clock, EndBoot, Report, Run, ShowFailure
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import Answered, DeviceChanged, Enumerated, JobEnded
from initpy.core.explanation import Node
from initpy.core.records import plain
from initpy.core.secret import Secret
from initpy.core.settings import Emergency, OtherCheck, Settings
from initpy.runtime.journal import Journal, basis

DISK = Device("sda", {"DEVNAME": "/dev/sda"}, frozenset({"/dev/b", "/dev/a"}), frozenset({"sdz"}))


def read(path: Path) -> list[dict[str, object]]:
    """The lines of a journal."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_event_is_one_line_with_time_kind_and_fields(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(str(path)).record(1.23456789, JobEnded("job@sda", 2, 1, "out", "oops", "first\noops"))
    assert read(path) == [
        {"t": 1.234568, "kind": "JobEnded", "job": "job@sda", "run": 2, "status": 1,
         "output": "out", "error": "oops", "complaints": "first\noops"}
    ]  # fmt: skip


def test_it_is_for_root_alone(tmp_path: Path) -> None:
    """R14: it holds crypttab and the command line, in which there may be a PIN."""
    before = os.umask(0)
    try:
        Journal(str(tmp_path / "journal.jsonl"))
    finally:
        os.umask(before)
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o777 == 0o600


def test_what_is_nested_becomes_plain() -> None:
    device = {
        "name": "sda", "properties": {"DEVNAME": "/dev/sda"}, "links": ["/dev/a", "/dev/b"],
        "slaves": ["sdz"],
    }  # fmt: skip
    assert plain(DeviceChanged(DISK)) == {"device": device}
    assert plain(Enumerated((DISK,))) == {"devices": [device]}
    assert plain(EndBoot(Emergency.REBOOT, "why")) == {"how": "reboot", "reason": "why"}
    tree = plain(ShowFailure("why", Node("root", "waiting", children=(Node("a", "ready"),))))
    assert json.loads(json.dumps(tree))["tree"]["children"][0]["label"] == "a"


@given(st.binary(min_size=6))
def test_secrets_are_never_serialised(value: bytes) -> None:
    """R14."""
    for what in (Answered("job", Secret(value)), Run("job", 1, ("a",), None, Secret(value))):
        assert plain(what)["secret"] == "…"
        assert "Secret(…)" in repr(what)


def test_an_engine_that_is_started_again_goes_on_below(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(str(path)).note(1.0, "EngineStarted", init_started=0.5)
    Journal(str(path)).note(2.0, "EngineStarted", init_started=0.5)
    assert [line["t"] for line in read(path)] == [1.0, 2.0]


def test_bytes_that_are_no_text_can_be_journalled(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(str(path)).note(1.0, "HandedOver", init=os.fsdecode(b"/sbin/\xff"))
    assert os.fsencode(str(read(path)[0]["init"])) == b"/sbin/\xff"


def test_without_a_journal_the_boot_goes_on(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "missing" / "journal.jsonl"))
    journal.note(1.0, "EngineStarted")
    assert journal.lost == 1


def test_a_full_run_costs_lines_and_raises_nothing() -> None:
    """R26: a full `/run`. Every write to /dev/full fails with ENOSPC."""
    journal = Journal("/dev/full")
    journal.note(1.0, "one")
    journal.note(2.0, "two")
    assert journal.lost == 2


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A write that crosses the limit is cut short, as on a file system that gets full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_line_that_fits_only_in_part_does_not_spoil_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(str(path))
    with file_size_limit(100):
        journal.note(1.0, "first")
        journal.note(2.0, "long", text="x" * 100)
        journal.note(3.0, "short")
    assert [line["kind"] for line in read(path)] == ["first", "Lost", "short"]
    assert read(path)[1]["lines"] == journal.lost == 1


def test_the_first_line_tells_what_decides_the_boot(tmp_path: Path) -> None:
    """R34: without it the journal cannot be replayed."""
    root = DeviceSpec(Naming.GPT_AUTO, "4f68")
    settings = Settings(
        root=root, boot_partition="b-1", key_files={"home": "/etc/k/home.key"},
        absent_keys=frozenset({"/k", "/j"}),
        other_checks=(OtherCheck("/home", DeviceSpec(Naming.LABEL, "home")),),
    )  # fmt: skip
    texts = {"/usr/lib/initpy/jobs/md.json": "{}", "/etc/initpy/jobs/mine.toml": "summary = 's'"}
    problems = [InputError("command line: rd.x", "x", "nothing")]
    told = basis(settings, "root=gpt-auto quiet\n", "home UUID=u none luks\n", texts, problems)
    path = tmp_path / "journal.jsonl"
    Journal(str(path)).note(1.0, "EngineStarted", **told)
    assert read(path) == [{
        "t": 1.0, "kind": "EngineStarted", "cmdline": "root=gpt-auto quiet",
        "crypttab": "home UUID=u none luks\n", "key_files": {"home": "/etc/k/home.key"},
        "absent_keys": ["/j", "/k"], "other_checks": [["/home", ["LABEL", "home", 0, [], []]]],
        "root_type": "4f68", "boot_partition": "b-1",
        "hibernated": None, "counting": None,
        "jobs": {"md.json": "a3a6bf43"},
        "own_jobs": {"/etc/initpy/jobs/mine.toml": "summary = 's'"},
        "problems": ["command line: rd.x: 'x': expected nothing"],
    }]  # fmt: skip


def test_what_was_decided_is_written_in_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(str(path))
    journal.decided(1.0, (Arm(2.0),))
    journal.decided(2.0, (Report("a"), Arm(None), Clock("root wait", 3.0, "b", "types")))
    assert read(path) == [
        {"t": 2.0, "kind": "Report", "text": "a", "detail": False},
        {"t": 2.0, "kind": "Clock", "name": "root wait", "left": 3.0, "owner": "b",
         "reason": "types"},
    ]  # fmt: skip
