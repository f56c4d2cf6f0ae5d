"""The command line as the kernel splits it; values that are wrong say what would be right."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from initpy.config.commandline import Parameter, parse
from initpy.config.errors import InputError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n", []),
        ("quiet", [("quiet", None)]),
        ("root=/dev/sda1 ro", [("root", "/dev/sda1"), ("ro", None)]),
        ("root=UUID=1-2", [("root", "UUID=1-2")]),
        ("  a  \tb\n", [("a", None), ("b", None)]),
        ("a=", [("a", "")]),
        ("=a b", [("b", None)]),
        ('root="LABEL=a b"', [("root", "LABEL=a b")]),
        ('"root=LABEL=a b" ro', [("root", "LABEL=a b"), ("ro", None)]),
        ('root=LABEL="a b"', [("root", 'LABEL="a b"')]),
        ('rootflags="subvol=a b"', [("rootflags", "subvol=a b")]),
        ('a="b c', [("a", "b c")]),
        ('a="b c\n', [("a", "b c")]),
        ('a="" b', [("a", ""), ("b", None)]),
        ('a="b"c"d e"', [("a", 'b"c"d e')]),
        ('"a="b"" c', [("a", 'b"'), ("c", None)]),
        ('"a=b" c" d', [("a", "b"), ('c" d', None)]),
        ('a " b', [("a", None), (" b", None)]),
        ('a "', [("a", None)]),
        ('a "" b', [("a", None), ("b", None)]),
        ('a= "" " "', [("a", ""), (" ", None)]),
        ("a='b c'", [("a", "'b"), ("c'", None)]),
        ("a=#b", [("a", "#b")]),
        # A no-break space is part of a label; the kernel knows ASCII blanks only.
        ("root=LABEL=a\u00a0b\u3000c", [("root", "LABEL=a\u00a0b\u3000c")]),
    ],
)
def test_words_are_split_as_the_kernel_does(text: str, words: list[tuple[str, str | None]]) -> None:
    assert [(each.key, each.value) for each in parse(text).parameters] == words


@pytest.mark.parametrize(
    ("text", "keys", "arguments"),
    [
        ("a -- b c=d", ["a"], ("b", "c=d")),
        ("a --", ["a"], ()),
        ("-- -- single", [], ("--", "single")),
        ("a --b", ["a", "--b"], ()),
        ('a -- "b c"', ["a"], ("b c",)),
    ],
)
def test_words_after_two_dashes_are_for_the_real_init(
    text: str, keys: list[str], arguments: tuple[str, ...]
) -> None:
    line = parse(text)
    assert [each.key for each in line.parameters] == keys
    assert line.init_arguments == arguments


@pytest.mark.parametrize("text", ["1", "yes", "true", "on", "y", "t", "YES", "True", None])
def test_what_dracut_and_systemd_take_for_true_is_true(text: str | None) -> None:
    assert Parameter("rd.shell", text).flag() is True


@pytest.mark.parametrize("text", ["0", "no", "false", "off", "n", "f", "No"])
def test_what_dracut_and_systemd_take_for_false_is_false(text: str) -> None:
    assert Parameter("rd.shell", text).flag() is False


@pytest.mark.parametrize("text", ["", "2", "maybe", " yes", "нет"])
def test_other_words_are_no_truth_value(text: str) -> None:
    with pytest.raises(InputError, match=r"rd\.shell: .* expected yes or no"):
        Parameter("rd.shell", text).flag()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0.0), ("30", 30.0), ("30s", 30.0), ("2.5", 2.5), (".5", 0.5), ("1.", 1.0), ("007", 7.0)],
)
def test_seconds_may_be_fractions_and_carry_their_unit(text: str, seconds: float) -> None:
    assert Parameter("rd.timeout", text).seconds() == seconds


@pytest.mark.parametrize(
    "text",
    [
        None, "", "s", "soon", "-1", "+1", "nan", "inf", "1e400", "1e3", "1_000", "0x10", "١٠",
        "30ss", "30 fortnights", ".", "9" * 400,
    ],
)  # fmt: skip
def test_what_is_no_number_of_seconds_names_parameter_value_and_expectation(
    text: str | None,
) -> None:
    with pytest.raises(InputError) as error:
        Parameter("rd.timeout", text).seconds()
    found = "nothing" if text is None else repr(text)
    expected = f"command line: rd.timeout: {found}: expected a number of seconds, 0 or more"
    expected += ", or a time such as 1min30s"
    assert str(error.value) == expected


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("-1", -1), ("+3", 3), ("0", 0)])
def test_whole_numbers(text: str, number: int) -> None:
    assert Parameter("panic", text).integer() == number


@pytest.mark.parametrize("text", [None, "", "5s", "1.5", "1_0", "٣", "9" * 5000, "--1", " 1"])
def test_what_is_no_whole_number(text: str | None) -> None:
    with pytest.raises(InputError, match=r"panic: .* expected a whole number"):
        Parameter("panic", text).integer()


@given(st.lists(st.text(alphabet=st.characters(exclude_characters=' \t\n\v\f\r"'), min_size=1)))
@example(["--", "--"])
def test_nothing_of_what_is_written_gets_lost(words: list[str]) -> None:
    words = [each for each in words if not each.startswith("=")]  # these have no name
    line = parse(" ".join(words))
    found = [
        each.key if each.value is None else f"{each.key}={each.value}" for each in line.parameters
    ]
    end = words.index("--") if "--" in words else len(words)
    assert found == words[:end]
    assert line.init_arguments == tuple(words[end + 1 :])


@given(st.text(), st.text())
def test_quotes_protect_blanks_in_any_value(key: str, value: str) -> None:
    key, value = (each.replace('"', "").replace("=", "") for each in (f"a{key}", value))
    (parameter,) = parse(f'"{key}={value}"').parameters
    assert (parameter.key, parameter.value) == (key, value)
