"""A scenario that is written is read back as it was."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.scenario.acts import Damage
from initpy.scenario.model import Disk, Expectation, Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.scenario.write import scenario_text, write_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
FILES = sorted(SCENARIOS.glob("*.toml"))


def there_and_back(scenario: Scenario, folder: Path, comment: str = "") -> Scenario:
    """What is read from the file that is written."""
    path = folder / "written.toml"
    write_scenario(scenario, path, comment)
    return replace(load_scenario(path), path=scenario.path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_scenario_that_there_is_survives(path: Path, tmp_path: Path) -> None:
    scenario = load_scenario(path)
    assert there_and_back(scenario, tmp_path) == scenario


def test_there_are_scenarios_to_look_at() -> None:
    assert len(FILES) > 100


@given(
    title=st.text(min_size=1),
    within=st.floats(0, 1e6),
    arrives=st.none() | st.floats(0, 1e4),
    content=st.dictionaries(st.from_regex(r"/[a-z\"\\. ]{1,8}[a-z]", fullmatch=True), st.text()),
    data=st.binary(min_size=1, max_size=40) | st.just(bytes(4096)),
)
def test_whatever_the_texts_and_numbers(
    title: str,
    within: float,
    arrives: float | None,
    content: dict[str, str],
    data: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    scenario = Scenario(
        path=Path("x.toml"), title=title, requirements=("R1",), memory=512, cmdline="a=b \\x",
        disks=(Disk("a", 65536, arrives is None, arrives), Disk("b", 1000)), layers=(),
        files=tuple(content.items()), people=(), faults=(),
        expect=Expectation(Outcome.SHELL, within),
        damages=(Damage("a", -8192, data),), chance=(("seed", 7.0), ("tool-fails", 0.25)),
    )  # fmt: skip
    assert there_and_back(scenario, tmp_path_factory.mktemp("w")) == scenario


def test_what_is_as_usual_is_left_out_and_the_comment_comes_first(tmp_path: Path) -> None:
    scenario = Scenario(
        path=Path("x.toml"), title="plain", requirements=(), memory=1024, cmdline="root=/dev/vda",
        disks=(Disk("a", 64 << 20),), layers=(), files=(), people=(), faults=(),
        expect=Expectation(Outcome.BOOTED, 120),
    )  # fmt: skip
    text = scenario_text(scenario, "found by\n\nsomebody")
    assert text == (
        '# found by\n#\n# somebody\n\ntitle = "plain"\n\n[machine]\ncmdline = "root=/dev/vda"\n\n'
        '[[disk]]\nname = "a"\nsize = "64M"\n\n[expect]\noutcome = "booted"\n'
    )
    assert there_and_back(scenario, tmp_path, "with a remark") == scenario
