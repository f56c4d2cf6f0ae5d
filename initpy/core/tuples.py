"""NamedTuple of the standard library, made in a tenth of its time: a boot waits for 150 of them.

The standard library compiles a constructor for each class, and checks each annotation. Here the
classes with the same number of fields share the code of one, under the names of their own fields.
Type checkers see the original. So does Python 3.14, which has no annotations yet when it makes a
class.
"""

from typing import TYPE_CHECKING


class _Annotated:
    field: int


if TYPE_CHECKING or "__annotations__" not in vars(_Annotated):
    from typing import NamedTuple as NamedTuple
else:
    import collections
    from types import FunctionType

    _new = tuple.__new__
    _getter = collections._tuplegetter
    # By the number of fields.
    _SHAPES = (
        lambda _cls: _new(_cls, ()),
        lambda _cls, a: _new(_cls, (a,)),
        lambda _cls, a, b: _new(_cls, (a, b)),
        lambda _cls, a, b, c: _new(_cls, (a, b, c)),
        lambda _cls, a, b, c, d: _new(_cls, (a, b, c, d)),
        lambda _cls, a, b, c, d, e: _new(_cls, (a, b, c, d, e)),
        lambda _cls, a, b, c, d, e, f: _new(_cls, (a, b, c, d, e, f)),
        lambda _cls, a, b, c, d, e, f, g: _new(_cls, (a, b, c, d, e, f, g)),
        lambda _cls, a, b, c, d, e, f, g, h: _new(_cls, (a, b, c, d, e, f, g, h)),
        lambda _cls, a, b, c, d, e, f, g, h, i: _new(_cls, (a, b, c, d, e, f, g, h, i)),
        lambda _cls, a, b, c, d, e, f, g, h, i, j: _new(_cls, (a, b, c, d, e, f, g, h, i, j)),
    )
    _CODES = tuple(each.__code__ for each in _SHAPES)
    # For more fields: the parameters are the only local variables, in their order.
    _WIDE = (lambda _cls: _new(_cls, _rest(locals().values()))).__code__

    def _rest(values):
        """All but the first, which is the class."""
        return tuple(values)[1:]

    class _Tuple(tuple):
        """What all of them can do beside their fields, as collections.namedtuple documents it."""

        __slots__ = ()

        @classmethod
        def _make(cls, values):
            made = _new(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__}: {len(made)} values for {len(cls._fields)} fields")
            return made

        def _replace(self, /, **changes):
            made = _new(type(self), map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(changes)}")
            return made

        __replace__ = _replace  # of copy.replace, from Python 3.13 on

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            values = map("{}={!r}".format, self._fields, self)
            return f"{type(self).__name__}({', '.join(values)})"

        def __getnewargs__(self):
            return tuple(self)

    class _Maker(type):
        """Makes a class of named tuples from the body of a class with annotations."""

        def __new__(cls, name, _, content):
            fields = tuple(content.get("__annotations__", ()))
            defaults = {each: content[each] for each in fields if each in content}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default is behind one with a default")
            content.update((field, _getter(place, "")) for place, field in enumerate(fields))
            content |= {
                "__new__": _constructor(name, fields, tuple(defaults.values())),
                "__slots__": (), "__match_args__": fields, "_fields": fields,
                "_field_defaults": defaults,
            }  # fmt: skip
            return type.__new__(type, name, (_Tuple,), content)

    def _constructor(name, fields, defaults):
        names = ("_cls", *fields)
        code = _CODES[len(fields)] if len(fields) < len(_CODES) else _WIDE
        code = code.replace(
            co_argcount=len(names),
            co_nlocals=len(names),
            co_varnames=names,
            co_name="__new__",
            co_qualname=f"{name}.__new__",
        )
        return FunctionType(code, globals(), "__new__", defaults)

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {})
