"""dataclass(slots=True) of the standard library, made in a tenth of its time: a boot waits for 20.

The standard library compiles the methods of each class. Here all classes share theirs, which look
at the fields. So to make an object takes longer, and there are few: states of owners, drafts of
settings. Type checkers see the original.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
else:

    class _Factory:
        """What makes the value of a field in each object anew."""

        __slots__ = ("make",)

        def __init__(self, make):
            self.make = make

    def field(*, default_factory):
        """A field whose value each object makes for itself."""
        return _Factory(default_factory)

    def dataclass(*, slots):
        """Make a class with slots from its annotations."""
        assert slots
        return _with_slots

    def _with_slots(cls):
        content = {name: each for name, each in vars(cls).items() if name not in _OF_THE_FIRST}
        fields = tuple(cls.__annotations__)
        defaults = {each: content.pop(each) for each in fields if each in content}
        if tuple(defaults) != fields[len(fields) - len(defaults) :]:
            raise TypeError(f"{cls.__name__}: a field without a default is behind one with one")
        content |= {
            "__slots__": fields, "__match_args__": fields, "__qualname__": cls.__qualname__,
            "__init__": _init, "__eq__": _eq, "__repr__": _repr, "__hash__": None,
            "_defaults": defaults,
        }  # fmt: skip
        return type(cls)(cls.__name__, cls.__bases__, content)

    _OF_THE_FIRST = ("__dict__", "__weakref__")

    def _init(self, /, *values, **named):
        fields, defaults = self.__slots__, self._defaults
        name = type(self).__name__
        if len(values) > len(fields):
            raise TypeError(f"{name}: {len(values)} values for {len(fields)} fields")
        given = dict(zip(fields, values, strict=False))
        if wrong := [each for each in named if each in given or each not in fields]:
            raise TypeError(f"{name}: no field for the argument {', '.join(wrong)}")
        given |= named
        for each in fields:
            if each in given:
                value = given[each]
            elif each in defaults:
                value = defaults[each]
                value = value.make() if type(value) is _Factory else value
            else:
                raise TypeError(f"{name}: the argument {each} is missing")
            setattr(self, each, value)

    def _values(this):
        return [getattr(this, each) for each in this.__slots__]

    def _eq(self, other):
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def _repr(self):
        shown = map("{}={!r}".format, self.__slots__, _values(self))
        return f"{type(self).__qualname__}({', '.join(shown)})"
