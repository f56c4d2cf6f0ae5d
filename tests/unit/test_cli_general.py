"""The command without a subcommand, and short forms of its options."""

import re
import subprocess
import sys
import tomllib

import pytest

from initpy.cli import main
from initpy.config.project import PROJECT


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: initpy")
    assert "prove that an image can boot this root" in out


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"initpy {version}\n"


@pytest.mark.parametrize("command", ["build", "install", "check"])
def test_short_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = capsys.readouterr().out
    # Python 3.13 names an option's value once.
    for option in ("-k( VERSION)?, --kernel", "-v, --verbose", "-q, --quiet"):
        assert re.search(option, out)
    assert command == "check" or re.search("-o( FILE)?, --output", out)


@pytest.mark.parametrize(
    "command", ["inspect", "ls", "diff", "why", "boot", "simulate", "explore", "replay"]
)
def test_how_much_a_command_says(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = capsys.readouterr().out
    assert "-q, --quiet" in out
    assert "-v, --verbose" in out or command in ("explore", "replay")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["chekc", "x.img"], "initpy: error: unknown command 'chekc' (do you mean check?)"),
        (["sesame"], "initpy: error: unknown command 'sesame'"),
        (
            ["build", "--kernl", "6"],
            "initpy build: error: unknown argument '--kernl' (do you mean --kernel?)",
        ),
        (
            ["build", "--ouptut=x.img"],
            "initpy build: error: unknown argument '--ouptut=x.img' (do you mean --output?)",
        ),
        (["check", "a.img", "b.img"], "initpy check: error: unknown argument 'b.img'"),
    ],
)
def test_a_misspelt_word(words: list[str], error: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == error


def test_an_image_is_not_written_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "-o", "-"]) == 2
    assert "--output: '-': expected a path for the image" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["help", "check"], ["-q", "check", "--help"]])
def test_help_by_its_name_and_options_before_the_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: initpy check")


def test_an_image_from_a_pipe() -> None:
    command = [sys.executable, "-m", "initpy", "ls", "-"]
    done = subprocess.run(command, input=b"x", capture_output=True, text=False, check=False)
    assert done.returncode == 2
    assert b"/dev/stdin: byte 0" in done.stderr
