"""R35: a boot as tracks, and these as SVG, HTML and trace file."""

import itertools
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_report_timeline import BOOT, JSON, KEYS, KINDS, line, moved

from initpy.cli import main
from initpy.report.markup import clean
from initpy.report.page import journal_in, page
from initpy.report.svg import step, svg
from initpy.report.timeline import wrong
from initpy.report.trace import trace
from initpy.report.tracks import Cause, Kind, Moment, Span, picture


def device(t: float, name: str, *on: str, **properties: str) -> dict[str, Any]:
    known = {"name": name, "properties": properties, "slaves": list(on)}
    return line(t, "DeviceChanged", device=known)


NESTED = [
    line(3.0, "EngineStarted", init_started=1.0, cmdline="root=LABEL=<root> quiet"),
    line(3.0, "Clock", name="root wait", left=90.0, owner="", reason=""),
    device(3.1, "sda", ID_FS_TYPE="linux_raid_member"),
    moved(3.2, "md-start@md0", "ready"),
    device(3.2, "md0", "sda"),
    moved(3.3, "md-start@md0", "running", "start /dev/md0"),
    line(3.3, "Run", job="md-start@md0", argv=["mdadm", "--run", "/dev/md0"]),
    device(3.9, "md0", "sda", ID_FS_TYPE="crypto_LUKS"),
    moved(3.9, "luks-open@md0", "ready"),
    line(3.9, "Ask", job="luks-open@md0", text="Passphrase for home (/dev/md0): "),
    line(3.9, "Clock", name="root wait", left=89.1, owner="luks-open@md0",
         reason="waits for a passphrase"),
    line(4.0, "JobEnded", job="md-start@md0", status=0),
    moved(4.0, "md-start@md0", "awaiting", "waits for its effect to show"),
    moved(4.0, "md-start@md0", "done", "its effect is there"),
    line(9.0, "Answered", job="luks-open@md0", secret="…"),
    moved(9.0, "luks-open@md0", "running", "unlock /dev/md0"),
    line(9.5, "JobEnded", job="luks-open@md0", status=2, error="no key <available>"),
    moved(9.5, "luks-open@md0", "failed", "no key"),
    line(9.6, "Clock", name="root wait", left=None),
    line(9.6, "DeviceRemoved", name="sda"),
    line(9.6, "ShowFailure", reason="never came", tree={}, advice=[]),
]  # fmt: skip


def test_jobs_user_clocks_and_devices_have_tracks_of_their_own() -> None:
    found = {each.name: each for each in picture(NESTED).tracks}
    assert [each.group for each in found.values()] == [
        "initpy", "initpy", "user", "arrays (md)", "encryption (LUKS)", "devices", "clocks",
    ]  # fmt: skip
    assert found["luks-open@md0"].spans == [
        Span(Kind.WAITS, 2.9, 8.0, "waits for a passphrase"),
        Span(Kind.RUNS, 8.0, 8.5, "unlock /dev/md0", (("ended", "status 2: no key <available>"),)),
        Span(Kind.FAILED, 8.5, 8.6, "no key", (("until", "the journal's end"),)),
    ]  # fmt: skip
    assert found["prompt for md0"].spans[0].details == (("ended by", "an answer"),)
    assert ("command", "mdadm --run /dev/md0") in found["md-start@md0"].spans[1].details


def test_a_clock_counts_or_is_held() -> None:
    """R6."""
    clock = picture(NESTED).tracks[-1]
    assert [(each.kind, each.text) for each in clock.spans] == [
        (Kind.COUNTS, "90 s left"),
        (Kind.HELD, "held by luks-open@md0: waits for a passphrase"),
    ]
    assert clock.moments == []  # it was held when it ended: its time was not over


def test_a_clock_that_has_run_out_is_marked() -> None:
    lines = [
        line(1.0, "EngineStarted"),
        line(1.0, "Clock", name="root wait", left=5.0, owner="", reason=""),
        line(6.0, "Clock", name="root wait", left=None, owner="", reason=""),
    ]
    assert picture(lines).tracks[-1].moments == [Moment(Kind.OVER, 5.0, "its time is over")]


def test_what_let_a_job_begin_is_its_cause() -> None:
    causes = picture(NESTED).causes
    assert Cause("md-start@md0", 2.9, "luks-open@md0", 2.9) in causes
    assert Cause("prompt for md0", 8.0, "luks-open@md0", 8.0) in causes


def test_a_second_engine_ends_what_the_first_did() -> None:
    again = [*NESTED[:10], line(8.0, "EngineStarted", init_started=1.0), line(9.0, "x")]
    engine = next(each for each in picture(again).tracks if each.name == "engine")
    assert [(each.text, each.begin, each.end) for each in engine.spans] == [
        ("/init, udevd and the engine start", 0.0, 2.0),
        ("engine 1", 2.0, 2.9),
        ("engine 2 starts", 2.9, 7.0),
        ("engine 2", 7.0, 8.0),
    ]
    prompt = next(each for each in picture(again).tracks if each.group == "user")
    assert prompt.spans[0].end == 2.9


def test_the_svg_is_xml_with_every_track_and_span() -> None:
    drawn = ET.fromstring(svg(picture(NESTED), "a <b> & c", "failed"))
    texts = " ".join(each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}text"))
    for each in ("a <b> & c", "luks-open@md0", "root wait", "root=LABEL=<root> quiet"):
        assert each in texts
    titles = [each.text or "" for each in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert any("held by luks-open@md0: waits for a passphrase" in each for each in titles)
    assert any("status 2: no key <available>" in each for each in titles)


def test_nothing_is_loaded_from_elsewhere() -> None:
    for text in (svg(picture(NESTED), "t"), page(NESTED, "t")):
        assert not re.findall(r"(?:src|href|url)\s*[=(]", text)
        assert (
            re.findall(r"https?://[^\s\"']+", text.replace("http://www.w3.org/2000/svg", "")) == []
        )


class Reader(HTMLParser):
    """The rows and the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\x00\x1b[2J\ud800\"'&"


def test_a_page_shows_what_happened_and_escapes_it() -> None:
    evil = [
        *NESTED,
        line(9.7, "Report", text=EVIL),
        line(9.8, EVIL),
        moved(9.9, EVIL, "running", EVIL),
    ]
    text = page(evil, EVIL)
    reader = Reader()
    reader.feed(text.encode(errors="replace").decode())
    assert reader.elements.count("script") == 2  # the data, and ours
    assert "img" not in reader.elements
    assert reader.elements.count("tr") == len(evil)
    assert "clock of root wait: held by luks-open@md0" in " ".join(reader.words)
    ET.fromstring(svg(picture(evil), EVIL))


def test_the_journal_is_in_the_page() -> None:
    assert json.loads(journal_in(page(NESTED, "t")) or "") == NESTED
    assert journal_in("<html>") is None


def test_the_trace_has_processes_threads_spans_and_moments() -> None:
    found = json.loads(trace(picture(NESTED), "t"))
    events = found["traceEvents"]
    names = {(each["pid"], each["tid"]): each["args"]["name"] for each in events
             if each["name"] == "thread_name"}  # fmt: skip
    slices = [each for each in events if each["ph"] == "X"]
    unlock = next(each for each in slices if each["name"] == "unlock /dev/md0")
    assert names[unlock["pid"], unlock["tid"]] == "luks-open@md0"
    assert (unlock["ts"], unlock["dur"]) == (8_000_000, 500_000)
    assert {each["ph"] for each in events} == {"M", "X", "i", "s", "f"}
    assert sum(each["ph"] == "s" for each in events) == sum(each["ph"] == "f" for each in events)
    # What overlaps on one thread without nesting is drawn wrongly.
    for place in names:
        mine = sorted((each["ts"], each["ts"] + each["dur"]) for each in slices
                      if (each["pid"], each["tid"]) == place)  # fmt: skip
        assert all(one[1] <= two[0] for one, two in itertools.pairwise(mine))


OTHER_KEYS = KEYS.filter(lambda key: key not in ("t", "kind"))
RECORDS = st.builds(lambda t, kind, rest: {**rest, "t": t, "kind": kind}, st.floats(0, 100), KINDS,
                    st.dictionaries(OTHER_KEYS, JSON))  # fmt: skip


@given(st.lists(RECORDS, max_size=6))
def test_whatever_is_in_a_journal_can_be_drawn(journal: list[dict[str, Any]]) -> None:
    right = [each for each in journal if not wrong(each)]
    drawn = picture(right)
    ET.fromstring(svg(drawn, "t"))
    json.loads(trace(drawn, "t"))
    assert page(right, "t")


@given(st.text())
def test_any_text_can_stand_in_markup(text: str) -> None:
    found = ET.fromstring(f'<a b="{clean(text)}">{clean(text)}</a>')
    assert (found.text or "").count("<") == text.count("<")


@given(st.floats(0.001, 1e6))
def test_ticks_are_few_and_round(duration: float) -> None:
    distance = step(duration)
    assert duration / distance <= 10.1
    assert f"{distance:.0e}"[0] in "125"


def test_the_command_writes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "boot.jsonl"
    journal.write_text("".join(f"{json.dumps(each)}\n" for each in BOOT))
    files = [tmp_path / name for name in ("a.svg", "a.html", "a.json")]
    words = [f"--{way}={file}" for way, file in zip(("svg", "html", "trace"), files, strict=True)]
    assert main(["timeline", *words, str(journal)]) == 0
    assert capsys.readouterr().out == ""
    assert all(each.stat().st_size > 1000 for each in files)
    assert main(["timeline", str(files[1])]) == 0  # a page is a journal, too
    assert "prompt for sda" in capsys.readouterr().out


def test_a_file_that_cannot_be_written_is_the_input_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "boot.jsonl"
    journal.write_text(f"{json.dumps(BOOT[0])}\n")
    assert main(["timeline", f"--svg={tmp_path}/no/a.svg", str(journal)]) == 2
    assert "--svg" in capsys.readouterr().err


def test_the_texts_of_moments_do_not_cover_each_other() -> None:
    """Several at one time, and one at the end of the picture, whose text stands at its left."""
    journal = [
        line(0.0, "EngineStarted", problems=["/etc/crypttab:1: mistaken"]),
        line(0.0, "Report", text="waiting for root, LABEL=a-name-that-is-somewhat-long"),
        line(0.2, "Report", text="something else that is of some length"),
        line(9.9, "Report", text="starting degraded, with 1 of 2 members"),
        line(10.0, "Report", text="root is mounted"),
    ]
    drawn = svg(picture(journal, [(3.0, "plug b")]), "x")
    texts: dict[float, list[tuple[float, float]]] = {}
    for x, y, end, text in re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" class="dim"( text-anchor="end")?>([^<]+)</text></g>',
        drawn,
    ):
        length = len(text) * 6.1
        begin = float(x) - length if end else float(x)
        texts.setdefault(float(y), []).append((begin, begin + length))
    assert sum(map(len, texts.values())) >= 6
    for extents in texts.values():
        for (_, before), (after, _) in itertools.pairwise(sorted(extents)):
            assert before <= after
    for whole in ("mistaken", "members", "some length", "root is mounted", "plug b"):
        assert f"{whole}</text>" in drawn
