"""The commands with only the packages that docs/install.md demands: plain output, one hint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from initpy.cli import SUBCOMMANDS
from initpy.config.project import PROJECT
from initpy.report.plaindrawing import HINT, Console, Table, Text, Tree

SCENARIO = str(PROJECT / "tests/scenarios/plain-ext4-label.toml")
# As the interpreter behaves if a package is not installed.
BEGIN = "import sys\nfor each in sys.argv.pop(1).split(): sys.modules[each] = None\n"
MAIN = f"{BEGIN}from initpy.cli import main\nsys.exit(main(sys.argv[1:]))"


def ran(without: str, *words: str) -> tuple[int, str, str]:
    """Run a command at a terminal; return its status, standard output and error."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", MAIN, without, *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=False, cwd=PROJECT)
    os.close(theirs)
    told = b""
    try:
        while read := os.read(ours, 4096):
            told += read
    except OSError:
        pass  # the end of a terminal
    os.close(ours)
    return done.returncode, done.stdout.decode(), told.decode()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("simulate", SCENARIO), "holds: plain-ext4-label"),
        (("simulate", SCENARIO, SCENARIO), "scenario"),
        (("graph", SCENARIO), "- a: disk 64M virtio"),
    ],
)
def test_output_is_plain_and_one_line_names_the_package(
    words: tuple[str, ...], expected: str
) -> None:
    status, shown, told = ran("rich", *words)
    assert status == 0
    assert expected in shown
    assert told.splitlines() == [HINT]


@pytest.mark.parametrize(
    ("without", "package", "words"),
    [
        ("elftools", "python3-pyelftools", ("build", "--list")),
        ("elftools", "python3-pyelftools", ("install",)),
        ("rich", "python3-rich", ("explore", "--worlds", "1")),
    ],
)
def test_a_missing_module_is_named_by_its_package(
    without: str, package: str, words: tuple[str, ...]
) -> None:
    status, _, told = ran(without, *words)
    assert status == 1
    assert f"apt install {package} " in told
    assert "Traceback" not in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", sorted(SUBCOMMANDS.keys() - {"boot"}))  # in checkouts only
def test_each_command_explains_itself_without_them(command: str) -> None:
    status, shown, told = ran("rich elftools zstandard pyroute2 dask", command, "--help")
    assert (status, told) == (0, "")
    assert shown.startswith(f"usage: initpy {command}")


def test_cells_stand_in_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", title="sizes")
    table.add_column("size", justify="right")
    table.add_row(r"[bold]a\[0][/]", "5")
    table.add_row(Text("[b]"), "120")
    tree = Tree("top")
    tree.add("one").add("two")
    console = Console()
    console.print(table)
    console.print(tree)
    console.print("[green]done[/]", "[as it is]")
    console.print("[green]", markup=False)
    assert capsys.readouterr().out.splitlines() == [
        "sizes", "name  size", "a[0]     5", "[b]    120",
        "top", "- one", "  - two", "done [as it is]".replace("[as it is]", ""), "[green]",
    ]  # fmt: skip


def test_nothing_but_one_module_draws_with_rich() -> None:
    """Any other import would fail where rich is not installed."""
    users = {
        str(path.relative_to(PROJECT))
        for path in Path(PROJECT, "initpy").rglob("*.py")
        if "from rich" in path.read_text() or "import rich" in path.read_text()
    }
    assert users == {"initpy/report/drawing.py", "initpy/cli/explore.py"}
