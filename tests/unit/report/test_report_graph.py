"""R35: what stands on what, from a journal and from a scenario file."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from test_report_timeline import line

from initpy.cli import main
from initpy.cli.graph import stack
from initpy.report.graph import Box, dot, levels, seen, svg, tops, tree
from initpy.scenario.parse import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
STACK = (
    Box("a", "disk"),
    Box("b", "disk"),
    Box("md0", "raid1", (), ("a", "b")),
    Box("fs", "ext4", ("LABEL=<r>",), ("md0",)),
)


def device(name: str, *on: str, **properties: str) -> dict[str, Any]:
    return {"name": name, "properties": properties, "slaves": list(on)}


def text(boxes: tuple[Box, ...]) -> list[str]:
    console = Console(width=76, highlight=False)
    with console.capture() as found:
        for each in tree(boxes):
            console.print(each)
    return found.get().splitlines()


def test_the_stack_of_a_journal_is_what_was_seen_last() -> None:
    journal = [
        line(1.0, "Enumerated", devices=[device("vda", ID_SERIAL="a"), device("loop0", size="0")]),
        line(2.0, "DeviceChanged", device=device("vdb", ID_SERIAL="b")),
        line(3.0, "DeviceChanged", device=device("md127", "vda", **{"md/level": "raid1"})),
        line(4.0, "DeviceChanged", device=device("md127", "vda", "vdb", **{"md/level": "raid1"})),
        line(5.0, "DeviceRemoved", name="vdb"),
    ]
    assert seen(journal) == (
        Box("vda", "device", ("a",)),
        Box("vdb", "device", ("b",), (), True),
        Box("md127", "raid1", (), ("vda", "vdb")),
    )


def test_what_an_enumeration_does_not_have_is_gone() -> None:
    journal = [
        line(1.0, "Enumerated", devices=[device("vda"), device("vdb")]),
        line(2.0, "Enumerated", devices=[device("vdb")]),
    ]
    assert [(each.name, each.gone) for each in seen(journal)] == [("vda", True), ("vdb", False)]


def test_the_tree_goes_from_the_top_to_the_disks() -> None:
    assert text(STACK) == [
        "fs: ext4 LABEL=<r>",
        "└── md0: raid1",
        "    ├── a: disk",
        "    └── b: disk",
    ]


def test_what_two_stand_on_is_shown_once() -> None:
    shared = (*STACK, Box("swap", "swap", (), ("md0",)))
    assert "└── md0: see above" in text(shared)


def test_levels_count_from_the_disks_and_a_circle_is_no_trap() -> None:
    assert levels(STACK) == {"a": 0, "b": 0, "md0": 1, "fs": 2}
    circle = (Box("a", "x", (), ("b",)), Box("b", "x", (), ("a",)))
    assert set(levels(circle)) == {"a", "b"}
    assert tops(circle) == []


NAMES = st.sampled_from("abcd")
BOXES = st.lists(
    st.builds(Box, NAMES, st.text(), st.tuples(st.text()), st.lists(NAMES).map(tuple)),
    unique_by=lambda box: box.name,
)


@given(BOXES.map(tuple))
def test_every_stack_can_be_drawn(boxes: tuple[Box, ...]) -> None:
    ET.fromstring(svg(boxes, "<&\x00"))
    assert dot(boxes, '"').count("label=") == len(boxes)
    assert text(boxes) or not tops(boxes)


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_scenario_has_a_stack_in_which_nothing_is_unknown(path: Path) -> None:
    scenario = load_scenario(path)
    boxes = tuple(stack(scenario))
    names = {box.name for box in boxes}
    assert len(names) == len(boxes)
    assert all(name in names for box in boxes for name in box.on)
    drawn = svg(boxes, scenario.title)
    assert not any(secret in drawn for secret in scenario.secrets)


def test_a_network_disk_stands_on_its_server_and_that_on_its_card() -> None:
    boxes = {
        each.name: each for each in stack(load_scenario(SCENARIOS / "raid1-nbd-cable-late.toml"))
    }
    assert boxes["b"].on == ("server store",)
    assert boxes["server store"].on == ("card eth0",)
    assert boxes["server store"].words == ("10.0.2.100:10809",)
    assert boxes["card eth0"].words == ("cable after 12 s",)
    assert boxes["a"].on == ()


def test_the_command_draws_text_json_dot_and_svg(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(SCENARIOS / "lvm-on-luks-on-raid1.toml")
    assert main(["graph", file]) == 0
    assert "└── crypt: luks2" in capsys.readouterr().out
    assert main(["graph", "--json", file]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "a"
    assert main(["graph", "--dot", file]) == 0
    assert '"system" -> "crypt";' in capsys.readouterr().out
    assert main(["graph", "--svg", str(tmp_path / "a.svg"), file]) == 0
    assert capsys.readouterr().out == ""
    ET.parse(tmp_path / "a.svg")
    journal = tmp_path / "boot.jsonl"
    journal.write_text(json.dumps(line(1.0, "DeviceChanged", device=device("vda", ID_FS_TYPE="x"))))
    assert main(["graph", str(journal)]) == 0
    assert "vda: device x" in capsys.readouterr().out
    assert main(["graph", "--svg", f"{tmp_path}/no/a.svg", file]) == 2


def test_what_has_several_paths_stands_on_them() -> None:
    boxes = {box.name: box for box in stack(load_scenario(SCENARIOS / "multipath-path-late.toml"))}
    assert boxes["a by 2 paths"].on == ("a", "b")
    assert boxes["a by 2 paths"].kind == "multipath"
    assert (boxes["b"].kind, boxes["b"].on) == ("path", ())
    assert boxes["a by 2 paths main"].on == ("a by 2 paths",)
