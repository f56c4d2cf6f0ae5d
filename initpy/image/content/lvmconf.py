"""Reads lvm.conf(5) as LVM does, and tells what LVM refuses of it.

Each command of LVM ends at its start if a file cannot be parsed, has comments only, or has a filter
that cannot be compiled. An empty file will do. LVM only warns of settings that it does not know, or
of another type (libdm-config.c, filter-regex.c and parse_rx.c of LVM).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Values = tuple[str, ...]
FILTERS = ("devices/filter", "devices/global_filter")
# A word of the file, behind blanks and comments. A NUL ends the file, and a quotation may have no
# end. A number stands only where a value may: the digits before anything else.
SPACE = r"(?:\s|\#[^\n]*)*"
TOKEN = re.compile(
    rf"""{SPACE}(?: (?P<end>\Z|\0) | (?P<mark>[{{}}\[\],=])
      | (?P<open>["']\Z) | "(?P<escaped>(?:\\[\s\S]|[^"\\])*)(?:"|\\?\Z)
      | '(?P<quoted>[^']*)(?:'|\Z) | (?P<word>[^\s\#={{}}\0]+) )""",
    re.VERBOSE,
)
NUMBER = re.compile(rf"{SPACE}(?P<number>[+-]\d*(?:\.\d*)?|\d+(?:\.\d*)?|\.\d*)")
BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
VALUES = ("number", "value", "escaped", "quoted")
DEEPEST = 500  # brackets of an expression that is followed
CLOSING = {"(": ")", "[": "]", "{": "}"}


class LvmConfError(ValueError):
    """LVM does not take the file; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the file: `kind` is a group of TOKEN, or the mark itself."""

    kind: str
    text: str
    place: int  # in the file


class _Reader:
    """Follows LVM's grammar: sections, settings, values."""

    def __init__(self, text: str) -> None:
        self.found: dict[str, Values] = {}
        self._text = text
        self._place = 0
        self._token = Token("", "", 0)
        self._inside: list[str] = []  # names of the sections
        self._next()

    def file(self) -> None:
        if self._text and self._token.kind == "end":
            raise self._fail("a setting or a section")
        while self._token.kind != "end":
            self._section()

    def _next(self, *, value: bool = False) -> None:
        """Read the next word; `value`: one that is not quoted is a value there, else a name."""
        number = NUMBER.match(self._text, self._place) if value else None
        match = number or TOKEN.match(self._text, self._place)
        assert match is not None  # any character begins a word
        kind = match.lastgroup or ""
        text = match[kind]
        self._place = match.end()
        name = {"mark": text, "word": "value" if value else "word"}.get(kind, kind)
        self._token = Token(name, text, match.start(kind))

    def _fail(self, expected: str) -> LvmConfError:
        token = self._token
        shown = "the end of the file" if token.kind == "end" else repr(token.text[:40])
        line = self._text.count("\n", 0, token.place) + 1
        return LvmConfError(f"line {line}: expected {expected}, not {shown}")

    def _section(self) -> None:
        """Read `NAME { … }` and `NAME = VALUE`, in sections of any depth."""
        self._named()
        while self._inside:
            if self._token.kind == "}":
                self._inside.pop()
                self._next()
            else:
                self._named()

    def _named(self) -> None:
        """Read a name with its value, or the beginning of a section."""
        if self._token.kind not in ("word", "value", "escaped", "quoted") or not self._token.text:
            raise self._fail("a setting, or `}`" if self._inside else "a setting or a section")
        name = self._token.text.strip("/")
        self._next()
        if self._token.kind == "{":
            if self._inside == ["tags"]:
                self.found[f"tags/{name}"] = ()  # a tag of the host, which may say nothing else
            self._inside.append(name)
            self._next()
            return
        if self._token.kind != "=":
            raise self._fail(f"`=` behind {name}")
        self._next(value=True)
        # Deeper ones are no settings that LVM knows.
        self.found["/".join([*self._inside[:2], name])] = tuple(self._values())

    def _values(self) -> Iterator[str]:
        if self._token.kind != "[":
            yield self._value()
            return
        self._next(value=True)
        while self._token.kind != "]":
            yield self._value()
            if self._token.kind == ",":
                self._next(value=True)
        self._next()

    def _value(self) -> str:
        token = self._token
        if token.kind not in VALUES:
            raise self._fail("a value")
        self._next()
        return BACKSLASH.sub(r"\1", token.text) if token.kind == "escaped" else token.text


def read(text: str) -> dict[str, Values]:
    """Return the settings by SECTION/NAME. Raises LvmConfError."""
    reader = _Reader(text)
    reader.file()
    return reader.found


READAHEAD = "activation/readahead"
CHOICES = {
    "activation/activation_mode": ("degraded", "complete", "partial"), READAHEAD: ("auto", "none"),
}  # fmt: skip
# How report(7) writes sizes: a letter, maybe with a number before it.
UNITS = re.compile(r"(?:\d+(?:\.\d*)?)?[hrbskmgtpe]", re.IGNORECASE)


def refusal(settings: Mapping[str, Values]) -> str:
    """Return why each command of LVM ends at a setting; "" if none does."""
    for key in FILTERS:
        patterns = settings.get(key)
        if patterns is None:
            continue
        if not patterns:
            return f"{key} is empty"
        for each in patterns:
            if each[:1] not in ("a", "r"):
                return f"{key} has {each!r}, which begins neither with `a` nor with `r`"
            if len(each) > 1 and not each.endswith(closing(each[1])):
                return f"{key} has {each!r}, which does not end with its delimiter"
        if not _compiles([each[2:-1] for each in reversed(patterns)]):
            return f"{key} has an expression that LVM cannot read: {', '.join(patterns)}"
    preferred = settings.get("devices/preferred_names", ())
    if preferred and not _compiles([*reversed(preferred)]):
        shown = ", ".join(preferred)
        return f"devices/preferred_names has an expression that LVM cannot read: {shown}"
    if settings.get("devices/scan", ("/dev",)) in ((), ("",)):
        return "devices/scan is empty"
    if not _are_types(settings.get("devices/types", ("any", "1"))):
        return "devices/types has no name with a number of partitions behind it"
    for key, words in CHOICES.items():
        value = " ".join(settings.get(key, words[:1]))
        if value not in words and not (key == READAHEAD and value.isdigit()):
            return f"{key} has {value!r}, which is none of {', '.join(words)}"
    units = settings.get("global/units", ("r",))
    if units != ("",) and not UNITS.fullmatch(" ".join(units)):
        return f"global/units has {' '.join(units)!r}, which is no unit of sizes"
    return ""


def _are_types(values: Values) -> bool:
    """Return whether a list has names of drivers, each with a number."""
    numbers = all(each.isdigit() and int(each) for each in values[1::2])
    return bool(values) and len(values) % 2 == 0 and numbers


def closing(opening: str) -> str:
    """Return the delimiter that ends an expression which this one begins."""
    return CLOSING.get(opening, opening)


# A character, a set of them, or a character with a meaning.
PART = re.compile(r"(?P<plain>\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|[^\\\[()*+?|])|(?P<sign>[()*+?|])")


def _compiles(patterns: list[str]) -> bool:
    """Return whether LVM compiles expressions, which it puts into one."""
    text = "|".join(f"(.*({each})\0)" for each in patterns)
    expression = _Expression(text)
    return text.count("(") > DEEPEST or expression.alternatives()


class _Expression:
    """Follows LVM's parser, whose methods say whether they have read anything."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._sign: str | None = None
        self._next()

    def _next(self) -> None:
        """Read a part: "" for a plain one, its sign, None at the end and at what has no end."""
        match = PART.match(self._text, self._place)
        self._sign = (match["sign"] or "") if match else None
        self._place = match.end() if match else len(self._text)

    def alternatives(self) -> bool:
        while self._sequence():
            if self._sign != "|":
                return True
            self._next()
        return False

    def _sequence(self) -> bool:
        if not self._repeated():
            return False
        while self._sign != "|" and self._repeated():
            pass
        return True

    def _repeated(self) -> bool:
        if not self._part():
            return False
        while self._sign and self._sign in "*+?":
            self._next()
        return True

    def _part(self) -> bool:
        if self._sign == "(":
            self._next()
            found = self.alternatives()
            if self._sign != ")":
                return False
            self._next()
            return found
        if self._sign == "":
            self._next()
            return True
        return False
