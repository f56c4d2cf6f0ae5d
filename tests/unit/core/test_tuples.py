"""Our named tuples are those of the standard library; only their making is cheaper."""

import copy
import inspect
import pickle
import sys
import typing

import pytest

from initpy.core.tuples import NamedTuple


class Ours(NamedTuple):
    """A few fields."""

    name: str
    size: int = 3
    words: tuple[str, ...] = ()

    def first(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def double(self) -> int:
        return 2 * self.size


class Theirs(typing.NamedTuple):
    """A few fields."""

    name: str
    size: int = 3
    words: tuple[str, ...] = ()


class Wide(NamedTuple):
    """More fields than constructors are written for."""

    a: int
    b: int
    c: int
    d: int
    e: int
    f: int
    g: int
    h: int
    i: int
    j: int
    k: int
    m: int = 12


class Empty(NamedTuple):
    """No field."""


def test_they_say_of_themselves_what_the_original_says() -> None:
    for name in ("_fields", "_field_defaults", "__match_args__", "__annotations__", "__doc__"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert inspect.signature(Ours).parameters.keys() == inspect.signature(Theirs).parameters.keys()
    assert repr(Ours("a", 1)) == repr(Theirs("a", 1)).replace("Theirs", "Ours")
    assert Ours.__module__ == __name__
    assert Ours.__qualname__ == "Ours"


def test_they_are_tuples_without_a_dictionary() -> None:
    made = Ours("a", words=("b",))
    theirs: object = Theirs("a", words=("b",))
    assert made == ("a", 3, ("b",))
    assert made == theirs
    assert hash(made) == hash(("a", 3, ("b",)))
    assert "__dict__" not in dir(made)
    with pytest.raises(AttributeError):
        setattr(made, "size", 4)  # noqa: B010


def test_methods_and_properties_of_the_body_stay() -> None:
    made = Ours("a", 4, ("b", "c"))
    assert (made.first(), made.double) == ("b", 8)


def test_replacing_and_converting() -> None:
    made = Ours("a", 4)
    assert made._replace(size=5) == Ours("a", 5)
    if sys.version_info >= (3, 13):
        assert copy.replace(made, size=5) == Ours("a", 5)
    assert made._asdict() == {"name": "a", "size": 4, "words": ()}
    assert Ours._make(["a", 4, ()]) == made
    with pytest.raises(ValueError, match="color"):
        made._replace(color=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="1"):
        Ours._make(["a"])


def test_copies_and_pickles_have_the_class() -> None:
    made = Ours("a", 4, ("b",))
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert type(other) is Ours
        assert other == made


def test_a_pattern_names_the_fields_in_their_order() -> None:
    match Ours("a", 4):
        case Ours(name, size):
            assert (name, size) == ("a", 4)


@pytest.mark.parametrize("words", [{}, {"name": "a", "color": 1}])
def test_wrong_arguments_are_an_error_that_names_the_class(words: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"Ours\.__new__"):
        Ours(**words)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Ours\.__new__"):
        Ours("a", 1, (), 2)  # type: ignore[call-arg]


def test_any_number_of_fields() -> None:
    made = Wide(*range(1, 12))
    assert made == tuple(range(1, 13))
    assert (made.a, made.k, made.m) == (1, 11, 12)
    assert Wide(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, m=5, k=0)[-2:] == (0, 5)
    assert Empty() == ()


def test_a_field_with_a_default_before_one_without_is_refused() -> None:
    with pytest.raises(TypeError, match="default"):

        class Wrong(NamedTuple):
            """Fields in a wrong order."""

            size: int = 3
            name: str  # type: ignore[misc]
