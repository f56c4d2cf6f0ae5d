"""Our classes with slots are those of the standard library; only their making is cheaper."""

import copy
import dataclasses

import pytest

from initpy.core.slots import dataclass, field


@dataclass(slots=True)
class Ours:
    """A few fields."""

    name: str
    size: int = 3
    words: list[str] = field(default_factory=list)

    def longest(self) -> int:
        """The length of the longest word."""
        return max(map(len, self.words), default=0)


@dataclasses.dataclass(slots=True)
class Theirs:
    """A few fields."""

    name: str
    size: int = 3
    words: list[str] = dataclasses.field(default_factory=list)


def test_they_say_of_themselves_what_the_original_says() -> None:
    for name in ("__slots__", "__match_args__", "__annotations__", "__doc__", "__hash__"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert repr(Ours("a", 1)) == repr(Theirs("a", 1)).replace("Theirs", "Ours")
    assert (Ours.__module__, Ours.__qualname__) == (__name__, "Ours")


def test_objects_change_and_have_no_other_attributes() -> None:
    made = Ours("a", words=["b"])
    made.size = 5
    made.words.append("ccc")
    assert made == Ours("a", 5, ["b", "ccc"])
    assert made.longest() == 3
    with pytest.raises(AttributeError):
        setattr(made, "color", 4)  # noqa: B010


def test_each_object_makes_its_own_value() -> None:
    one, other = Ours("a"), Ours("a")
    assert one == other
    one.words.append("b")
    assert (other.words, one == other) == ([], False)


def test_only_the_same_class_is_equal() -> None:
    theirs: object = Theirs("a")
    assert Ours("a") != theirs


def test_copies_have_the_class() -> None:
    made = Ours("a", 4, ["b"])
    for each in (copy.copy(made), copy.deepcopy(made)):
        assert type(each) is Ours
        assert each == made


def test_a_pattern_names_the_fields_in_their_order() -> None:
    match Ours("a", 4):
        case Ours(name, size):
            assert (name, size) == ("a", 4)


def test_wrong_arguments_are_an_error_that_names_the_class() -> None:
    with pytest.raises(TypeError, match="Ours: the argument name is missing"):
        Ours()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Ours: no field for the argument color"):
        Ours("a", color=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Ours: no field for the argument name"):
        Ours("a", name="b")  # type: ignore[misc]
    with pytest.raises(TypeError, match="Ours: 4 values for 3 fields"):
        Ours("a", 1, [], 2)  # type: ignore[call-arg]


def test_a_field_with_a_default_before_one_without_is_refused() -> None:
    with pytest.raises(TypeError, match="default"):

        @dataclass(slots=True)
        class Wrong:
            """Fields in a wrong order."""

            size: int = 3
            name: str  # type: ignore[misc]
