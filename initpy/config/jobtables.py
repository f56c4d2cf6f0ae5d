"""A table of a job file, with the place it came from, for messages that name it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from initpy.config.errors import InputError
from initpy.config.redaction import job_value
from initpy.core.jobs.matching import Match
from initpy.core.tuples import NamedTuple

LIMIT = 1e9  # of numbers
IN_PATTERN = re.compile(r"\{[A-Z][A-Z0-9_]*\}")  # a property; {2} is a number of repetitions


class Table(NamedTuple):
    """A table and where it is; each method checks what it returns, and raises InputError."""

    where: str
    content: Mapping[str, Any]

    def only(self, allowed: Iterable[str]) -> None:
        for key in self.content:
            if key not in allowed:
                expected = "one of " + ", ".join(sorted(allowed))
                raise InputError(f"{self.where}: key", key, expected)

    def get(self, key: str, kind: type, expected: str, default: Any = None) -> Any:
        if key not in self.content:
            if default is None:
                raise InputError(f"{self.where}: {key}", None, expected)
            return default
        value = self.content[key]
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not right:
            raise InputError(f"{self.where}: {key}", job_value(key, value), expected)
        return value

    def words(self, key: str) -> tuple[str, ...]:
        if key not in self.content:  # most keys are not: a boot asks for two thousand
            return ()
        value = self.get(key, list, "a list of strings", [])
        if not all(isinstance(each, str) and each for each in value):
            shown = job_value(key, value)
            raise InputError(f"{self.where}: {key}", shown, "a list of non-empty strings")
        return tuple(value)

    def strings(self, key: str) -> dict[str, str]:
        if key not in self.content:
            return {}
        value = self.get(key, dict, "a table of strings", {})
        for name, text in value.items():
            if not isinstance(text, str) or not text.lstrip("!"):
                raise InputError(f"{self.where}: {key}.{name}", text, "a pattern like 'ext4|xfs'")
        return dict(value)

    def matches(self, key: str) -> Match:
        """One table of patterns, or a list of tables of which one must fit."""
        value = self.content.get(key, {})
        if not isinstance(value, list):
            return Match.of(self.strings(key))
        tables = [Table(self.where, {key: each}).strings(key) for each in value]
        if not tables or not all(tables):
            raise InputError(
                f"{self.where}: {key}", value, "at least one table, none of them empty"
            )
        return Match.of(*tables)

    def number(self, key: str, default: float, lowest: float) -> float:
        if key not in self.content:
            return float(default)
        value = self.content[key]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and lowest <= value < LIMIT):  # TOML knows nan and inf
            raise InputError(f"{self.where}: {key}", value, f"a number, {lowest:g} or more")
        return float(value)

    def table(self, key: str, expected: str) -> "Table":
        """The table below this one."""
        return Table(f"{self.where}: {key}", self.get(key, dict, expected))

    def tables(self, key: str) -> list["Table"]:
        """The list of tables below this one; none without the key."""
        value = self.get(key, list, "a list of tables", [])
        if not all(isinstance(each, dict) for each in value):
            raise InputError(f"{self.where}: {key}", value, "a list of tables")
        return [
            Table(f"{self.where}: {key} {number}", each) for number, each in enumerate(value, 1)
        ]

    def pattern(self, key: str, text: str) -> str:
        """A regular expression of Python's re, which may have `{PROPERTY}` in it."""
        if not text:
            return text
        try:
            re.compile(IN_PATTERN.sub("x", text), re.MULTILINE)
        except re.error as error:
            expected = f"a regular expression ({error})"
            raise InputError(f"{self.where}: {key}", text, expected) from None
        return text

    def strings_of_properties(self) -> Iterable[tuple[str, str]]:
        """The texts of this table, which has nothing else."""
        for key, text in self.content.items():
            if not isinstance(text, str) or not text:
                raise InputError(f"{self.where}: {key}", text, "a text that is not empty")
            yield key, text
