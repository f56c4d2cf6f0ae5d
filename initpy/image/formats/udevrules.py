"""Reads the rules of udev(7), as far as a device's properties tell what they do."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

TOKEN = re.compile(
    r'([A-Z_]+)(?:\{([^}"]*)\})?\s*(==|!=|\+=|-=|:=|=)\s*[ei]{0,2}"((?:[^"\\]|\\.)*)"'
)
COMPARING = ("==", "!=")
CONTINUED = re.compile(r"\\\n")
SUBSTITUTION = re.compile(r"[$%]")
# Returns what a device has for a key, KERNEL or ENV{NAME}; None if nothing tells.
Known = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a rule: ENV{ID_FS_TYPE}=="ext4"."""

    key: str
    attribute: str  # in braces; "" without
    operator: str
    value: str

    def __str__(self) -> str:
        inside = f"{{{self.attribute}}}" if self.attribute else ""
        return f'{self.key}{inside}{self.operator}"{self.value}"'

    @property
    def is_computed(self) -> bool:
        """Return whether only udevd knows the value."""
        return SUBSTITUTION.search(self.value) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: what a device must have, and what is done then."""

    line: int
    conditions: tuple[Token, ...]
    effects: tuple[Token, ...]

    def applies(self, known: Known) -> bool | None:
        """Return whether it is about a device; None if nothing tells."""
        found = [_holds(each, known) for each in self.conditions]
        if False in found:
            return False
        return None if None in found else True

    @property
    def words(self) -> tuple[Token, ...]:
        """The whole line."""
        return (*self.conditions, *self.effects)

    def value(self, key: str) -> str:
        """Return the value of the effect with this key (GOTO, LABEL); "" without."""
        return next((each.value for each in self.effects if each.key == key), "")


def read(text: str) -> Iterator[Rule]:
    """Yield the rules of a file."""
    number = 1
    for whole in re.split(r"(?<!\\)\n", text):
        line = CONTINUED.sub("", whole).strip()
        if line and not line.startswith("#"):
            tokens = [Token(*each) for each in TOKEN.findall(line)]
            yield Rule(
                number,
                tuple(each for each in tokens if each.operator in COMPARING),
                tuple(each for each in tokens if each.operator not in COMPARING),
            )
        number += whole.count("\n") + 1


def reached(rules: list[Rule], known: Known) -> Iterator[Rule]:
    """Yield the rules that a device may get to, past those that it surely jumps over."""
    goal = ""
    for rule in rules:
        if goal and rule.value("LABEL") != goal:
            continue
        goal = ""
        applies = rule.applies(known)
        if applies is not False:
            yield rule
        if applies and (target := rule.value("GOTO")):
            later = rules[rules.index(rule) :]
            goal = target if any(each.value("LABEL") == target for each in later) else ""


def _holds(token: Token, known: Known) -> bool | None:
    key = f"{token.key}{{{token.attribute}}}" if token.attribute else token.key
    value = known(key)
    if value is None or token.is_computed:
        return None
    same = any(fnmatchcase(value, each) for each in token.value.split("|"))
    return same if token.operator == "==" else not same
