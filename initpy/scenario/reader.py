"""Typed access to a TOML file; every error names the file, the line and the key."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from initpy.config.errors import InputError

_SIZE = re.compile(r"(\d+)([KMGT]?)")
_FACTOR = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_AT_LINE = re.compile(r"^(.*) \(at line (\d+), column \d+\)$")


@dataclass(slots=True)
class Table:
    """One table of the file; `end()` raises an error for keys that the caller did not read."""

    path: Path
    text: str
    header: str  # "disk", "expect.facts", "" for the top of the file
    index: int | None  # position among the tables of the same header
    content: Mapping[str, object]
    _asked: set[str] = field(default_factory=set)

    def where(self, key: str) -> str:
        """Return the place of a key for messages: file, line if known, key."""
        number = "" if self.index is None else f"[{self.index + 1}]"
        dotted = f"{self.header}{number}.{key}" if self.header else key
        line = _line_of(self.text, self.header, self.index, key)
        return f"{self.path}:{line}: {dotted}" if line else f"{self.path}: {dotted}"

    def wrong(self, key: str, expected: str) -> InputError:
        """Return the error to raise for a key's value."""
        return InputError(self.where(key), self.content.get(key), expected)

    def has(self, key: str) -> bool:
        """Return whether the file has the key."""
        self._asked.add(key)
        return key in self.content

    def _take(self, key: str) -> object:
        self._asked.add(key)
        return self.content.get(key)

    def string(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default the key is required."""
        value = self._take(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Return one of the choices; the default "" stands for none."""
        if (self.has(key) or default is None) and self._take(key) not in choices:
            raise self.wrong(key, "one of " + ", ".join(filter(None, choices)))
        return self.string(key, default)

    def boolean(self, key: str, default: bool) -> bool:
        """Return a boolean."""
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number of zero or more; without a default the key is required."""
        value = self.optional_number(key)
        if value is None:
            if default is None:
                raise self.wrong(key, "a number")
            return default
        return value

    def optional_number(self, key: str) -> float | None:
        """Return a number of zero or more; None without the key."""
        value = self._take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise self.wrong(key, "a number of zero or more")
        return float(value)

    def integer(self, key: str) -> int:
        """Return an integer, which may be negative; the key is required."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, "a whole number")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings; empty without the key."""
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def size(self, key: str) -> int | None:
        """Return a size such as 96M in bytes; None without the key."""
        if not self.has(key):
            return None
        value = self._take(key)
        match = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if match is None or int(match[1]) == 0:
            raise self.wrong(key, 'a size such as "96M"')
        return int(match[1]) * _FACTOR[match[2]]

    def pattern(self, key: str) -> re.Pattern[str]:
        """Return a regular expression."""
        return self._compile(key, self.string(key))

    def patterns(self, key: str) -> tuple[re.Pattern[str], ...]:
        """Return a list of regular expressions."""
        return tuple(self._compile(key, each) for each in self.strings(key))

    def _compile(self, key: str, text: str) -> re.Pattern[str]:
        try:
            return re.compile(text, re.MULTILINE)
        except re.error as error:
            raise InputError(self.where(key), text, f"a regular expression ({error})") from error

    def table(self, key: str) -> "Table":
        """Return a sub-table; empty without the key."""
        value = self._take(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, f"a table [{key}]")
        header = f"{self.header}.{key}" if self.header else key
        return Table(self.path, self.text, header, None, value or {})

    def tables(self, key: str) -> Iterator["Table"]:
        """Yield the tables of an array of tables, in order."""
        value = self._take(key)
        if value is None:
            return
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, f"tables [[{key}]]")
        header = f"{self.header}.{key}" if self.header else key
        for index, each in enumerate(value):
            yield Table(self.path, self.text, header, index, each)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs of a table with arbitrary keys and string values."""
        return tuple((key, self.string(key)) for key in self.content)

    def end(self) -> None:
        """Raise InputError for the first key that the caller did not read."""
        for key in self.content:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise InputError(self.where(key), key, f"one of the keys {known}")


def read_table(path: Path) -> Table:
    """Read a TOML file; return its top-level table."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise InputError(str(path), None, "a scenario file") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start}", "text in UTF-8") from None
    except OSError as error:
        raise InputError(str(path), error.strerror, "a readable scenario file") from error
    try:
        return Table(path, text, "", None, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        match = _AT_LINE.match(str(error))
        where, said = (f"{path}:{match[2]}", match[1]) if match else (str(path), str(error))
        line = text.splitlines()[int(match[2]) - 1].strip() if match else ""
        raise InputError(where, line, f"TOML ({said})") from error


def _line_of(text: str, header: str, index: int | None, key: str) -> int | None:
    """Return the line of a key, or of its table's header; tomllib does not keep line numbers."""
    opening = f"[[{header}]]" if index is not None else f"[{header}]"
    below = f"{header}.{key}" if header else key
    given = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*=""")
    inside = not header
    seen = -1
    found: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.split("#")[0].strip()
        if stripped.startswith("["):
            if stripped in (f"[{below}]", f"[[{below}]]") and (inside or not header):
                return number
            if inside and header:
                break
            if stripped == opening:
                seen += 1
            inside = stripped == opening and seen == (index or 0)
            found = number if inside else found
        elif inside and given.match(line):
            return number
    return found
