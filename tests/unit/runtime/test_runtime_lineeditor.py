"""A secret line is edited unseen: nothing that was typed is lost (R12), keys type nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from initpy.runtime.lineeditor import LineEditor


def lines(*pieces: bytes) -> list[bytes]:
    """The lines that these pieces, read one after another, finish."""
    editor = LineEditor()
    return [bytes(each.reveal()) for piece in pieces for each in editor.feed(piece)]


@pytest.mark.parametrize(
    ("typed", "finished"),
    [
        (b"correct horse\n", [b"correct horse"]),
        (b"correct horse\r", [b"correct horse"]),
        (b"correct horse\r\n", [b"correct horse"]),
        (b"one\r\ntwo\r\n", [b"one", b"two"]),
        (b"one\ntwo\nrest", [b"one", b"two"]),
        (b"\n", [b""]),
        (b"\r\r", [b"", b""]),
        (b"\n\r", [b"", b""]),
        (b"a\tb\n", [b"a\tb"]),
        ("pässwörd €\n".encode(), ["pässwörd €".encode()]),
        (b"caf\xe9\n", [b"caf\xe9"]),  # Latin-1
    ],
)
def test_enter_finishes_a_line(typed: bytes, finished: list[bytes]) -> None:
    assert lines(typed) == finished


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (b"ab\x7fc\n", b"ac"),  # Backspace as DEL
        (b"ab\x08c\n", b"ac"),  # and as Ctrl-H
        (b"\x7f\x7fa\n", b"a"),
        ("aé\x7fb\n".encode(), b"ab"),
        ("a€\x7fb\n".encode(), b"ab"),
        ("a\U0001f600\x7fb\n".encode(), b"ab"),
        (b"wrong\x15right\n", b"right"),  # Ctrl-U
        (b"wrong\x03right\n", b"right"),  # Ctrl-C
        (b"one two\x17three\n", b"one three"),  # Ctrl-W
        (b"one two  \x17three\n", b"one three"),
        (b"one\x17\x17\n", b""),
    ],
)
def test_editing_keys(typed: bytes, line: bytes) -> None:
    assert lines(typed) == [line]


KEYS = {
    "up": b"\x1b[A", "left": b"\x1b[D", "application up": b"\x1bOA", "delete": b"\x1b[3~",
    "page up": b"\x1b[5~", "F1 of xterm": b"\x1bOP", "F1 of the Linux console": b"\x1b[[A",
    "F5 of the Linux console": b"\x1b[[E", "F12": b"\x1b[24~", "Ctrl-right": b"\x1b[1;5C",
    "bracketed paste": b"\x1b[200~", "Escape, then up": b"\x1b\x1b[A",
}  # fmt: skip


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_keys_that_type_nothing_type_nothing(key: bytes) -> None:
    assert lines(b"ab" + key + b"c\n") == [b"abc"]


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_sequence_may_come_in_pieces(key: bytes) -> None:
    """A serial line delivers byte by byte."""
    assert lines(b"ab", *(bytes([each]) for each in key), b"c\n") == [b"abc"]


@pytest.mark.parametrize(
    ("typed", "finished"),
    [
        (b"\x1bsecret\n", [b"secret"]),  # Escape, to see what is behind the splash
        (b"secret\x1b\n", [b"secret"]),
        (b"wrong\x1b\x15right\n", [b"right"]),
        (b"\x1b\x1b\x1bsecret\n", [b"secret"]),
        (b"ab\x1b[\nc\n", [b"ab", b"c"]),  # a sequence cut short by noise on the line
        (b"ab\x1b[1\rc\r", [b"ab", b"c"]),
        (b"ab\x1b[\x15c\n", [b"c"]),
        ("\x1b[é\n".encode(), ["é".encode()]),
    ],
)
def test_the_escape_key_swallows_nothing(typed: bytes, finished: list[bytes]) -> None:
    assert lines(typed) == finished


def test_what_follows_the_last_line_waits_for_the_next() -> None:
    assert lines(b"first\nsec", b"ond\n") == [b"first", b"second"]


def test_cr_and_lf_of_one_enter_may_come_apart() -> None:
    assert lines(b"one\r", b"\ntwo\r", b"\n") == [b"one", b"two"]


def test_clear_forgets_what_was_typed() -> None:
    editor = LineEditor()
    editor.feed(b"secret")
    editor.clear()
    assert [bytes(each.reveal()) for each in editor.feed(b"\n")] == [b""]


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))))
def test_any_text_arrives_as_it_was_typed(text: str) -> None:
    assert lines(text.encode() + b"\n") == [text.encode()]


@given(st.binary(), st.data())
def test_how_the_bytes_are_read_makes_no_difference(typed: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)), max_size=5)))
    edges = [0, *cuts, len(typed)]
    pieces = [typed[a:b] for a, b in pairwise(edges)]
    assert lines(*pieces, b"\n") == lines(typed + b"\n")


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), max_size=20))
def test_as_many_backspaces_as_characters_leave_nothing(text: str) -> None:
    assert lines(text.encode() + b"\x7f" * len(text) + b"x\n") == [b"x"]


@given(st.binary(), st.binary())
def test_ctrl_u_starts_afresh_whatever_was_typed_before(before: bytes, after: bytes) -> None:
    rest = bytes(each for each in after if each >= 0x20 and each != 0x7F)
    unfinished = bytes(each for each in before if each not in b"\r\n")
    assert lines(unfinished + b"\x15" + rest + b"\n") == [rest]
