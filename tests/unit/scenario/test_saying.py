"""Words on a console that the kernel writes to as well."""

import re

import pytest

from initpy.scenario.saying import heard

CUT = "[    1.000000] a: b\r\n"


@pytest.mark.parametrize(
    ("text", "start", "words", "behind"),
    [
        ("one two", 0, "one", " two"),
        (f"on{CUT}e two", 0, "one", " two"),
        (f"o{CUT}n{CUT}e two", 0, "one", " two"),
        (f"one{CUT} two", 0, "one", f"{CUT} two"),  # nothing is cut
        (f"one{CUT} two", 0, "one two", ""),
        (f"one on{CUT}e two", 2, "one", " two"),
        (f"x{CUT}one", 1, "one", ""),  # behind what was heard before
        (f"on{CUT}e", 0, "a: b", "\r\ne"),
        (f"{CUT}on", 0, "one", None),
        (f"on\n{CUT}e", 0, "one", None),  # on lines of their own
        ("on[    1.000000] not at its end", 0, "one", None),
        ("", 0, "one", None),
    ],
)
def test_what_was_heard_and_what_comes_behind(
    text: str, start: int, words: str, behind: str | None
) -> None:
    end = heard(re.compile(words), text, start)
    assert (None if end is None else text[end:]) == behind
