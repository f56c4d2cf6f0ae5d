"""Files of shell assignments: random ones as sh(1) and initpy read them."""

import ctypes
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from initpy.config.assignments import assignments, environment

CASES = 150
LIBRARIES = [*Path("/usr/lib").glob("*/systemd/libsystemd-shared-*.so")]
NAMES = ("KEYMAP", "XKBLAYOUT", "RESUME", "FONT")
VALUES = (
    "de", "LABEL=a#b", "'de,us'", '"a b"', '"a"\'b\'', "", '""', "a\\ b", '"a\\"b"', '"a\\b"',
    '"a,\\\nb"', "a\\\nb", "'a\nb'", "#", "a'#'b", "/x/y.gz", '"it\'s"', "ä", "a\\#b", '"#"',
    "\"'\"", "'\\'", "'\"'", "=", "a=b",
)  # fmt: skip
BEFORE = ("", "", "", " ", "\t", "export ", "# ", "#", ":; ")
AFTER = ("\n", "\n", "\n\n", " \n", " # it's a \"comment\n", ";\n", "; ", " #\n", "\t# c\n")


def written(chance: random.Random, before: tuple[str, ...], equals: tuple[str, ...],
            after: tuple[str, ...]) -> str:  # fmt: skip
    text = ""
    for _ in range(chance.randint(1, 5)):
        start, value = chance.choice(before), chance.choice(VALUES)
        if start.strip()[:1] in ("#", ";"):
            value = value.replace("\n", " ")  # the next line is no comment any more
        text += start + chance.choice(NAMES) + chance.choice(equals) + value + chance.choice(after)
    return text


def by_shell(text: str) -> dict[str, str]:
    shown = "".join(f'printf "%s\\0" "${{{name}-unset}}"\n' for name in NAMES)
    done = subprocess.run(
        ["sh"], input=f"{text}\n{shown}".encode(), capture_output=True, check=True, env={}
    )
    values = zip(NAMES, done.stdout.decode().split("\0"), strict=False)
    return {name: value for name, value in values if value != "unset"}


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs sh")
def test_random_files_are_read_as_by_the_shell() -> None:
    chance = random.Random(30)
    for _ in range(CASES):
        text = written(chance, BEFORE, ("=",), AFTER)
        assert dict(assignments(text)) == by_shell(text), text


def by_systemd(path: Path) -> dict[str, str]:
    library, values = ctypes.CDLL(str(LIBRARIES[0])), ctypes.POINTER(ctypes.c_char_p)()
    assert library.load_env_file(None, str(path).encode(), ctypes.byref(values)) == 0
    found: dict[str, str] = {}
    for number in range(100):
        if not values or (pair := values[number]) is None:
            break
        name, _, value = pair.decode().partition("=")
        found[name] = value
    return found


@pytest.mark.skipif(not LIBRARIES, reason="needs libsystemd-shared")
def test_random_files_are_read_as_by_systemd(tmp_path: Path) -> None:
    """But for values that name nothing: with blanks outside quotes, or quotes in the middle."""
    chance = random.Random(33)
    path = tmp_path / "vconsole.conf"
    for _ in range(CASES):
        before = ("", "", " ", "\t", "# ", "; ", "#")
        equals, after = ("=", "=", " = ", "= ", "\t="), ("\n", "\n", " \n", "\n\n", "\r\n")
        text = written(chance, before, equals, after).replace("a'#'b", "x")
        path.write_bytes(text.encode())
        assert dict(environment(text)) == by_systemd(path), text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('A="b\nC=d\n', {"C": "d"}),  # a quotation without an end spoils its line
        ("A=b'\n", {}),
        ("\ufeffA=b\r\nC='d'\r\n", {"A": "b", "C": "d"}),
        ("A=$B\n[ -z x ] && C=d\n", {"A": "$B", "C": "d"}),
        ("A\n=\n'\n\\", {"": ""}),
    ],
)
def test_what_is_no_plain_assignment(text: str, found: dict[str, str]) -> None:
    assert dict(assignments(text)) == found
