"""The documents agree with the code: parameters, keys of job files, terms, links."""

import dataclasses
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path

import pytest

from initpy.config import breakpoints, jobs, parametertable, settings
from initpy.config.image import ImageConfig
from initpy.core.jobs.definitions import JobDefinition, Strategy
from initpy.core.jobs.hold_table import DeadlineKind, HoldKind
from initpy.core.jobs.instance import JobState
from initpy.core.state.assemblies import Phase
from initpy.image.check.proof import Verdict
from initpy.scenario.model import Outcome

PROJECT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [PROJECT / "README.md", PROJECT / "tests/scenarios/README.md", *PROJECT.glob("docs/*.md")]
)
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def read(name: str) -> str:
    return (PROJECT / "docs" / name).read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """Return the part of a document below the line that begins with this title."""
    (found,) = re.findall(rf"(?m)^{re.escape(title)}$\n((?:(?!^## ).*\n)*)", text)
    return str(found)


def first_cells(text: str) -> Iterator[str]:
    """Yield the first cell of each row of the tables, without heads."""
    rows = re.findall(r"(?m)^\|(.*)\|$", text)
    heads = {number - 1 for number, row in enumerate(rows) if set(row) <= set("-|")}
    for number, row in enumerate(rows):
        if number not in heads and number - 1 not in heads:
            yield row.split("|")[0]


def keys(text: str) -> list[str]:
    """Return the words in code style of all first cells, without a value."""
    found = (re.findall(r"`([^`]+)`", cell) for cell in first_cells(text))
    return [word.partition("=")[0] for words in found for word in words]


def test_each_parameter_is_documented_once() -> None:
    given = parametertable
    rows = (given.EXPLAINED, *given.SILENT, *given.SAID, *given.ELSEWHERE, *given.REFUSED)
    code = {*settings.known_names(), *(each for row in rows for each in row.names.split())}
    found = [each.replace("_", "-") for each in keys(read("parameters.md"))]
    assert sorted(found) == sorted(code)


def test_each_break_point_is_documented() -> None:
    (row,) = (line for line in read("parameters.md").splitlines() if "| `break=`" in line)
    names = {*breakpoints._DEBIAN, *breakpoints._DRACUT, *breakpoints._SYSTEMD}
    assert names <= set(re.findall(r"`([^`]+)`", row))


def test_each_key_of_a_job_file_is_documented_once() -> None:
    text = read("jobs.md")
    tables = section(text, "## The file") + section(text, "## When") + section(text, "## What")
    assert sorted(keys(tables)) == sorted(jobs.JOB_KEYS)
    assert sorted(keys(section(text, "## Success"))) == sorted(jobs.SUCCESS_KEYS)
    assert sorted(keys(section(text, "## The image"))) == sorted((*jobs.IMAGE_KEYS, "devices"))


def test_the_defaults_of_a_job_are_documented() -> None:
    default = JobDefinition._field_defaults
    rows = {row.split("|")[1].strip(): row for row in read("jobs.md").splitlines() if "|" in row}
    for key in ("timeout", "tries", "retry_after", "delay"):
        assert f"{default[key]:g} by default" in rows[f"`{key}`"]


def test_each_strategy_has_its_variables_documented() -> None:
    table = section(read("jobs.md"), "## Strategies")
    assert sorted(keys(table)) == sorted(each.value for each in Strategy)
    rows = {row.split("|")[1].strip(" `"): row for row in table.splitlines() if "|" in row}
    for strategy, variables in jobs.STRATEGY_VARIABLES.items():
        named = set(re.findall(r"`\{([a-z]+)\}`", rows[strategy.value]))
        assert named == variables, strategy


def test_each_key_of_the_image_configuration_is_documented_once() -> None:
    known = {each.name for each in dataclasses.fields(ImageConfig)}
    assert sorted(keys(section(read("image.md"), "## Configuration"))) == sorted(known)


@pytest.mark.parametrize(
    "kind", [JobState, Strategy, Phase, DeadlineKind, HoldKind, Verdict, Outcome]
)
def test_each_state_has_a_sentence_in_the_glossary(kind: Iterable[Enum]) -> None:
    """A new state, phase or kind gets its term there first."""
    values = sorted(str(each.value) for each in kind)
    tables = re.split(r"\n\n", read("glossary.md"))
    assert values in [sorted(keys(table)) for table in tables]


def test_glossary_tables_are_sorted() -> None:
    for table in re.split(r"\n\n", read("glossary.md")):
        terms = [cell.strip().lower() for cell in first_cells(table) if "`" not in cell]
        assert terms == sorted(terms)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_to_files_and_sections(document: Path) -> None:
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
            anchors = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles]
            assert anchor in anchors, target
