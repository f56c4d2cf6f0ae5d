"""R34: what a replay compares, and what it says about a difference."""

import gzip
import json
from pathlib import Path
from typing import Any, get_args
from zlib import crc32

import pytest

from initpy.cli import main
from initpy.cli.reading import read_journal
from initpy.cli.replay import job_texts
from initpy.config.errors import InputError
from initpy.core.actions import Arm, Report
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    Enumerated,
    Event,
    Fetched,
    JobEnded,
    KeyGiven,
    Mounted,
    TimePassed,
    WaitAsked,
)
from initpy.core.network.events import NetworkEvent
from initpy.core.records import plain
from initpy.core.secret import Secret
from initpy.core.settings import ExtraMount
from initpy.simulation.journal.recorded import EVENTS, alike, decisions, event_of
from initpy.simulation.journal.replay import replay, settings_of

JOBS = job_texts()
SUMS = {name: f"{crc32(text.encode()):08x}" for name, text in JOBS.items() if "multi" not in name}
BASIS = {"t": 1.0, "kind": "EngineStarted", "init_started": 0.5, "cmdline": "root=LABEL=r",
         "crypttab": None, "key_files": {}, "root_type": None, "boot_partition": None,
         "jobs": SUMS, "own_jobs": {}}  # fmt: skip
DISK = Device("vda", {"DEVNAME": "/dev/vda"}, frozenset({"/dev/b", "/dev/a"}), frozenset({"x"}))


def line(time: float, event: Event) -> dict[str, Any]:
    return json.loads(json.dumps({"t": time, "kind": type(event).__name__, **plain(event)}))  # type: ignore[no-any-return]


STARTED = [
    BASIS,
    line(1.0, BootStarted()),
    {"t": 1.0, "kind": "Report", "text": "waiting for root, LABEL=r", "detail": True},
    {"t": 1.0, "kind": "Clock", "name": "root wait", "left": 90.0, "owner": "", "reason": ""},
]


@pytest.mark.parametrize(
    "event",
    [
        BootStarted(),
        TimePassed(),
        DeviceChanged(DISK),
        Enumerated((DISK, DISK)),
        JobEnded("a", 1, -9, "out", "no", "no\nno"),
        Mounted("/sysroot", "/dev/vda",
                (ExtraMount("/usr", DeviceSpec(Naming.LABEL, "u"), ("ext4",), ("ro",), True),)),
        WaitAsked(1, None),
        Fetched("a", 1, None, "no"),
    ],
)  # fmt: skip
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    assert event_of(line(1.0, event)) == event


@pytest.mark.parametrize(
    "event",
    [Answered("a", Secret(b"x")), Fetched("a", 1, Secret(b"x")), KeyGiven(1, "", Secret(b"x"))],
)
def test_a_secret_comes_back_as_one_of_unknown_content(event: Event) -> None:
    """R14: what was typed is in no journal."""
    back = event_of(line(1.0, event))
    assert bytes(back.secret.reveal()) not in (b"x", b"")  # type: ignore[union-attr]


def test_just_enter_is_told_apart_from_a_passphrase() -> None:
    back = event_of(line(1.0, Answered("a", Secret(b""))))
    assert not back.secret.reveal()  # type: ignore[union-attr]


def test_a_line_that_lacks_a_field_is_the_input_error() -> None:
    with pytest.raises(InputError, match="the fields of a journalled JobEnded"):
        event_of({"t": 1.0, "kind": "JobEnded", "job": "a", "nonsense": 1})


def test_alarms_are_no_decisions_and_new_fields_are_no_difference() -> None:
    (only,) = decisions((Report("a"), Arm(1.0)))
    assert alike({"t": 1.0, "kind": "Report", "text": "a"}, only)
    assert not alike({"t": 1.0, "kind": "Report", "text": "b"}, only)


def test_the_settings_are_those_of_the_boot() -> None:
    basis = {**BASIS, "cmdline": "quiet", "crypttab": "home UUID=u none luks",
             "key_files": {"home": "/k"}, "absent_keys": ["/j"],
             "root_type": "4f68", "boot_partition": "b"}  # fmt: skip
    settings = settings_of(basis)
    assert settings.root == DeviceSpec(Naming.GPT_AUTO, "4f68")
    assert settings.boot_partition == "b"
    assert [each.name for each in settings.volumes] == ["home"]
    assert settings.key_files == {"home": "/k"}
    assert settings.absent_keys == {"/j"}


def test_the_same_decisions_are_the_same() -> None:
    result = replay(STARTED, JOBS)
    assert (result.difference, result.events, result.decisions) == (None, 1, 2)
    assert result.notes == []


def test_the_first_difference_is_found_in_its_event() -> None:
    other = [*STARTED[:2], {**STARTED[2], "text": "waiting for Godot"}, *STARTED[3:]]
    found = replay(other, JOBS).difference
    assert found is not None
    assert (found.engine, found.number, found.first) == (1, 1, 0)


def test_what_is_decided_beyond_is_a_difference_too() -> None:
    found = replay([*STARTED, line(2.0, TimePassed()), STARTED[2]], JOBS).difference
    assert found is not None
    assert (found.number, found.got) == (2, ())


def test_an_engine_that_died_before_it_could_say_what_it_decided_is_none() -> None:
    killed = STARTED[:2]
    result = replay([*killed, *STARTED], JOBS)
    assert result.difference is None
    assert result.engines == 2


def test_a_job_file_that_is_another_one_is_told() -> None:
    changed = {**BASIS, "jobs": {**SUMS, "md.json": "00000000"}}
    notes = replay([changed, *STARTED[1:]], JOBS).notes
    assert notes == ["other job files than in this boot: md.json"]


def test_a_job_file_of_people_is_replayed_with_the_boot() -> None:
    own = ('summary="s"\n[[job]]\nname="own"\ndoes="say hello"\nrun=["hello"]\nonce=true\n'
           "[job.success]\nexit=true\n")  # fmt: skip
    journal = [{**BASIS, "own_jobs": {"/etc/initpy/jobs/own.toml": own}}, STARTED[1], *STARTED[2:]]
    found = replay(journal, JOBS).difference
    assert found is not None
    assert any(each["kind"] == "Run" and each["argv"] == ["hello"] for each in found.got)


def test_one_that_this_initpy_lacks_is_the_input_error() -> None:
    with pytest.raises(InputError, match=r"gone\.json"):
        replay([{**BASIS, "jobs": {"gone.json": "0"}}, *STARTED[1:]], JOBS)


def test_after_lost_lines_nothing_is_compared_and_that_is_told() -> None:
    nonsense = line(2.0, TimePassed()), STARTED[2]
    result = replay([*STARTED, {"t": 2.0, "kind": "Lost", "lines": 3}, *nonsense], JOBS)
    assert result.difference is None
    assert "3 lines were lost" in result.notes[0]


def test_a_journal_of_an_older_initpy_is_the_input_error() -> None:
    with pytest.raises(InputError, match="no 'cmdline' in its first line"):
        replay([{"t": 1.0, "kind": "EngineStarted"}, *STARTED[1:]], JOBS)


def write(path: Path, journal: list[dict[str, Any]]) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in journal))
    return path


def test_the_command_says_that_nothing_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "journal.jsonl", STARTED)
    packed = tmp_path / "journal.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    channel = tmp_path / "channel.log"
    channel.write_text(f"INITPY-LAB fact a=b\n{path.read_text()}INITPY-LAB done\n")
    for each in (path, packed, channel):
        assert main(["replay", str(each)]) == 0
        assert capsys.readouterr().out == "the same decisions: 1 events, 2 decisions\n"


def test_the_command_shows_the_first_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = [*STARTED[:2], {**STARTED[2], "text": "waiting for Godot"}, *STARTED[3:]]
    path = write(tmp_path / "journal.jsonl", other)
    assert main(["replay", str(path)]) == 1
    out = capsys.readouterr().out
    assert "engine 1, event 1" in out
    assert "expected: Report; text: waiting for Godot" in out
    assert "got: Report; text: waiting for root, LABEL=r" in out
    assert "they differ in: text" in out
    assert main(["replay", "--json", str(path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["same"], told["difference"]["event_number"]) == (False, 1)
    assert told["difference"]["expected"][0]["text"] == "waiting for Godot"


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnonsense", b"\xff", b"[]\n", b'{"t": 1}\n'])
def test_what_is_no_journal_is_wrong_input(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "journal"
    path.write_bytes(content)
    assert main(["replay", str(path)]) == 2
    assert capsys.readouterr().err.startswith("initpy: ")


def test_every_event_of_the_core_can_be_read_again() -> None:
    ours = (*get_args(Event), *get_args(NetworkEvent))
    assert {each.__name__ for each in ours} == set(EVENTS)


@pytest.mark.parametrize(
    "name",
    ["crypttab-malformed", "engine-killed-at-prompt", "fsck-spoilt", "raid1-ask-yes",
     "root-never-panic", "tools-hang-once", "malformed-input", "multipath-path-late"],
)  # fmt: skip
def test_a_simulated_boot_is_replayed_like_a_real_one(name: str, tmp_path: Path) -> None:
    """What is in the page that somebody sent; secrets, time limits, job files of people's own."""
    file = Path(__file__).parents[2] / "scenarios" / f"{name}.toml"
    page = tmp_path / "boot.html"
    main(["simulate", "--html", str(page), str(file)])
    result = replay(read_journal(page), JOBS)
    assert result.difference is None
    assert result.decisions > 3


def test_a_mistake_in_peoples_own_job_file_is_a_note_as_it_was_then() -> None:
    basis = {**BASIS, "own_jobs": {"/etc/initpy/jobs/x.toml": "[[job"}}
    result = replay([basis, *STARTED[1:]], JOBS)
    assert result.difference is None
    assert result.notes[0].startswith("/etc/initpy/jobs/x.toml: ")
