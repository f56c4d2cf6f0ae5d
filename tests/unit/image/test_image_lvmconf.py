"""lvm.conf is read as LVM reads it, and what LVM refuses is told (R28)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy.image.content.lvmconf import LvmConfError, read, refusal


def filters(*patterns: str) -> Iterator[str]:
    for each in patterns:
        yield f"devices/filter = [ {each} ]"


TAKEN = (
    "", "devices {}", "a/b { c = 1 }", "a = [ 1, 2, ]", "a = [ -, .5 ]", "a = [ x,y ]", "'a' = 1",
    'a = "x', "a = 'x", "a = x]", "a = #c\n 1", 'a { b = "\\"}" }', "a = 1\0}", "nonesuch = 1",
    'devices/filter = "a|x|"', "devices/filter = a/x/", "filter = [ 1 ]", "devices { a { b = 1 } }",
    *filters('"a(x)"', '"a|)|"', '"a|[]|"', '"a|x**|y|"', '"a/(|x)/"'),
)  # fmt: skip
REFUSED = (
    "\n", "# only a comment\n", "\0", "devices {", "devices {\n filter = [ 1\n}\n", "}", "a", "a =",
    "a = 1b", "a = [ 1 2 ]", "a = [ x, y ]", "a = [x]", "a = { }", '"" = 1', "a = b = c", "[ a = 1",
    "a = --1", "<<<<<<< HEAD\na = 1\n", "a b = 1", "a = '", "a { b = 1 } c", 'devices/filter = ""',
    *filters("", '".*"', '"A|x|"', '"a|x"', '"a|x|y"', '"a"', '"a||"', '"a|(|"'),
    *filters('"a|[|"', '"a|*|"', '"a|\\\\|"', '"a/x|/"', '"a/()/", "r|.*|"', "1"),
    'devices { global_filter = [ "a/()/" ] }',
)  # fmt: skip


def problem(text: str) -> str:
    try:
        return refusal(read(text))
    except LvmConfError as error:
        return str(error)


@pytest.mark.parametrize("text", TAKEN)
def test_what_lvm_takes(text: str) -> None:
    assert problem(text) == ""


@pytest.mark.parametrize("text", REFUSED)
def test_what_lvm_refuses(text: str) -> None:
    assert problem(text)


def test_a_refusal_names_the_line_and_what_stands_there() -> None:
    assert problem("devices {\n filter = [\n 1\n}\n") == "line 4: expected a value, not '}'"
    assert problem("devices {\n") == ("line 2: expected a setting, or `}`, not the end of the file")


@pytest.mark.skipif(shutil.which("lvm") is None, reason="needs LVM")
@pytest.mark.parametrize("text", [*TAKEN, *REFUSED])
def test_lvm_itself_agrees(text: str, tmp_path: Path) -> None:
    (tmp_path / "lvm.conf").write_text(f"config/checks = 0\n{text}" if text in TAKEN[1:] else text)
    environment = {
        "LVM_SYSTEM_DIR": str(tmp_path), "LVM_SUPPRESS_FD_WARNINGS": "1",
        "PATH": os.environ["PATH"], "LC_ALL": "C",
    }  # fmt: skip
    done = subprocess.run(
        ["lvm", "vgs", "--config", "devices/scan=\"/nonexistent\"", "nonesuch"],
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    failed = b"Failed to load config" in done.stderr or b"Failed to create" in done.stderr
    assert failed is (text in REFUSED)
